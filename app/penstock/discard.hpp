// Discard: the service that takes everything and answers nothing. One instance a worker, on its core.
//
// It loses nothing before its time: bytes leave the receive window in order, so that the peer's window stays open, and
// are let go of. A session with much to take shares the turn with others.
#pragma once

#include <cstdint>
#include <span>

#include "engine/application.hpp"
#include "engine/connection.hpp"

namespace penstock {

class Discard final : public Application {
 public:
  void on_events(Connections& connections, std::span<const ConnectionEvent> events, Instant now) override;
  std::span<const std::byte> memory() const override { return std::as_bytes(std::span(this, 1)); }

  // Payload taken so far.
  std::uint64_t bytes() const { return bytes_; }

 private:
  void take(Connection& connection);

  std::uint64_t bytes_ = 0;
};

}  // namespace penstock
