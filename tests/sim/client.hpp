// Client: the application that begins conversations, sends their payload, and compares what comes back, byte by byte and
// border by border. One instance a worker of a client host; the workers of a host share its records in the Book.
//
// It behaves as the plan of each conversation says: keeps so many messages under way, pauses, reads slowly or never again,
// closes early or lingers. Where its server began anew it gives up, as who waits for an answer does some day.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "base/rng.hpp"
#include "buf/segment_queue.hpp"
#include "engine/application.hpp"
#include "engine/connection.hpp"
#include "sim/book.hpp"
#include "sim/host_clock.hpp"

namespace penstock::sim {

class Client final : public Application {
 public:
  // `mss` is what its host's segments carry, `clock` that by which its worker calls it.
  Client(Book& book, std::uint32_t host, std::uint32_t workers, std::uint32_t mss, const HostClock& clock, Rng rng)
      : book_(book), host_(host), workers_(workers), mss_(mss), clock_(clock), rng_(rng) {}

  void on_start(Connections& connections, Instant now) override;
  void on_events(Connections& connections, std::span<const ConnectionEvent> events, Instant now) override;
  void on_timeout(Connections& connections, Instant now) override;
  Instant next_deadline() const override;
  // Forgets what is under way: its worker is about to end.
  void let_go() { live_.clear(); }

 private:
  // A conversation under way.
  struct Live {
    Record* record = nullptr;
    SessionId id;
    std::optional<SegmentQueue> ready;  // a message that was refused for now
    std::uint32_t sent = 0;             // messages taken by send()
    std::uint64_t sent_bytes = 0;
    std::uint32_t received = 0;    // messages, or pieces of a stream, that came back whole
    std::uint64_t pieces_end = 0;  // bytes of a stream's pieces that came back whole
    Instant paused_until;          // reads nothing before
    bool has_paused = false;
    bool has_overstepped = false;
    bool closing = false;
    Instant wake = Instant::never();  // a retry, the end of a pause or of the linger
    Instant close_at = Instant::never();
  };
  bool is_mine(const Record& record) const;
  static bool is_torn(const Live& live) { return live.record->torn && !live.closing; }
  void wake(Live& live, Instant at);
  void begin(Connections& connections, Record& record, Instant now);
  void act(Connections& connections, Live& live, Instant now);
  void give_up_torn(Connections& connections);
  void receive(Connection connection, Live& live, Instant now);
  void take_message(Connection connection, Live& live, std::uint32_t segments);
  void take_unseen(Connection connection, Live& live, std::uint32_t segments);
  bool may_read(Live& live, Instant now);
  void send(Connections& connections, Connection connection, Live& live, Instant now);
  bool build(Connections& connections, Live& live);
  void overstep(Connections& connections, Connection connection, Live& live);
  std::uint32_t outstanding(const Live& live) const;
  bool is_done(const Live& live) const;
  void on_closed(Live& live, CloseReason reason);

  Book& book_;
  std::uint32_t host_;
  std::uint32_t workers_;
  std::uint32_t mss_;
  const HostClock& clock_;
  std::uint32_t worker_ = 0;
  Rng rng_;
  Instant wake_at_ = Instant::never();  // not after the first `wake` of them
  mutable Instant begin_at_ =
      Instant::never();                     // not after the first conversation that this worker has to begin or give up
  mutable std::uint64_t seen_changes_ = 0;  // of the book, when begin_at_ was found
  std::map<std::uint64_t, Live> live_;      // by session id, in an order that is the same in every run
};

}  // namespace penstock::sim
