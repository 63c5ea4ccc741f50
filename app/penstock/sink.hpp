// Sink: the service that takes everything, compares every byte with what penstock-load sends, and answers nothing. One
// instance a worker, on its core.
//
// A session's first message tells by its first word what all its messages must hold (load/pattern.hpp), so it is the one
// message that could be another's; of the others each byte has one right value, and their order as well. A wrong message
// counts as a mismatch, and so does every one behind a message that is missing. Lengths are not compared: a sender knows how
// many bytes were acknowledged. Only for listeners in message mode.
#pragma once

#include <cstdint>
#include <span>

#include "engine/application.hpp"
#include "engine/connection.hpp"

namespace penstock {

class Sink final : public Application {
 public:
  void on_events(Connections& connections, std::span<const ConnectionEvent> events, Instant now) override;
  std::span<const std::byte> memory() const override { return std::as_bytes(std::span(this, 1)); }

 private:
  static void take(Connections& connections, Connection& connection);
  static bool take_message(Connection& connection, const Receivable& next);
};

}  // namespace penstock
