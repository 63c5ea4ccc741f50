#include "session/session_table.hpp"

namespace penstock {

SessionRecords::SessionRecords(Arena& arena, std::uint32_t sessions_max, std::uint8_t worker)
    : records_(arena.make<Session>(sessions_max)), free_(0), free_count_(sessions_max), worker_(worker) {
  PENSTOCK_ASSERT(sessions_max > 0);
  PENSTOCK_ASSERT(sessions_max != none);
  // Lowest index first, so that a young process touches memory from its start.
  for (Index i = 0; i + 1 < sessions_max; ++i) next_free(i) = i + 1;
  next_free(sessions_max - 1) = none;
}

std::size_t SessionRecords::cost(std::uint32_t sessions_max) { return Arena::cost<Session>(sessions_max); }

SessionRecords::Index SessionRecords::take() {
  if (free_count_ == 0) return none;
  const Index index = free_;
  --free_count_;
  free_ = next_free(index);
  Session& session = records_[index];
  PENSTOCK_ASSERT(session.state == SessionState::free);
  const std::uint32_t generation = session.generation;
  session = Session{};
  session.generation = generation;
  session.state = SessionState::unproven;
  return index;
}

void SessionRecords::give(Index index) {
  PENSTOCK_ASSERT(is_open(index));
  Session& session = records_[index];
  for (const std::uint32_t position : session.timers.position) PENSTOCK_ASSERT(position == TimerPlaces::none);
  PENSTOCK_ASSERT(!session.in_dirty_list);
  session.state = SessionState::free;
  session.generation = SessionId::next_generation(session.generation);
  next_free(index) = free_;
  free_ = index;
  ++free_count_;
}

SessionRecords::Page SessionRecords::walk(Index cursor, std::span<SessionId> ids, std::uint32_t scan_max) const {
  Page page;
  std::uint32_t scanned = 0;
  for (; cursor < capacity(); ++cursor, ++scanned) {
    if (scanned == scan_max || page.count == ids.size()) {
      page.cursor = cursor;
      return page;
    }
    if (is_open(cursor)) ids[page.count++] = id_of(cursor);
  }
  return page;
}

}  // namespace penstock
