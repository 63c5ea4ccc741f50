#include "control/admin.hpp"

#include <fmt/format.h>

namespace penstock::control {

namespace {

struct Known {
  std::string_view name;
  std::string_view help;
};
constexpr Known impair = {
    "/penstock/impair",
    "Faults of a port, told or changed. Parameters: port, or port,key=value[,key=value...], or port,off"};
constexpr Known congestion_control = {"/penstock/congestion",
                                      "Congestion control, switched. Parameters: session,id,name, or "
                                      "listener,number,name for sessions that it opens from now on"};

std::string one_text(std::string_view name, std::string_view value) {
  Reply reply;
  reply.text(name, value);
  return reply.json();
}

// What follows a comma; all of it is taken from `text`.
std::string_view take_word(std::string_view& text) {
  const std::size_t comma = text.find(',');
  const std::string_view word = text.substr(0, comma);
  text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
  return word;
}

}  // namespace

std::string Admin::exchange(std::string_view command, const StatsSocket::Peer& peer) {
  std::string_view parameters = command;
  const std::string_view name = take_word(parameters);
  if (name == "/") return fmt::format(R"({{"/":["/","/help","{}","{}"]}})", impair.name, congestion_control.name);
  for (const Known& known : {impair, congestion_control}) {
    if (name == "/help" && parameters == known.name)
      return fmt::format(R"({{"/help":{}}})", one_text(known.name, known.help));
  }
  if (name == impair.name) return exchange_impair(parameters, peer);
  if (name == congestion_control.name) return exchange_congestion(parameters, peer);
  return one_text("error", "unknown command, / lists those of this socket");
}

std::string Admin::exchange_impair(std::string_view parameters, const StatsSocket::Peer& peer) {
  if (!parameters.contains(','))
    return fmt::format(R"({{"{}":{}}})", impair.name, commands_.run(impair.name, parameters).json());
  const std::string_view port = take_word(parameters);
  return told(impair.name, commands_.change_impairment(port, parameters), peer,
              fmt::format("changed the impairment of port {}: {}", port, parameters));
}

std::string Admin::exchange_congestion(std::string_view parameters, const StatsSocket::Peer& peer) {
  const std::string_view what = take_word(parameters);
  const std::string_view which = take_word(parameters);
  return told(congestion_control.name, commands_.switch_congestion(what, which, parameters), peer,
              fmt::format("switched the congestion control of {} {}: {}", what, which, parameters));
}

// A change that was accepted goes to the log, be it confirmed or not.
std::string Admin::told(std::string_view name, const Commands::Outcome& outcome, const StatsSocket::Peer& peer,
                        std::string_view change) {
  const bool busy = !outcome && outcome.error().starts_with("busy");
  if (outcome || busy) {
    log_(fmt::format("admin: uid {}, process {}, {}{}", peer.uid, peer.pid, change,
                     busy ? " (a worker has not confirmed it yet)" : ""));
  }
  return outcome ? fmt::format(R"({{"{}":{}}})", name, outcome->json()) : one_text("error", outcome.error());
}

}  // namespace penstock::control
