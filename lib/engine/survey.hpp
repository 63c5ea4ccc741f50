// Survey: which sessions of a worker are at the top by rate, round trip time and retransmission, found a few at a time.
//
// A session has no rate of its own, so the survey looks at each twice, at least a second apart, and takes the difference. It
// goes on while somebody asks, and costs nothing but a comparison a turn otherwise: a bounded number of places each quarter
// of a millisecond, about a hundredth of a core, whatever the number of sessions. What was seen at first is kept for
// `window_max` sessions at once; of more, it goes through them window by window, and passes by those that are quiet: from
// which nothing came for a second and which have nothing under way. One core, part of a World.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "base/arena.hpp"
#include "base/time.hpp"
#include "engine/mailbox.hpp"
#include "proto/kcp/session.hpp"
#include "session/session_table.hpp"

namespace penstock {

class Survey {
 public:
  using Sessions = SessionTable<kcp::Session>;

  static constexpr std::uint32_t window_max = 32'768;  // sessions that are kept between two looks
  static constexpr std::uint32_t found_max = 32;       // at the top, of each order
  // Between two looks at a session, at least.
  static constexpr Duration span = Duration::seconds(1);
  // Goes on for so long after the last question.
  static constexpr Duration patience = Duration::seconds(10);
  // Work is done in steps of so many units, one each interval; in turns that come late up to `steps_max` at once.
  static constexpr Duration interval = Duration::us(250);
  static constexpr std::uint32_t step_units = 64;
  static constexpr std::uint32_t steps_max = 8;
  // Looking at a session costs as much as passing by so many places.
  static constexpr std::uint32_t look_units = 4;

  struct Found {
    SessionId id;
    std::uint32_t segments_per_s = 0;       // sent for the first time, and received in order
    std::uint32_t retransmitted_per_s = 0;  // segments sent again
    std::uint64_t key = 0;                  // the larger, the further up
  };
  // What the last round through the sessions found.
  struct Result {
    bool ready = false;                                 // there was one
    std::uint64_t looked_at = 0;                        // sessions, twice each
    Duration took;                                      // from its first look to its last
    Instant ended;                                      // the moment of the last
    std::array<std::array<Found, found_max>, 3> top{};  // by TopBy, the first first
    std::array<std::uint32_t, 3> count{};               // of them
    std::span<const Found> of(TopBy by) const {
      return std::span(top[static_cast<std::size_t>(by)]).first(count[static_cast<std::size_t>(by)]);
    }
  };

  Survey(Arena& arena, std::uint32_t sessions_max);
  static std::size_t cost(std::uint32_t sessions_max);

  // Somebody wants to know: begins, or goes on.
  void ask(Instant now);
  // To be called each turn: does what is due.
  void run(Sessions& sessions, Instant now) {
    if (now >= next_) step(sessions, now);
  }
  const Result& result() const { return done_; }

 private:
  enum class Phase : std::uint8_t { first_look, second_look };
  // What a session had done at the first look.
  struct Seen {
    std::uint32_t place = 0;
    std::uint32_t at_us = 0;  // the worker's clock, its low 32 bits
    std::uint32_t segments = 0;
    std::uint32_t retransmitted = 0;
  };
  static_assert(sizeof(Seen) == 16);

  [[gnu::cold]] void step(Sessions& sessions, Instant now);
  void begin_round(Instant now);
  void begin_window(Instant now);
  bool window_full(const Sessions& sessions) const;
  std::uint32_t look_first(Sessions& sessions, Instant now);
  std::uint32_t look_again(Sessions& sessions, Instant now);
  void compare(Sessions& sessions, const Seen& seen, Instant now);
  void rank(TopBy by, const Found& found);
  void end_window(const Sessions& sessions, Instant now);

  std::span<Seen> window_;
  std::uint32_t window_count_ = 0;  // sessions in it
  std::uint32_t compared_ = 0;      // of which were looked at again
  std::uint32_t place_ = 0;         // the next place to look at
  std::uint32_t met_ = 0;           // open sessions before it
  Phase phase_ = Phase::first_look;
  bool round_ended_before_ = false;  // since it was begun at a question
  Instant next_ = Instant::never();  // when there is something to do
  Instant last_step_;
  Instant asked_;  // the last question
  Instant window_began_;
  Instant round_began_;
  Result building_;
  Result done_;
};

}  // namespace penstock
