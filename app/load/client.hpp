// Client: the Application that makes a load run: it begins sessions, asks, and compares every byte of every answer.
//
// One instance, on one worker's core; it knows Application and Connection only, so it also runs in a simulation. The run
// goes through the phases of progress.hpp by itself: connect all, ask each once more (check_all), then the shape, then wait
// for what is in flight. Session i uses target i mod n, its i-th local address there, and conversation i + 1; a session's
// next connection (churn) has the conversation `sessions` further. It allocates nothing after construction.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/arena.hpp"
#include "base/ring.hpp"
#include "base/tick_clock.hpp"
#include "engine/application.hpp"
#include "engine/connection.hpp"
#include "load/pace.hpp"
#include "load/pattern.hpp"
#include "load/progress.hpp"
#include "load/report.hpp"
#include "load/roster.hpp"
#include "load/run_plan.hpp"
#include "load/shape.hpp"

namespace penstock::load {

// Where sessions go, and from where: local addresses are the ones from `first` on, `addresses` of them, then again from
// there; with none the stack chooses its own.
struct Target {
  net::Endpoint remote;
  std::optional<net::IpAddress> first = {};
  std::uint64_t addresses = 0;
};

struct ClientSetup {
  RunPlan plan;
  std::vector<Target> targets;      // at least one
  std::uint32_t segment_bytes = 0;  // payload of a segment: messages are made in pieces of so many bytes
  Duration ack_delay;               // of the listener: so long the run goes on after the last answer
};

class Client final : public Application {
 public:
  // `progress` and `results` outlive the client; `results` may be read once its worker has stopped.
  Client(Arena& arena, const ClientSetup& setup, TickClock clock, Progress& progress, Results& results);
  // What the constructor takes of the arena.
  static std::size_t cost(const RunPlan& plan);

  void on_start(Connections& connections, Instant now) override;
  void on_events(Connections& connections, std::span<const ConnectionEvent> events, Instant now) override;
  void on_timeout(Connections& connections, Instant now) override;
  Instant next_deadline() const override { return due_; }
  std::span<const std::byte> memory() const override { return std::as_bytes(std::span(this, 1)); }

  Phase phase() const { return phase_; }

 private:
  enum class Sent : std::uint8_t { sent, busy, starved };

  // client.cpp: sessions and messages.
  // A message is made in pieces of so many bytes, the last one shorter.
  std::uint32_t piece_bytes() const;
  std::uint32_t pieces_of(std::uint32_t length) const;
  bool open(Connections& connections, std::uint32_t session, Instant now);
  std::optional<net::IpAddress> local_of(std::uint32_t session) const;
  Sent ask(Connections& connections, Connection& connection, std::uint32_t session, std::uint64_t due_ns);
  // Send a message of one piece, or of several; nothing when memory is short.
  static std::optional<SendResult> send_one(Connections& connections, Connection& connection, std::uint64_t key,
                                            std::uint32_t length);
  std::optional<SendResult> send_many(Connections& connections, Connection& connection, std::uint64_t key,
                                      std::uint32_t length);
  void fill_up(Connections& connections, Connection& connection, std::uint32_t session);
  void on_readable(Connections& connections, Connection& connection, std::uint32_t session);
  void read_late(Connections& connections);
  void receive(Connections& connections, Connection& connection, std::uint32_t session);
  // The next answer of a session: what it is made from, and whether one is awaited and has so many bytes.
  std::uint64_t expected_key(std::uint32_t session) const;
  bool is_expected(std::uint32_t session, std::uint64_t bytes) const;
  bool compare(Connection& connection, std::uint32_t session, const Receivable& next);
  void on_closed(std::uint32_t session, CloseReason reason);

  // one_way.cpp: acknowledgements in the place of answers.
  void look_for_acks(Connections& connections);
  void on_acknowledged(std::uint32_t session, std::uint32_t count);

  // campaign.cpp: phases and turns.
  void on_answer(Connections& connections, Connection& connection, std::uint32_t session, std::uint64_t bytes,
                 std::uint64_t due_ns);
  void on_connected();
  void go_on(Connections& connections, Instant now);
  void enter(Phase phase, Connections& connections);
  void end_connecting(Connections& connections);
  bool measured_enough(std::uint64_t passed_ns) const;
  void end_measuring(Connections& connections);
  void settle();
  void lose_patience();
  void give_up(const char* reason);
  void connect_some(Connections& connections, Instant now);
  void check_some(Connections& connections);
  void take_turns(Connections& connections, Instant now);
  bool take_turn(Connections& connections, const Shape::Turn& turn, Instant now);
  void close_some(Connections& connections);
  void feed_the_hungry(Connections& connections);
  void rest();
  void set_deadline(Instant now);
  void publish();
  void read_clock() { now_ns_ = std::max(now_ns_, clock_.now_ns()); }
  bool shape_runs() const { return phase_ == Phase::warming || phase_ == Phase::measuring; }
  // The first session of each target.
  std::uint32_t pioneers() const { return std::min(static_cast<std::uint32_t>(setup_.targets.size()), plan_.sessions); }
  // Sessions that read late are on the list once each.
  static std::uint32_t late_reads_max(const RunPlan& plan) { return plan.shape == ShapeKind::slow ? plan.active : 1; }
  bool is(ShapeKind shape) const { return plan_.shape == shape; }

  const RunPlan plan_;
  const ClientSetup setup_;
  TickClock clock_;
  Progress& progress_;
  Results& results_;
  Pattern pattern_;
  Roster roster_;
  Shape shape_;
  Pace connect_pace_;
  Ring<Shape::Turn> late_reads_;  // sessions of slow readers, and when they will read

  Phase phase_ = Phase::connecting;
  std::uint64_t now_ns_ = 0;     // of this call
  std::uint64_t phase_ns_ = 0;   // when the phase began
  std::uint64_t heard_ns_ = 0;   // when the last answer came, or the phase began
  std::uint64_t answered_ = 0;   // messages, of all phases
  std::uint32_t next_ = 0;       // session that connecting, checking or closing goes on with
  std::uint32_t remaining_ = 0;  // sessions whose answer, or end, the phase still waits for
  TrafficCounts traffic_;        // when measuring began
  std::uint64_t next_ack_look_ns_ = 0;
  std::uint32_t next_ack_look_ = 0;  // session that it begins with
  std::uint32_t hungry_ = 0;         // active sessions still to be looked at, as some may have nothing in flight
  bool starved_ = false;             // a looping session found no memory for its message
  std::uint64_t rest_until_ns_ = 0;  // nothing is tried again before
  Instant due_;
};

}  // namespace penstock::load
