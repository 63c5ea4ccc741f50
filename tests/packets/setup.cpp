// The lines of a packet script that set the node up, and those that do something to it under way.
#include <fmt/core.h>

#include <algorithm>

#include "packets/limits.hpp"
#include "packets/player.hpp"

namespace penstock::packets {

namespace {

// One `key=value` of a line, by a table of where it goes.
template <class Object>
struct Setting {
  std::string_view key;
  void (*set)(Object&, std::uint32_t);
};

template <class Object, std::size_t count>
bool apply(const Setting<Object> (&table)[count], Object& object, const std::string& key, std::uint32_t value) {
  const auto found = std::ranges::find(table, key, &Setting<Object>::key);
  if (found == std::end(table)) return false;
  found->set(object, value);
  return true;
}

using Value = std::uint32_t;
using Setup = ListenerSetup;

// Times are in ms here, as the machine's are.
constexpr Setting<Setup> listener_settings[] = {
    {"port", [](Setup& s, Value v) { s.admission.port = static_cast<std::uint16_t>(v); }},
    {"sessions", [](Setup& s, Value v) { s.admission.sessions_max = v; }},
    {"challenge", [](Setup& s, Value v) { s.admission.challenge = v != 0; }},
    {"half_open_per_prefix", [](Setup& s, Value v) { s.admission.half_open_per_prefix_max = v; }},
    {"half_open", [](Setup& s, Value v) { s.admission.half_open_max = v; }},
    {"per_prefix", [](Setup& s, Value v) { s.admission.per_prefix_max = v; }},
    {"idle_ms", [](Setup& s, Value v) { s.admission.idle_timeout = Duration::ms(v); }},
    {"half_open_ms", [](Setup& s, Value v) { s.admission.half_open_timeout = Duration::ms(v); }},
    {"quarantine_ms", [](Setup& s, Value v) { s.admission.quarantine = Duration::ms(v); }},
    {"stream", [](Setup& s, Value v) { s.kcp.stream = v != 0; }},
    // 1: by time; congestion counts the controllers as their list does.
    {"rack", [](Setup& s, Value v) { s.kcp.recovery = v != 0 ? kcp::Recovery::rack : kcp::Recovery::ikcp; }},
    {"congestion",
     [](Setup& s, Value v) { s.kcp.congestion = static_cast<congestion::Kind>(v % congestion::kind_count); }},
    {"loss_percent", [](Setup& s, Value v) { s.kcp.loss_percent = static_cast<std::uint8_t>(v); }},
    {"search_mtu", [](Setup& s, Value v) { s.kcp.search_mtu = v != 0; }},
    {"nodelay", [](Setup& s, Value v) { s.kcp.nodelay = static_cast<std::uint8_t>(v); }},
    {"nc", [](Setup& s, Value v) { s.kcp.no_congestion_window = v != 0; }},
    {"resend", [](Setup& s, Value v) { s.kcp.resend = static_cast<std::uint8_t>(v); }},
    {"conserve", [](Setup& s, Value v) { s.kcp.fastack_conserve = v != 0; }},
    {"fastack_limit", [](Setup& s, Value v) { s.kcp.fastack_limit = static_cast<std::uint8_t>(v); }},
    {"dead_link", [](Setup& s, Value v) { s.kcp.dead_link = static_cast<std::uint8_t>(v); }},
    {"mtu", [](Setup& s, Value v) { s.kcp.mtu = static_cast<std::uint16_t>(v); }},
    {"interval_ms", [](Setup& s, Value v) { s.kcp.interval_ms = v; }},
    {"ack_delay_ms", [](Setup& s, Value v) { s.kcp.ack_delay_ms = v; }},
    {"snd_wnd", [](Setup& s, Value v) { s.kcp.snd_wnd = v; }},
    {"rcv_wnd", [](Setup& s, Value v) { s.kcp.rcv_wnd = v; }},
    {"rto_initial_ms", [](Setup& s, Value v) { s.kcp.rto_initial_ms = v; }},
    {"rto_max_ms", [](Setup& s, Value v) { s.kcp.rto_max_ms = v; }},
    {"probe_initial_ms", [](Setup& s, Value v) { s.kcp.probe_initial_ms = v; }},
    {"probe_max_ms", [](Setup& s, Value v) { s.kcp.probe_max_ms = v; }},
    {"stall_ms", [](Setup& s, Value v) { s.kcp.stall_timeout_ms = v; }},
    {"linger_ms", [](Setup& s, Value v) { s.kcp.linger_ms = v; }},
};

constexpr Setting<BenchSetup> node_settings[] = {
    {"sessions", [](BenchSetup& s, Value v) { s.node.sessions_max = v; }},
    {"workers", [](BenchSetup& s, Value v) { s.node.workers = v; }},
    {"blocks", [](BenchSetup& s, Value v) { s.blocks = v; }},
    {"rx_blocks", [](BenchSetup& s, Value v) { s.rx_blocks = v; }},
    {"icmp", [](BenchSetup& s, Value v) { s.node.stack.icmp_per_second = v; }},
    {"pending", [](BenchSetup& s, Value v) { s.node.stack.pending_per_hop_max = v; }},
    {"mtu", [](BenchSetup& s, Value v) { s.node.stack.ports[0].mtu = static_cast<std::uint16_t>(v); }},
    // It has two; check_setup() refuses more, whatever their number.
    {"routes", [](BenchSetup& s, Value v) { s.node.stack.interfaces[0].routes.resize(std::min(v, 3u)); }},
    {"window_bytes", [](BenchSetup& s, Value v) { s.node.memory.window_bytes = v; }},
};

using impair::Impairment;
constexpr Setting<Impairment> impair_settings[] = {
    {"loss_ppm", [](Impairment& i, Value v) { i.loss_ppm = v; }},
    {"queue", [](Impairment& i, Value v) { i.queue_frames = v; }},
    {"delay_ms", [](Impairment& i, Value v) { i.delay = Duration::ms(v); }},
    {"burst_begin_ppm", [](Impairment& i, Value v) { i.burst_begin_ppm = v; }},
    {"burst_end_ppm", [](Impairment& i, Value v) { i.burst_end_ppm = v; }},
    {"blackhole_bytes", [](Impairment& i, Value v) { i.blackhole_bytes = v; }},
    {"partition", [](Impairment& i, Value v) { i.partition = static_cast<impair::Ways>(v & 3); }},
};

}  // namespace

bool Player::set_up(Words words) {
  const std::string& what = words[0].key;
  const bool is_setup =
      words.size() > 1 && !words[1].value.empty() && (what == "listener" || what == "node" || what == "impair");
  if (!is_setup) return false;
  if (bench_) throw ScriptError(fmt::format("'{}' comes before anything happens", what));
  if (what == "listener") add_listener(words.subspan(1));
  else if (what == "node") set_node(words.subspan(1));
  else set_impair(words.subspan(1));
  check_setup(setup_);
  return true;
}

void Player::add_listener(Words words) {
  ListenerSetup setup = standard_listener(4000);
  for (const Word& word : words) {
    if (word.key == "service") {
      if (word.value == "echo") setup.service = service_echo;
      else if (word.value == "discard") setup.service = service_discard;
      else if (word.value != "app") throw ScriptError("service= is app, echo or discard");
    } else if (word.key == "key") {
      if (word.value == "conv") setup.admission.key_mode = SessionKeyMode::conv;
      else if (word.value == "address") setup.admission.key_mode = SessionKeyMode::address;
      else if (word.value != "address_conv") throw ScriptError("key= is address_conv, conv or address");
    } else if (!apply(listener_settings, setup, word.key, number_of(word))) {
      throw ScriptError(fmt::format("a listener has no '{}'", word.key));
    }
  }
  if (const auto fault = setup.kcp.validate()) throw ScriptError(fmt::format("{}: {}", fault->field, fault->sentence));
  setup.admission.name = fmt::format("port{}", setup.admission.port);
  setup_.node.listeners.push_back(setup);
}

void Player::set_node(Words words) {
  for (const Word& word : words) {
    if (!apply(node_settings, setup_, word.key, number_of(word))) {
      throw ScriptError(fmt::format("a node has no '{}'", word.key));
    }
  }
}

void Player::set_impair(Words words) {
  Impairment made;
  for (const Word& word : words) {
    if (!apply(impair_settings, made, word.key, number_of(word))) {
      throw ScriptError(fmt::format("an impairment has no '{}'", word.key));
    }
  }
  setup_.impair = made;
}

// "node drain", "link down", "tx room=0", "blocks keep=500", "gateway silent", "stall worker=1": what happens to the node.
void Player::switch_node(Words words) {
  if (words.size() != 2) throw ScriptError(fmt::format("'{}' is not understood", words[0].key));
  const std::string& what = words[0].key;
  const Word& how = words[1];
  if (what == "node" && how.is("drain")) bench_->drain();
  else if (what == "node" && how.is("stop")) bench_->stop();
  else if (what == "link" && (how.is("up") || how.is("down"))) bench_->wire().up = how.is("up");
  else if (what == "tx" && how.key == "room") bench_->wire().room = number_of(how);
  else if (what == "blocks" && how.key == "keep") bench_->keep_back(number_of(how));
  else if (what == "gateway" && (how.is("silent") || how.is("answers"))) bench_->silence_gateway(how.is("silent"));
  else if ((what == "stall" || what == "resume") && how.key == "worker") stall(number_of(how), what == "stall");
  else throw ScriptError(fmt::format("'{}' is not understood", what));
  bench_->turn();
}

void Player::stall(std::uint32_t worker, bool on) {
  if (worker >= setup_.node.workers) throw ScriptError("there is no such worker");
  bench_->stall(worker, on);
}

}  // namespace penstock::packets
