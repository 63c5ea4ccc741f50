#include "runtime/bypass.hpp"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "base/assert.hpp"

namespace penstock::runtime {

namespace {

constexpr std::size_t calls_max = 512;      // numbers of x86-64's calls end below it
constexpr std::size_t name_bytes_max = 32;  // the longest is shorter, and it is cut
constexpr std::size_t quoted_bytes_max = 256;

// What the handler works with. It must not allocate, so all of it is made by prepare().
std::array<std::array<char, name_bytes_max>, calls_max> names;
std::array<char, 1024> words;  // the one buffer that may be written
std::atomic_flag words_taken;  // by the first thread that broke the promise; the others wait for the end
thread_local std::uint32_t this_worker = 0;

// Text put together in `words`.
class Sentence {
 public:
  void add(std::string_view text) {
    const std::size_t count = std::min(text.size(), words.size() - length_);
    std::copy_n(text.begin(), count, words.begin() + static_cast<std::ptrdiff_t>(length_));
    length_ += count;
  }
  void add(std::uint64_t number) {
    std::array<char, 20> digits;
    std::size_t first = digits.size();
    do {
      digits[--first] = static_cast<char>('0' + number % 10);
      number /= 10;
    } while (number != 0);
    add({digits.data() + first, digits.size() - first});
  }
  std::size_t length() const { return length_; }

 private:
  std::size_t length_ = 0;
};

// What a breach by write() wanted to say: an assertion's last words, or a driver's complaint.
void add_written(Sentence& sentence, const ucontext_t& context) {
  const auto* text = reinterpret_cast<const char*>(context.uc_mcontext.gregs[REG_RSI]);
  const auto length = static_cast<std::size_t>(context.uc_mcontext.gregs[REG_RDX]);
  sentence.add("penstock: it wanted to write: ");
  sentence.add({text, std::min(length, quoted_bytes_max)});
  sentence.add("\n");
}

// Runs on the thread that made the call, in place of the call.
void on_call(int, siginfo_t* info, void* context) {
  while (words_taken.test_and_set()) __builtin_ia32_pause();
  const auto number = static_cast<std::size_t>(info->si_syscall);
  Sentence sentence;
  sentence.add("penstock: worker ");
  sentence.add(std::uint64_t{this_worker});
  sentence.add(" made the system call ");
  if (number < calls_max && names[number][0] != '\0') sentence.add(std::string_view(names[number].data()));
  else sentence.add(std::uint64_t{number});
  sentence.add(", which --strict-bypass forbids: the process ends\n");
  if (number == SYS_write) add_written(sentence, *static_cast<const ucontext_t*>(context));
  syscall(SYS_write, STDERR_FILENO, words.data(), sentence.length());
  syscall(SYS_exit_group, exit_bypass_broken);
}

void learn_names() {
  for (std::size_t number = 0; number < calls_max; ++number) {
    char* name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, static_cast<int>(number));
    if (name == nullptr) continue;
    std::strncpy(names[number].data(), name, name_bytes_max - 1);
    std::free(name);
  }
}

// The two calls of on_call(), and nothing else.
bool add_rules(scmp_filter_ctx filter) {
  const auto buffer = reinterpret_cast<scmp_datum_t>(words.data());
  return seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_TRAP) == 0 &&
         seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(write), 2, SCMP_A0(SCMP_CMP_EQ, STDERR_FILENO),
                          SCMP_A1(SCMP_CMP_EQ, buffer)) == 0 &&
         seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(exit_group), 1,
                          SCMP_A0(SCMP_CMP_EQ, static_cast<scmp_datum_t>(exit_bypass_broken))) == 0;
}

// The filter as the kernel takes it; empty when it could not be made. Loading it then needs no memory, which to give back
// might already be a call.
std::vector<sock_filter> make_filter() {
  std::vector<sock_filter> program;
  scmp_filter_ctx filter = seccomp_init(SCMP_ACT_TRAP);
  const int file = memfd_create("penstock-bypass", MFD_CLOEXEC);
  if (filter != nullptr && file >= 0 && add_rules(filter) && seccomp_export_bpf(filter, file) == 0) {
    program.resize(static_cast<std::size_t>(lseek(file, 0, SEEK_END)) / sizeof(sock_filter));
    const std::size_t bytes = program.size() * sizeof(sock_filter);
    if (pread(file, program.data(), bytes, 0) != static_cast<ssize_t>(bytes)) program.clear();
  }
  if (file >= 0) close(file);
  if (filter != nullptr) seccomp_release(filter);
  return program;
}

}  // namespace

Bypass::Bypass() : filter_(make_filter()) {}
Bypass::~Bypass() = default;

std::expected<std::unique_ptr<Bypass>, std::string> Bypass::prepare() {
  const std::uint32_t action = SECCOMP_RET_TRAP;
  if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) != 0) {
    return std::unexpected(std::string("--strict-bypass: the kernel has no seccomp filters: ") + std::strerror(errno));
  }
  std::unique_ptr<Bypass> bypass(new Bypass());
  if (bypass->filter_.empty()) return std::unexpected("--strict-bypass: libseccomp could not make the filter");
  learn_names();
  struct sigaction caught {};
  caught.sa_sigaction = on_call;
  caught.sa_flags = SA_SIGINFO;
  sigfillset(&caught.sa_mask);
  const int taken = sigaction(SIGSYS, &caught, nullptr);
  PENSTOCK_ASSERT(taken == 0);
  return bypass;
}

void Bypass::enter(std::uint32_t worker) const {
  this_worker = worker;
  // Those that the thread itself raises come all the same: SIGSYS must, and a fault should keep its name.
  sigset_t blocked;
  sigfillset(&blocked);
  for (const int own : {SIGSYS, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP}) sigdelset(&blocked, own);
  const int masked = pthread_sigmask(SIG_BLOCK, &blocked, nullptr);
  PENSTOCK_ASSERT(masked == 0);
  // The kernel asks for this of whoever is not privileged; it is the thread's alone.
  const int renounced = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  PENSTOCK_ASSERT(renounced == 0);
  const sock_fprog program = {.len = static_cast<unsigned short>(filter_.size()),
                              .filter = const_cast<sock_filter*>(filter_.data())};
  const long entered = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
  PENSTOCK_ASSERT(entered == 0);
}

}  // namespace penstock::runtime
