// The section [[listener]]: keys, ranges, and forms of names.
#include <fmt/format.h>

#include <algorithm>

#include "control/config_sections.hpp"

namespace penstock::control {

namespace {

constexpr std::size_t name_bytes_max = 32;
constexpr std::size_t address_bytes_max = 64;

using Verdict = TableReader::Verdict;

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

Verdict take_name(std::string_view text, std::string& name) {
  if (!std::ranges::all_of(text, is_name_character))
    return fmt::format("{} has characters other than letters, digits, _ and -", in_quotes(text));
  name = text;
  return std::nullopt;
}

Verdict take_address(std::string_view text, std::optional<net::IpAddress>& address) {
  address = net::parse_ip(text);
  if (!address) return fmt::format("{} is no IP address", in_quotes(text));
  return std::nullopt;
}

void read_place(TableReader& table, ListenerConfig& listener) {
  table.text(
      "name", "1 to 32 of letters, digits, _ and -", "", name_bytes_max,
      [&](std::string_view text) { return take_name(text, listener.name); }, Need::required);
  table.choice("protocol", listener.protocol, {{"kcp", Protocol::kcp}});
  table.text("address", "an own IP address", "every own address", address_bytes_max,
             [&](std::string_view text) { return take_address(text, listener.address); });
  table.integer("port", listener.port, 1, 65'535, Need::required);
  if (table.scan().role() == Role::load) {
    table.choice("service", listener.service, {{"load", Service::load}}, Need::required);
  } else {
    table.choice("service", listener.service,
                 {{"echo", Service::echo}, {"discard", Service::discard}, {"sink", Service::sink}}, Need::required);
  }
  table.choice(
      "key", listener.key,
      {{"address+conv", SessionKey::address_conv}, {"address", SessionKey::address}, {"conv", SessionKey::conv}});
  // A load run compares the borders of messages, too.
  if (table.scan().role() == Role::load) table.choice("mode", listener.mode, {{"message", Mode::message}});
  else table.choice("mode", listener.mode, {{"message", Mode::message}, {"stream", Mode::stream}});
}

// A bound for memory's sake: what is in flight follows the path.
constexpr std::uint32_t snd_wnd_by_time = 1024;

void read_kcp(TableReader& table, ListenerConfig& listener) {
  table.choice("recovery", listener.recovery, {{"ikcp", Recovery::ikcp}, {"rack", Recovery::rack}});
  if (listener.recovery == Recovery::rack) {
    listener.congestion = Congestion::bbr;
    listener.snd_wnd = snd_wnd_by_time;
  }
  table.integer("nodelay", listener.nodelay, 0, 2);
  table.integer("interval_ms", listener.interval_ms, 10, 5'000);
  table.integer("ack_delay_ms", listener.ack_delay_ms, 0, 1'000);
  table.integer("resend", listener.resend, 0, 255);
  table.flag("nc", listener.nc);
  table.integer("snd_wnd", listener.snd_wnd, 1, 32'768);
  table.integer("rcv_wnd", listener.rcv_wnd, 1, 32'768);
  table.integer("mtu", listener.mtu, 50, 9'000);
  table.integer("dead_link", listener.dead_link, 2, 255);
  table.integer("probe_ms", listener.probe_ms, 100, 120'000);
  table.flag("fastack_conserve", listener.fastack_conserve);
  table.choice("congestion", listener.congestion,
               {{"kcp", Congestion::kcp},
                {"none", Congestion::none},
                {"newreno", Congestion::newreno},
                {"cubic", Congestion::cubic},
                {"bbr", Congestion::bbr}});
  if (listener.nc) listener.congestion = Congestion::none;
  table.integer("loss_percent", listener.loss_percent, 1, 50);
  table.choice("path_mtu", listener.search_mtu, {{"fixed", false}, {"search", true}});
}

void read_admission(TableReader& table, ListenerConfig& listener) {
  table.flag("roaming", listener.roaming);
  table.integer("sessions_max", listener.sessions_max, 0, 16'777'216);
  table.flag("challenge", listener.challenge);
  table.integer("half_open_max", listener.half_open_max, 0, 16'777'216);
  table.integer("half_open_per_prefix_max", listener.half_open_per_prefix_max, 0, 16'777'216);
  table.integer("per_prefix_max", listener.per_prefix_max, 0, 16'777'216);
  table.integer("idle_timeout_s", listener.idle_timeout_s, 1, 86'400);
  table.integer("liveness_probes", listener.liveness_probes, 0, 8);
  table.integer("half_open_timeout_s", listener.half_open_timeout_s, 1, 3'600);
  table.integer("stall_timeout_s", listener.stall_timeout_s, 1, 3'600);
  table.integer("quarantine_s", listener.quarantine_s, 0, 300);
}

}  // namespace

void read_listener(TableReader& table, ListenerConfig& listener) {
  listener.line = table.line();
  read_place(table, listener);
  read_kcp(table, listener);
  read_admission(table, listener);
}

}  // namespace penstock::control
