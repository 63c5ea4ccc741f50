// Rehearsal: what ports do to frames on purpose, told and changed under way, for all workers together.
//
// Control knows what was asked for, the workers what is in force: a change goes to all of them through their mailboxes and
// each applies it to its own queue between two turns, so for a moment one may be ahead of another. One caller at a time:
// Commands holds its mutex.
#pragma once

#include <chrono>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "control/config.hpp"
#include "control/inquiry.hpp"
#include "control/reply.hpp"

namespace penstock::control {

class Rehearsal {
 public:
  using Outcome = std::expected<Reply, std::string>;

  // `configured` is each port's [port.impair], if it has one. The inquiries outlive the object; there is at least one.
  Rehearsal(std::vector<std::optional<ImpairConfig>> configured, std::span<Inquiry> workers,
            std::chrono::milliseconds wait)
      : configured_(std::move(configured)), now_(configured_), workers_(workers), wait_(wait) {}

  std::size_t ports() const { return configured_.size(); }
  // The faults in force and the counters by cause and direction. `port` is one of ports().
  Outcome report(std::size_t port);
  // Changes them as change_impair() does and tells the same. An error that begins with "busy" says that a worker had not
  // confirmed in time and will change when it can; after any other nothing is changed.
  Outcome change(std::size_t port, std::string_view words);

 private:
  Outcome ask(const Command& command);

  std::vector<std::optional<ImpairConfig>> configured_;
  std::vector<std::optional<ImpairConfig>> now_;  // as was asked for last
  std::span<Inquiry> workers_;
  std::chrono::milliseconds wait_;
};

}  // namespace penstock::control
