// ControllerSwitch: changes congestion control under way, of one session or of all that a listener will open.
//
// Only where recovery is by time: ikcp's law knows no controller but its own. `none` is for sessions and for listeners whose
// configuration names it, never a default that somebody switches to. One caller at a time: Commands holds its mutex. An error
// that begins with "busy" says that a worker had not confirmed in time and will change when it can.
#pragma once

#include <chrono>
#include <expected>
#include <span>
#include <string>
#include <string_view>

#include "control/inquiry.hpp"
#include "control/reply.hpp"
#include "proto/congestion/controller.hpp"
#include "session/session_id.hpp"

namespace penstock::control {

// The controller, or a sentence that names all there are.
std::expected<congestion::Kind, std::string> congestion_named(std::string_view name);

class ControllerSwitch {
 public:
  using Outcome = std::expected<Reply, std::string>;

  // The inquiries, one a worker, outlive the object; there is at least one.
  ControllerSwitch(std::span<Inquiry> workers, std::chrono::milliseconds wait) : workers_(workers), wait_(wait) {}

  // Tells the session as /penstock/session does.
  Outcome switch_session(SessionId id, congestion::Kind kind);
  // `index` is one of the listeners, `name` what the configuration calls it.
  Outcome switch_listener(std::size_t index, std::string_view name, congestion::Kind kind);

 private:
  std::span<Inquiry> workers_;
  std::chrono::milliseconds wait_;
};

}  // namespace penstock::control
