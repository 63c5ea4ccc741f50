// planted_stuck: a whole node one of whose workers stops turning, to show that the watchdog is not fed then.
//
// Not shipped. `planted_stuck WORKER SECONDS` serves on net_null; after so many seconds the service of that worker never
// returns. It sleeps meanwhile, which to all others is the same as a loop without end, and leaves the CPU to them. The
// arguments behind are more words for EAL. Nobody would end it if run.py were killed, so it ends itself after a while.
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "control/config.hpp"
#include "runtime/node.hpp"

namespace {

using namespace penstock;

class Sleeper final : public Application {
 public:
  explicit Sleeper(Duration after) : after_(after) {}
  void on_start(Connections&, Instant now) override { deadline_ = now + after_; }
  void on_events(Connections&, std::span<const ConnectionEvent>, Instant) override {}
  void on_timeout(Connections&, Instant) override {
    for (;;) pause();
  }
  Instant next_deadline() const override { return deadline_; }
  std::span<const std::byte> memory() const override { return std::as_bytes(std::span(this, 1)); }

 private:
  Duration after_;
  Instant deadline_;
};

constexpr const char* configuration = R"(
[limits]
sessions_max = 64
drain_timeout_s = 0
[workers]
poll = "adaptive"
[[port]]
device = "net_null0"
addresses = ["10.77.0.2/24"]
[[listener]]
name = "echo"
port = 4000
service = "echo"
)";

// More than run.py waits for a start and for an end.
constexpr unsigned lifetime_s_max = 180;

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  // From the kernel's timer, which needs no thread of ours to be alive; SIGALRM ends the process.
  alarm(lifetime_s_max);
  const long worker = std::atol(argv[1]);
  const Duration after = Duration::seconds(std::atol(argv[2]));
  const auto config = control::parse_config(configuration, "planted.toml");
  if (!config) return 2;
  std::vector<std::string> eal{"--no-pci", "--no-huge", "-m", "256", "--vdev=net_null0,no-rx=1"};
  eal.insert(eal.end(), argv + 3, argv + argc);
  long made = 0;
  runtime::Program program;
  // Asked for once a worker, in their order.
  program.services.make = [&](const runtime::Plan&, Arena&, TickClock) {
    std::vector<std::unique_ptr<Application>> services;
    services.push_back(std::make_unique<Sleeper>(made++ == worker ? after : Duration::max()));
    return services;
  };
  program.services.arena_bytes = [](const runtime::Plan&) { return std::size_t{0}; };
  return runtime::run(*config, eal, program);
}
