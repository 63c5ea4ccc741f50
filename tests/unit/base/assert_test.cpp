// Shows that PENSTOCK_ASSERT lets a true fact pass and ends the process with the fact and its place on stderr otherwise.
// How: in a forked child whose stderr is a pipe.
#include "base/assert.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <string>

#include "aborts.hpp"

using namespace penstock;

TEST_CASE("a fact that holds passes and is evaluated once", "[assert]") {
  int asked = 0;
  PENSTOCK_ASSERT(++asked == 1);
  CHECK(asked == 1);
}

TEST_CASE("a fact that does not hold aborts, in release builds too", "[assert]") {
  CHECK(test::aborts([] { PENSTOCK_ASSERT(1 + 1 == 3); }));
  CHECK_FALSE(test::aborts([] { PENSTOCK_ASSERT(1 + 1 == 2); }));
}

TEST_CASE("the message names the fact and its place", "[assert]") {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(ends[1], STDERR_FILENO);
    std::signal(SIGABRT, SIG_DFL);
    assertion_failed("sky == green", "weather.cpp", 42);
  }
  ::close(ends[1]);
  std::string text;
  char part[256];
  for (ssize_t count = 0; (count = ::read(ends[0], part, sizeof part)) > 0;) {
    text.append(part, static_cast<std::size_t>(count));
  }
  ::close(ends[0]);
  ::waitpid(child, nullptr, 0);
  CHECK(text.find("assertion failed: sky == green (weather.cpp:42)") != std::string::npos);
}
