#include "control/admin.hpp"

#include <fmt/format.h>

namespace penstock::control {

namespace {

constexpr std::string_view impair = "/penstock/impair";
constexpr std::string_view help =
    "Faults of a port, told or changed. Parameters: port, or port,key=value[,key=value...], or port,off";

std::string one_text(std::string_view name, std::string_view value) {
  Reply reply;
  reply.text(name, value);
  return reply.json();
}

}  // namespace

std::string Admin::exchange(std::string_view command, const StatsSocket::Peer& peer) {
  const std::size_t comma = command.find(',');
  const std::string_view name = command.substr(0, comma);
  const std::string_view parameters = comma == std::string_view::npos ? "" : command.substr(comma + 1);
  if (name == "/") return fmt::format(R"({{"/":["/","/help","{}"]}})", impair);
  if (name == "/help" && parameters == impair) return fmt::format(R"({{"/help":{}}})", one_text(impair, help));
  if (name != impair) return one_text("error", "unknown command, / lists those of this socket");
  const std::size_t second = parameters.find(',');
  if (second == std::string_view::npos)
    return fmt::format(R"({{"{}":{}}})", impair, commands_.run(impair, parameters).json());
  const std::string_view words = parameters.substr(second + 1);
  const Commands::Outcome outcome = commands_.change_impairment(parameters.substr(0, second), words);
  const bool busy = !outcome && outcome.error().starts_with("busy");
  if (outcome || busy) {
    log_(fmt::format("admin: uid {}, process {}, changed the impairment of port {}: {}{}", peer.uid, peer.pid,
                     parameters.substr(0, second), words, busy ? " (a worker has not confirmed it yet)" : ""));
  }
  return outcome ? fmt::format(R"({{"{}":{}}})", impair, outcome->json()) : one_text("error", outcome.error());
}

}  // namespace penstock::control
