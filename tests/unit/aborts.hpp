// aborts(): whether a piece of code ends the process by PENSTOCK_ASSERT, for tests of what a caller must not do.
//
// The code runs in a forked child whose stderr is thrown away, so the test itself goes on. For single-threaded tests.
#pragma once

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

namespace penstock::test {

template <class Code>
bool aborts(Code&& code) {
  const pid_t child = ::fork();
  if (child == 0) {
    const int nowhere = ::open("/dev/null", O_WRONLY);
    ::dup2(nowhere, STDERR_FILENO);
    // Catch2's own handler would report the signal as a failure of this test.
    std::signal(SIGABRT, SIG_DFL);
    code();
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

}  // namespace penstock::test
