#include "engine/survey.hpp"

#include <algorithm>
#include <functional>
#include <limits>

namespace penstock {

namespace {

// How far ahead the machines and records are asked for.
constexpr std::uint32_t survey_ahead = 8;
constexpr std::uint32_t survey_lines = 3;

std::uint32_t per_second(std::uint32_t count, std::uint32_t elapsed_us) {
  const std::uint64_t rate = std::uint64_t{count} * 1'000'000 / std::max(elapsed_us, 1u);
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(rate, std::numeric_limits<std::uint32_t>::max()));
}

std::uint32_t low_us(Instant at) { return static_cast<std::uint32_t>(at.count_us()); }

}  // namespace

Survey::Survey(Arena& arena, std::uint32_t sessions_max)
    : window_(arena.make<Seen>(std::min(sessions_max, window_max))) {}

std::size_t Survey::cost(std::uint32_t sessions_max) { return Arena::cost<Seen>(std::min(sessions_max, window_max)); }

void Survey::ask(Instant now) {
  asked_ = now;
  if (!next_.is_never()) return;
  // What an earlier watch found is old by now.
  done_ = {};
  round_ended_before_ = false;
  last_step_ = now;
  begin_round(now);
}

void Survey::begin_round(Instant now) {
  building_ = {};
  place_ = 0;
  met_ = 0;
  round_began_ = now;
  begin_window(now);
}

void Survey::begin_window(Instant now) {
  phase_ = Phase::first_look;
  window_count_ = 0;
  compared_ = 0;
  window_began_ = now;
  next_ = now + interval;
}

void Survey::step(Sessions& sessions, Instant now) {
  const auto steps = std::clamp<std::int64_t>((now - last_step_).count_us() / interval.count_us(), 1, steps_max);
  last_step_ = now;
  next_ = now + interval;
  std::int64_t units = steps * step_units;
  while (units > 0) {
    if (phase_ == Phase::first_look) {
      if (window_full(sessions)) {
        phase_ = Phase::second_look;
        next_ = later(next_, window_began_ + span);
        return;
      }
      units -= look_first(sessions, now);
    } else if (compared_ < window_count_) {
      units -= look_again(sessions, now);
    } else {
      return end_window(sessions, now);
    }
  }
}

// Nothing is left to look at, or no room to keep it. Once all open sessions were met there is no need to walk on; those that
// closed meanwhile may let a few be missed until the next round.
bool Survey::window_full(const Sessions& sessions) const {
  return window_count_ == window_.size() || place_ >= sessions.capacity() || met_ >= sessions.count();
}

// The first look at one place; gives back the units that it took.
std::uint32_t Survey::look_first(Sessions& sessions, Instant now) {
  const std::uint32_t place = place_++;
  if (place + survey_ahead < sessions.capacity()) sessions.prefetch_index(place + survey_ahead, survey_lines);
  if (!sessions.is_open(place)) return 1;
  ++met_;
  const Session& session = sessions[place];
  const bool quiet = now - session.last_heard > span && session.deadline.is_never();
  if (quiet && sessions.count() > window_.size()) return 1;
  const kcp::Traffic traffic = sessions.machine(place).traffic();
  window_[window_count_++] = {.place = place,
                              .at_us = low_us(now),
                              .segments = traffic.segments_sent + traffic.segments_received,
                              .retransmitted = traffic.retransmissions};
  return 1 + look_units;
}

std::uint32_t Survey::look_again(Sessions& sessions, Instant now) {
  if (compared_ + survey_ahead < window_count_)
    sessions.prefetch_index(window_[compared_ + survey_ahead].place, survey_lines);
  compare(sessions, window_[compared_++], now);
  return 1 + look_units;
}

void Survey::compare(Sessions& sessions, const Seen& seen, Instant now) {
  if (!sessions.is_open(seen.place)) return;
  const std::uint32_t elapsed_us = low_us(now) - seen.at_us;
  // Another session has taken the place since.
  if ((now - sessions[seen.place].opened).count_us() <= elapsed_us) return;
  const kcp::Traffic traffic = sessions.machine(seen.place).traffic();
  ++building_.looked_at;
  // Sequence numbers wrap, and so do their differences.
  Found found{
      .id = sessions.id_of(seen.place),
      .segments_per_s = per_second(traffic.segments_sent + traffic.segments_received - seen.segments, elapsed_us),
      .retransmitted_per_s = per_second(traffic.retransmissions - seen.retransmitted, elapsed_us)};
  found.key = found.segments_per_s;
  rank(TopBy::rate, found);
  found.key = traffic.srtt_us;
  rank(TopBy::rtt, found);
  // Of those that resend as often, the one that did so most since it was opened.
  found.key = std::uint64_t{found.retransmitted_per_s} << 32 | traffic.retransmissions;
  rank(TopBy::retransmission, found);
}

// Keeps the largest keys, in their order; of equal ones, those that came first.
void Survey::rank(TopBy by, const Found& found) {
  auto& top = building_.top[static_cast<std::size_t>(by)];
  std::uint32_t& count = building_.count[static_cast<std::size_t>(by)];
  if (count == found_max && found.key <= top[count - 1].key) return;
  if (count < found_max) ++count;
  const auto last = top.begin() + count - 1;
  const auto place = std::ranges::upper_bound(top.begin(), last, found.key, std::greater(), &Found::key);
  std::move_backward(place, last, last + 1);
  *place = found;
}

void Survey::end_window(const Sessions& sessions, Instant now) {
  const bool over = place_ >= sessions.capacity() || met_ >= sessions.count();
  building_.ready = true;
  building_.took = now - round_began_;
  building_.ended = now;
  // A first round may take long: what it has found so far is better than nothing.
  if (over || !round_ended_before_) done_ = building_;
  round_ended_before_ = round_ended_before_ || over;
  if (now - asked_ > patience) next_ = Instant::never();
  else if (over) begin_round(now);
  else begin_window(now);
}

}  // namespace penstock
