// Admin: what the admin socket answers: commands that change something, from those who may open it, with a line for the log.
//
// Statistics stay read only; whoever may reach them changes nothing. exchange() is called by the admin socket's thread.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "control/commands.hpp"
#include "control/stats_socket.hpp"

namespace penstock::control {

class Admin {
 public:
  using Log = std::function<void(const std::string& sentence)>;

  // `commands` outlives the object. `log` is called in the thread of exchange(), once for each change that was accepted.
  Admin(Commands& commands, Log log) : commands_(commands), log_(std::move(log)) {}

  // The reply to a command, one JSON object keyed by its name, or {"error": "a sentence"}.
  std::string exchange(std::string_view command, const StatsSocket::Peer& peer);

 private:
  std::string exchange_impair(std::string_view parameters, const StatsSocket::Peer& peer);
  std::string exchange_congestion(std::string_view parameters, const StatsSocket::Peer& peer);
  std::string told(std::string_view name, const Commands::Outcome& outcome, const StatsSocket::Peer& peer,
                   std::string_view change);

  Commands& commands_;
  Log log_;
};

}  // namespace penstock::control
