// Shape: who asks what when, once all sessions are connected: it hands out turns, and hears what became of them.
//
// A turn is a session that should send, and the moment from which its RTT counts: when it was due by the clock, or else now. How a turn's session is found and what frees the next
// turn is what tells the shapes apart:
//   looping (closed with pick = same, bulk, slow)  each active session gets one turn at the beginning, and another when
//              one of its requests was answered; a turn then fills the session up to per_session requests in flight
//   picking (closed with another pick, churn)      `depth` turns go round; a turn's session is picked when it is taken
//   paced (open, churn with a rate)                turns are due by the clock, sessions are picked
//   burst                                          `depth` turns are due at once, each period anew
//   idle                                           none
// A pure machine: time is an argument, in nanoseconds of the TickClock. One core; memory from the arena.
#pragma once

#include <cstdint>
#include <optional>

#include "base/ring.hpp"
#include "load/pace.hpp"
#include "load/picker.hpp"
#include "load/run_plan.hpp"

namespace penstock::load {

class Shape {
 public:
  static constexpr std::uint64_t never_ns = ~std::uint64_t{0};
  // How soon a turn that found no session to send is tried again.
  static constexpr std::uint64_t retry_ns = 20'000;

  struct Turn {
    std::uint32_t session = 0;
    std::uint64_t due_ns = 0;
  };

  Shape(Arena& arena, const RunPlan& plan, Rng rng);
  static std::size_t cost(const RunPlan& plan) { return Ring<Turn>::cost(waiting_max(plan)); }

  void begin(std::uint64_t now_ns);
  // The turn that is due, the same one until sent() or refused(); nothing when none is.
  std::optional<Turn> next(std::uint64_t now_ns);
  // The turn of next() was used …
  void sent();
  // … or its session could not send. Picking shapes then name another session for the same turn …
  Turn pick_again();
  // … or let it rest for a while.
  void refused(std::uint64_t now_ns);
  // A request of `session` was answered, or given up: what makes room for the next turn. True when that session should
  // send again right now.
  bool answered(std::uint32_t session, std::uint64_t now_ns);
  // When next() has something: not after the given moment's now_ns when it has already.
  std::uint64_t next_due_ns() const;

  // The session of an active one's rank.
  std::uint32_t session_of(std::uint32_t rank) const { return picker_.session_of(rank); }
  // A session is to be filled up to per_session requests, not given a single one.
  bool loops() const { return kind_ == Kind::looping; }

 private:
  enum class Kind : std::uint8_t { looping, picking, paced, burst, idle };
  static Kind kind_of(const RunPlan& plan);
  static bool thinks(const RunPlan& plan);
  static std::uint32_t waiting_max(const RunPlan& plan);
  std::uint64_t think_ns() const;
  std::optional<Turn> find(std::uint64_t now_ns);
  bool first_turns_left() const { return (kind_ == Kind::looping || kind_ == Kind::picking) && begun_ < first_turns_; }

  RunPlan plan_;
  Kind kind_;
  Picker picker_;
  Pace pace_;           // of the first turns, or of all
  Ring<Turn> waiting_;  // turns that think, or were refused; looping ones are bound to their session
  std::uint32_t first_turns_;
  std::uint32_t begun_ = 0;  // of the first turns
  std::uint32_t burst_left_ = 0;
  std::uint64_t burst_ns_ = 0;  // when the burst in progress, or the next one, was due
  std::uint64_t rest_until_ns_ = 0;
  std::optional<Turn> offered_;
  bool from_waiting_ = false;  // offered_ stands at the front of waiting_
};

}  // namespace penstock::load
