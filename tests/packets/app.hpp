// App: the application by hand: it does nothing of its own accord but remember its sessions; a script reads, sends, closes.
//
// So what is not read stays in the receive window, and nothing is sent that the script does not ask for.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "engine/application.hpp"
#include "sim/frames.hpp"

namespace penstock::packets {

class App final : public Application {
 public:
  void on_events(Connections& connections, std::span<const ConnectionEvent> events, Instant now) override;
  void on_timeout(Connections& connections, Instant now) override;
  Instant next_deadline() const override { return job ? Instant::at_us(0) : Instant::never(); }

  // Done in the worker's next turn, once.
  std::function<void(App&, Connections&)> job;
  // The session of a conversation, or the only one.
  Connection find(Connections& connections, std::optional<std::uint32_t> conv) const;
  bool has_sessions() const { return !sessions_.empty(); }
  std::uint64_t writable_events() const { return writable_events_; }

 private:
  std::vector<SessionId> sessions_;
  std::uint64_t writable_events_ = 0;
};

// The next whole message, or in a stream all there is; nothing when there is none.
std::optional<sim::Bytes> read_message(Connection connection);
SendResult send_message(Connections& connections, Connection connection, const sim::Bytes& bytes);

}  // namespace penstock::packets
