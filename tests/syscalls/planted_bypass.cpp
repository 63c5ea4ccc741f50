// planted_bypass: a whole node under strict bypass whose service breaks the promise, to show that the filter is there.
//
// Not shipped. `planted_bypass CALL` serves on net_null with one service, which half a second after the start makes the
// system call: `getpid`, `sendto`, or `none` for a node that must live on until a signal. run.py reads how it ended. The
// arguments behind CALL are more words for EAL (`-l 0-1`). It polls, and nobody would end it if run.py were killed, so it ends
// itself after a while.
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "control/config.hpp"
#include "runtime/node.hpp"

namespace {

using namespace penstock;

class Breaker final : public Application {
 public:
  explicit Breaker(std::string call) : call_(std::move(call)) {}
  void on_start(Connections&, Instant now) override { deadline_ = now + Duration::ms(500); }
  void on_events(Connections&, std::span<const ConnectionEvent>, Instant) override {}
  void on_timeout(Connections&, Instant) override {
    deadline_ = Instant::never();
    if (call_ == "getpid") syscall(SYS_getpid);
    if (call_ == "sendto") syscall(SYS_sendto, -1, nullptr, 0, 0, nullptr, 0);
  }
  Instant next_deadline() const override { return deadline_; }
  std::span<const std::byte> memory() const override { return std::as_bytes(std::span(this, 1)); }

 private:
  std::string call_;
  Instant deadline_;
};

constexpr const char* configuration = R"(
[limits]
sessions_max = 64
drain_timeout_s = 0
[workers]
strict_bypass = true
[[port]]
device = "net_null0"
addresses = ["10.77.0.2/24"]
[[listener]]
name = "broken"
port = 4000
service = "echo"
)";

// More than run.py waits for a start and for an end.
constexpr unsigned lifetime_s_max = 180;

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  // From the kernel's timer, which needs no thread of ours to be alive; SIGALRM ends the process.
  alarm(lifetime_s_max);
  const std::string call = argv[1];
  const auto config = control::parse_config(configuration, "planted.toml");
  if (!config) return 2;
  std::vector<std::string> eal{"--no-pci", "--no-huge", "-m", "256", "--vdev=net_null0,no-rx=1"};
  eal.insert(eal.end(), argv + 2, argv + argc);
  runtime::Program program;
  program.services.make = [&call](const runtime::Plan&, Arena&, TickClock) {
    std::vector<std::unique_ptr<Application>> services;
    services.push_back(std::make_unique<Breaker>(call));
    return services;
  };
  program.services.arena_bytes = [](const runtime::Plan&) { return std::size_t{0}; };
  return runtime::run(*config, eal, program);
}
