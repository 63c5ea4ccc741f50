#include "control/controller_switch.hpp"

#include <fmt/format.h>

#include "control/stats_report.hpp"

namespace penstock::control {

namespace {

constexpr std::string_view by_ikcps_law =
    "recovery is ikcp there, which has no other congestion control; listener.recovery is set in the configuration";
constexpr std::string_view none_is_no_default =
    "none is no default: without congestion control a flow takes from all others what it can get, and who comes over "
    "a path that nobody has looked at shares it; switch single sessions, or name it in the configuration";

Command command_of(Command::Kind kind, std::uint64_t argument, congestion::Kind controller) {
  Command command;
  command.kind = kind;
  command.argument = argument;
  command.controller = controller;
  return command;
}

}  // namespace

std::expected<congestion::Kind, std::string> congestion_named(std::string_view name) {
  const auto kind = congestion::kind_named(name);
  if (kind) return *kind;
  std::string all;
  for (std::uint8_t i = 0; i < congestion::kind_count; ++i)
    all += fmt::format("{}{}", i == 0 ? "" : ", ", congestion::name_of(static_cast<congestion::Kind>(i)));
  return std::unexpected(fmt::format("there is no such congestion control; there are {}", all));
}

ControllerSwitch::Outcome ControllerSwitch::switch_session(SessionId id, congestion::Kind kind) {
  constexpr std::string_view unknown = "no such session";
  if (!id.is_valid() || id.worker() >= workers_.size()) return std::unexpected(std::string(unknown));
  const auto answers =
      ask_all(workers_.subspan(id.worker(), 1), command_of(Command::Kind::switch_session, id.raw(), kind), wait_);
  if (!answers) return std::unexpected(answers.error());
  const Answer& answer = answers->front();
  if (answer.count == 0) return std::unexpected(std::string(unknown));
  if (answer.switched == 0) return std::unexpected(std::string(by_ikcps_law));
  return report_session(answer.sessions[0], Addresses::hidden);
}

ControllerSwitch::Outcome ControllerSwitch::switch_listener(std::size_t index, std::string_view name,
                                                            congestion::Kind kind) {
  if (kind == congestion::Kind::none) return std::unexpected(std::string(none_is_no_default));
  const auto answers = ask_all(workers_, command_of(Command::Kind::switch_listener, index, kind), wait_);
  if (!answers) return std::unexpected(answers.error());
  if (answers->front().switched == 0) return std::unexpected(std::string(by_ikcps_law));
  Reply reply;
  reply.text("listener", name);
  reply.text("congestion", congestion::name_of(kind));
  return reply;
}

}  // namespace penstock::control
