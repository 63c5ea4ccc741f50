#include "runtime/node.hpp"

#include <fmt/format.h>
#include <pthread.h>
#include <rte_lcore.h>
#include <rte_version.h>
#include <unistd.h>

#include <cstdio>
#include <expected>
#include <optional>

#include "control/command_line.hpp"
#include "control/eal_arguments.hpp"
#include "control/telemetry.hpp"
#include "impair/impaired_port.hpp"
#include "nic/eal.hpp"
#include "nic/predecessor.hpp"
#include "nic/runtime_dir.hpp"
#include "runtime/bypass.hpp"
#include "runtime/crew.hpp"
#include "runtime/keeper.hpp"
#include "runtime/notify.hpp"
#include "runtime/random.hpp"
#include "runtime/seat.hpp"
#include "runtime/start_check.hpp"
#include "runtime/start_report.hpp"

namespace penstock::runtime {

namespace {

using Failure = std::unexpected<std::string>;

// Leaves no file of EAL's behind, once EAL is over.
struct Sweep {
  std::optional<nic::RuntimeDir> dir;
  ~Sweep() {
    if (dir) nic::sweep_runtime_dir(*dir);
  }
};

// Everything that a running node consists of. Members are destroyed in reverse order: control first, EAL last.
class Node {
 public:
  Node(const control::Config& config, const Program& program) : config_(config), program_(program) {}

  std::expected<void, std::string> start(const std::vector<std::string>& eal_words);
  void serve();
  // Workers leave the ports, then the ports close.
  void stop();
  // Why it could not start, to the service manager.
  void tell_failure(const std::string& sentence) const;

 private:
  std::expected<void, std::string> take_prefix(const std::vector<std::string>& eal_words);
  std::expected<void, std::string> start_eal(const std::vector<std::string>& eal_words);
  std::expected<void, std::string> make_seats();
  std::expected<void, std::string> open_ports();
  std::expected<void, std::string> wrap_ports();
  void seat_workers();
  std::expected<void, std::string> let_workers_rest();
  std::expected<void, std::string> forbid_system_calls();
  void map_memory();
  std::expected<void, std::string> start_telemetry();
  nic::PortSettings settings_of(std::size_t number) const;
  void report() const;
  void say(const std::string& sentence) const { fmt::print("{}: {}\n", program_.name, sentence); }

  const control::Config& config_;
  const Program& program_;
  Plan plan_;
  Notify notify_;
  Sweep sweep_;
  std::unique_ptr<nic::Eal> eal_;
  std::unique_ptr<nic::TscClock> clock_;
  std::vector<std::unique_ptr<Seat>> seats_;
  std::vector<std::unique_ptr<nic::DpdkPort>> ports_;
  std::vector<std::unique_ptr<HugeMemory>> impair_memory_;
  std::vector<std::unique_ptr<Arena>> impair_arenas_;
  std::vector<std::unique_ptr<impair::ImpairedPort>> impaired_;
  std::vector<std::unique_ptr<Port>> wrapped_;  // the program's own
  std::vector<Port*> port_list_;                // by port number, the outermost
  std::unique_ptr<HandoffRings> handoff_;
  std::atomic<Phase> phase_{Phase::serving};
  std::vector<MemoryMap> memory_;   // by worker
  std::unique_ptr<Bypass> bypass_;  // only under strict bypass
  std::unique_ptr<Keeper> keeper_;
  std::unique_ptr<control::Telemetry> telemetry_;
};

std::expected<void, std::string> Node::start(const std::vector<std::string>& eal_words) {
  if (auto notify = Notify::from_environment()) notify_ = std::move(*notify);
  else say(notify.error());
  if (auto taken = take_prefix(eal_words); !taken) return taken;
  if (auto possible = nic::preflight(start_check(config_, eal_words)); !possible) return possible;
  if (auto done = start_eal(eal_words); !done) return done;
  for (const control::PortConfig& port : config_.ports) {
    nic::PortSettings asked;
    asked.device = port.device;
    asked.mtu = static_cast<std::uint16_t>(port.mtu);
    if (auto possible = nic::check_port(asked, eal_->lcores().size()); !possible) return possible;
  }
  if (auto done = make_seats(); !done) return done;
  if (auto done = open_ports(); !done) return done;
  if (auto done = wrap_ports(); !done) return done;
  seat_workers();
  if (auto done = let_workers_rest(); !done) return done;
  if (auto done = forbid_system_calls(); !done) return done;
  map_memory();
  report();
  return start_telemetry();
}

std::expected<void, std::string> Node::take_prefix(const std::vector<std::string>& eal_words) {
  const std::string prefix = control::file_prefix_of(eal_words);
  const auto dir = nic::runtime_dir_for(prefix);
  if (!dir) return Failure(dir.error());
  if (auto ours = nic::check_runtime_dir(*dir, geteuid()); !ours) return ours;
  if (auto nobody = nic::check_prefix_free(*dir, prefix); !nobody) return nobody;
  // Files that are kept on purpose are for the next start to use.
  const bool kept = control::eal_value_of(eal_words, "--huge-unlink") == "never";
  const auto mounts = kept ? std::vector<nic::HugepageMount>() : nic::hugepage_mounts();
  const auto huge_dir = kept ? std::string() : control::eal_value_of(eal_words, "--huge-dir").value_or("");
  const nic::Leftovers left = nic::sweep_predecessor(*dir, prefix, mounts, huge_dir);
  if (const std::string what = left.text(); !what.empty())
    say(fmt::format("removed {} of a process that ended without a stop", what));
  sweep_.dir = *dir;
  return {};
}

std::expected<void, std::string> Node::start_eal(const std::vector<std::string>& eal_words) {
  std::vector<std::string> words{program_.name};
  words.insert(words.end(), eal_words.begin(), eal_words.end());
  auto eal = nic::Eal::start(words);
  if (!eal) return Failure(eal.error());
  eal_ = std::make_unique<nic::Eal>(std::move(*eal));
  if (eal_->lcores().size() > program_.workers_max) {
    return Failure(fmt::format("-l: {} lcores are more than {} can use, {}", eal_->lcores().size(), program_.name,
                               program_.workers_max));
  }
  auto clock = nic::TscClock::calibrate();
  if (!clock) return Failure(clock.error());
  clock_ = std::move(*clock);
  return {};
}

std::expected<void, std::string> Node::make_seats() {
  plan_ = plan_node(config_, static_cast<std::uint32_t>(eal_->lcores().size()));
  if (auto sentence = shortfall(plan_)) return Failure(*sentence);
  for (const nic::Lcore& lcore : eal_->lcores()) {
    seats_.push_back(std::make_unique<Seat>(static_cast<std::uint32_t>(seats_.size()), lcore));
    if (auto done = seats_.back()->reserve(plan_, program_.services); !done) return done;
  }
  handoff_ = std::make_unique<HandoffRings>(static_cast<std::uint32_t>(seats_.size()));
  return {};
}

nic::PortSettings Node::settings_of(std::size_t number) const {
  const control::PortConfig& port = config_.ports[number];
  nic::PortSettings settings;
  settings.device = port.device;
  settings.rx_descriptors = static_cast<std::uint16_t>(config_.limits.rx_descriptors);
  settings.tx_descriptors = static_cast<std::uint16_t>(config_.limits.tx_descriptors);
  settings.mtu = static_cast<std::uint16_t>(port.mtu);
  settings.multicast = net::Stack::multicast_groups(plan_.node.stack, static_cast<std::uint16_t>(number));
  settings.rss_random.resize(128);
  fill_random(settings.rss_random);
  settings.trusts_local_sums = port.rx_checksum == control::RxChecksum::trust_local;
  settings.link_payload = port.tx_mode == control::TxMode::link;
  settings.rx_interrupts = config_.workers.poll == control::Poll::adaptive;
  return settings;
}

std::expected<void, std::string> Node::open_ports() {
  for (std::size_t number = 0; number < config_.ports.size(); ++number) {
    std::vector<nic::QueuePools> pools;
    for (const auto& seat : seats_) pools.push_back({.blocks = &seat->pool(), .indirect = seat->indirect()});
    auto port = nic::DpdkPort::open(settings_of(number), pools);
    if (!port) return Failure(port.error());
    ports_.push_back(std::move(*port));
  }
  // Port set-up filled the RX rings through this lcore's caches; what stayed there no worker would get.
  for (const auto& seat : seats_) seat->pool().flush_lcore_cache();
  return {};
}

std::expected<void, std::string> Node::wrap_ports() {
  for (std::size_t number = 0; number < ports_.size(); ++number) {
    Port* port = ports_[number].get();
    if (const auto& impairment = plan_.impairments[number]) {
      const auto queues = static_cast<std::uint16_t>(seats_.size());
      auto memory = HugeMemory::take(impair::ImpairedPort::cost(*impairment, queues), 0, "port.impair");
      if (!memory) return Failure(memory.error());
      impair_memory_.push_back(std::move(*memory));
      impair_arenas_.push_back(std::make_unique<Arena>(impair_memory_.back()->bytes()));
      std::vector<BlockPool*> copies;
      for (const auto& seat : seats_) copies.push_back(&seat->pool());
      impaired_.push_back(std::make_unique<impair::ImpairedPort>(*impair_arenas_.back(), *port, *impairment, copies));
      port = impaired_.back().get();
    }
    if (program_.wrap_port) {
      wrapped_.push_back(program_.wrap_port(*port, seats_[0]->pool()));
      port = wrapped_.back().get();
    }
    port_list_.push_back(port);
  }
  return {};
}

void Node::seat_workers() {
  for (std::size_t number = 0; number < port_list_.size(); ++number) {
    plan_.node.stack.ports[number] = port_list_[number]->info().traits;
  }
  for (net::InterfaceConfig& interface : plan_.node.stack.interfaces) {
    interface.mac = port_list_[interface.port]->info().mac;
  }
  const SipKey key = random_key();
  const Instant now = clock_->now();
  for (const auto& seat : seats_)
    seat->seat_worker(plan_, program_.services, port_list_, *handoff_, key, clock_->ticks(), now);
}

std::expected<void, std::string> Node::let_workers_rest() {
  if (config_.workers.poll != control::Poll::adaptive) return {};
  for (std::size_t i = 0; i < seats_.size(); ++i) {
    auto wait = nic::RxWait::make(ports_, static_cast<std::uint16_t>(i));
    if (!wait) return Failure(wait.error());
    seats_[i]->let_rest(std::move(*wait));
  }
  return {};
}

std::expected<void, std::string> Node::forbid_system_calls() {
  if (!config_.workers.strict_bypass) return {};
  for (const auto& port : ports_) {
    if (port->report().kernel_use != nic::KernelUse::every_burst) continue;
    return Failure(fmt::format(
        "workers.strict_bypass: port {}: driver {} makes system calls to receive and to send; memif, vhost, "
        "virtio_user and NICs do not",
        port->info().name, port->report().driver));
  }
  auto bypass = Bypass::prepare();
  if (!bypass) return Failure(bypass.error());
  bypass_ = std::move(*bypass);
  return {};
}

void Node::map_memory() {
  for (const auto& seat : seats_) {
    seat->add_memory(memory_.emplace_back());
    handoff_->add_memory(seat->index(), memory_.back());
  }
  PENSTOCK_ASSERT(no_common_line(memory_).has_value());
}

std::expected<void, std::string> Node::start_telemetry() {
  control::NodeInfo info;
  info.version = PENSTOCK_VERSION;
  info.dpdk = rte_version();
  info.config_file = config_.file;
  info.workers = seats_.size();
  info.sessions_max = config_.limits.sessions_max;
  info.memory_bytes = capacity_of(plan_.node, plan_.buffers).node_bytes;
  info.memory = memory_;
  for (const auto& port : ports_) {
    const nic::PortReport& report = port->report();
    info.ports.push_back({.name = port->info().name,
                          .driver = report.driver,
                          .numa_node = report.numa_node,
                          .queues = report.queues,
                          .mtu = report.mtu,
                          .rss = report.rss,
                          .health = [&port = *port] { return port.health(); },
                          .impair = config_.ports[info.ports.size()].impair});
  }
  for (const net::InterfaceConfig& interface : plan_.node.stack.interfaces) {
    for (const net::Prefix& address : interface.addresses) info.addresses.push_back(net::to_string(address));
  }
  for (const control::ListenerConfig& listener : config_.listeners) info.listeners.push_back(listener.name);
  std::vector<control::WorkerView> views;
  for (const auto& seat : seats_) views.push_back({.published = &seat->published(), .mailbox = &seat->mailbox()});
  auto telemetry = control::Telemetry::start(std::move(info), views, [this](const std::string& sentence) {
    say(sentence);
    std::fflush(stdout);
  });
  if (!telemetry) return Failure(telemetry.error());
  telemetry_ = std::move(*telemetry);
  return {};
}

void Node::report() const {
  for (const std::string& sentence : start_report(config_, plan_, ports_, seats_)) say(sentence);
}

void* run_keeper(void* argument) {
  static_cast<Keeper*>(argument)->run();
  return nullptr;
}

void Node::serve() {
  keeper_ = std::make_unique<Keeper>(config_, program_, *clock_, ports_, seats_, notify_, phase_);
  Keeper::catch_signals();
  pthread_t keeper{};
  const int made = rte_ctrl_thread_create(&keeper, "penstock-ctl", nullptr, run_keeper, keeper_.get());
  PENSTOCK_ASSERT(made == 0);
  Crew crew(seats_, *clock_, phase_, bypass_.get());
  crew.start();
  say("serving");
  std::fflush(stdout);
  crew.work();
  pthread_join(keeper, nullptr);
}

void Node::tell_failure(const std::string& sentence) const {
  if (notify_.listens()) notify_.send("STATUS=" + sentence);
}

void Node::stop() {
  telemetry_.reset();
  // What an impairment holds goes first, as it may lie in a worker's blocks.
  wrapped_.clear();
  impaired_.clear();
  for (const auto& seat : seats_) seat->leave();
  ports_.clear();
  say("stopped");
  std::fflush(stdout);
}

}  // namespace

int run(const control::Config& config, const std::vector<std::string>& eal_words, const Program& program) {
  Node node(config, program);
  if (const auto started = node.start(eal_words); !started) {
    std::fflush(stdout);
    fmt::print(stderr, "{}: {}\n", program.name, started.error());
    node.tell_failure(started.error());
    return control::exit_bad_arguments;
  }
  node.serve();
  node.stop();
  return 0;
}

const char* dpdk_version() { return rte_version(); }

}  // namespace penstock::runtime
