// Bypass: keeps the promise that workers make no system call. A seccomp filter on a thread makes every call of it fatal.
//
// Nothing is allowed but what tells of the breach and ends the process: one write of our own words to the standard error
// output, from a buffer that nothing else has, and exit_group with a status that nothing else uses. So a thread that
// entered can neither sleep, nor log, nor end: it leaves its work through memory and pauses until the process exits
// (docs/decisions/0004). The filter cannot be taken off again.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <vector>

struct sock_filter;

namespace penstock::runtime {

// The process's exit status after a worker made a system call.
inline constexpr int exit_bypass_broken = 3;

class Bypass {
 public:
  // Makes the filter and the list of the calls' names, and takes SIGSYS. Main thread, before workers start, once. The error
  // is a sentence that tells what the kernel lacks.
  static std::expected<std::unique_ptr<Bypass>, std::string> prepare();
  ~Bypass();
  Bypass(const Bypass&) = delete;
  Bypass& operator=(const Bypass&) = delete;

  // From here on each system call of the calling thread ends the process with a sentence that names the call and `worker`.
  // Signals stay away from the thread, as returning from a handler is a call, too.
  void enter(std::uint32_t worker) const;

 private:
  Bypass();

  std::vector<sock_filter> filter_;
};

}  // namespace penstock::runtime
