// EchoWatch: the product's echo service, and an eye on whose sessions end unproven.
//
// With challenge = false a session answers before its peer has proven anything, and may have said something when it ends. A
// client that still waits for its first ACK then begins another one without knowing. KCP cannot tell the two apart, so their
// bytes may come mixed, as they do when a server crashed (SECURITY.md); nobody compares them from then on.
#pragma once

#include "penstock/echo.hpp"
#include "sim/book.hpp"
#include "sim/nat.hpp"

namespace penstock::sim {

class EchoWatch final : public Application {
 public:
  EchoWatch(Echo& echo, Book& book) : echo_(echo), book_(book) {}

  void on_events(Connections& connections, std::span<const ConnectionEvent> events, Instant now) override {
    for (const ConnectionEvent& event : events) {
      if (event.kind != ConnectionEvent::Kind::closed || event.reason != CloseReason::unproven) continue;
      Record* record = book_.find(event.connection.conv());
      if (record != nullptr && !record->closed && is_client_port(event.connection.path().remote.port, *record))
        record->mixed = true;
    }
    echo_.on_events(connections, events, now);
  }
  std::span<const std::byte> memory() const override { return echo_.memory(); }

 private:
  // Its own, or one that its router gave it.
  static bool is_client_port(std::uint16_t port, const Record& record) {
    return (port - record.port) % Nat::ports_apart == 0;
  }

  Echo& echo_;
  Book& book_;
};

}  // namespace penstock::sim
