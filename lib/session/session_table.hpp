// SessionTable: all sessions of one worker, records and protocol machines, found by SessionId.
//
// SessionRecords is the slab of hot records with their generations; SessionTable puts a Machine beside each, constructed
// when the session opens and destroyed when it closes. Everything is reserved from sessions_max. A closed session's id
// finds nothing, though the place is taken again. Sessions never move, so a walk by index with a cursor meets each
// session that lives through the whole walk exactly once. One core owns a table.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <utility>

#include "base/arena.hpp"
#include "base/assert.hpp"
#include "session/session.hpp"
#include "session/session_id.hpp"

namespace penstock {

class SessionRecords {
 public:
  using Index = std::uint32_t;
  static constexpr Index none = std::numeric_limits<Index>::max();

  // One page of a walk.
  struct Page {
    std::uint32_t count = 0;  // ids written
    Index cursor = none;      // where the next page begins; `none` when the walk is over
  };

  SessionRecords(Arena& arena, std::uint32_t sessions_max, std::uint8_t worker);
  SessionRecords(const SessionRecords&) = delete;
  SessionRecords& operator=(const SessionRecords&) = delete;
  static std::size_t cost(std::uint32_t sessions_max);

  // A place in state `unproven`, all else as a Session begins but for its generation; `none` when all are taken
  // (session_table_full). The one given back last is taken first.
  Index take();
  // Gives a place back: its id dies. Its timers must be out of the wheel and it must be in no list.
  void give(Index index);

  // The open session of this id, or nullptr: closed, of another worker, or never there.
  Session* find(SessionId id);
  // The record at an index; open or not.
  Session& operator[](Index index) { return records_[index]; }
  const Session& operator[](Index index) const { return records_[index]; }
  // The id of the open session at `index`.
  SessionId id_of(Index index) const;
  bool is_open(Index index) const { return records_[index].state != SessionState::free; }
  // All places, for the timer wheel.
  std::span<Session> all() { return records_; }

  // Writes open sessions from index `cursor` (0 begins a walk) on, until `ids` is full or `scan_max` places were looked
  // at. Any cursor is allowed; one past the end yields an empty last page.
  Page walk(Index cursor, std::span<SessionId> ids, std::uint32_t scan_max) const;

  std::uint32_t count() const { return capacity() - free_count_; }
  std::uint32_t capacity() const { return static_cast<std::uint32_t>(records_.size()); }

 private:
  // A free place's conv holds the next free place, or `none`: the record is written to anyway when it is taken or given.
  Index& next_free(Index index) { return records_[index].conv; }

  std::span<Session> records_;
  Index free_;  // the next to take
  std::uint32_t free_count_;
  std::uint8_t worker_;
};

inline Session* SessionRecords::find(SessionId id) {
  if (id.index() >= capacity() || id.worker() != worker_) return nullptr;
  Session& session = records_[id.index()];
  if (session.generation != id.generation() || session.state == SessionState::free) return nullptr;
  return &session;
}

inline SessionId SessionRecords::id_of(Index index) const {
  PENSTOCK_ASSERT(is_open(index));
  return SessionId(index, records_[index].generation, worker_);
}

template <class Machine>
class SessionTable {
 public:
  using Index = SessionRecords::Index;
  using Page = SessionRecords::Page;

  SessionTable(Arena& arena, std::uint32_t sessions_max, std::uint8_t worker)
      : records_(arena, sessions_max, worker),
        machines_(reinterpret_cast<Machine*>(
            arena.allocate(std::size_t{sessions_max} * sizeof(Machine), machine_alignment))) {}
  ~SessionTable() {
    for (Index i = 0; i < capacity(); ++i) {
      if (records_.is_open(i)) std::destroy_at(machines_ + i);
    }
  }
  SessionTable(const SessionTable&) = delete;
  SessionTable& operator=(const SessionTable&) = delete;
  static std::size_t cost(std::uint32_t sessions_max) {
    return SessionRecords::cost(sessions_max) + std::size_t{sessions_max} * sizeof(Machine) + machine_alignment;
  }

  // Opens a session in state `unproven` with a machine made from `args`; an invalid id when sessions_max are open
  // (session_table_full), and then `args` are untouched. The caller fills in path, conv, listener, key mode and times.
  template <class... Args>
  SessionId open(Args&&... args) {
    const Index index = records_.take();
    if (index == SessionRecords::none) return {};
    std::construct_at(machines_ + index, std::forward<Args>(args)...);
    return records_.id_of(index);
  }
  // Destroys the machine and frees the place. The session must be open, out of the wheel, the flow table and all lists.
  void close(SessionId id) {
    PENSTOCK_ASSERT(find(id) != nullptr);
    std::destroy_at(machines_ + id.index());
    records_.give(id.index());
  }

  // The open session of this id, or nullptr.
  Session* find(SessionId id) { return records_.find(id); }
  Session& operator[](Index index) { return records_[index]; }
  const Session& operator[](Index index) const { return records_[index]; }
  // The machine of the open session at `index`.
  Machine& machine(Index index) {
    PENSTOCK_ASSERT(records_.is_open(index));
    return machines_[index];
  }
  const Machine& machine(Index index) const {
    PENSTOCK_ASSERT(records_.is_open(index));
    return machines_[index];
  }
  SessionId id_of(Index index) const { return records_.id_of(index); }
  bool is_open(Index index) const { return records_.is_open(index); }
  std::span<Session> all() { return records_.all(); }
  Page walk(Index cursor, std::span<SessionId> ids, std::uint32_t scan_max) const {
    return records_.walk(cursor, ids, scan_max);
  }

  // Asks for the record's lines and the first `machine_lines` of the machine; any id will do.
  void prefetch(SessionId id, std::uint32_t machine_lines = 0) {
    if (id.index() < capacity()) prefetch_index(id.index(), machine_lines);
  }
  void prefetch_index(Index index, std::uint32_t machine_lines) {
    penstock::prefetch(records_[index]);
    const char* machine_bytes = reinterpret_cast<const char*>(machines_ + index);
    for (std::uint32_t line = 0; line < machine_lines; ++line) {
      __builtin_prefetch(machine_bytes + std::size_t{line} * cache_line_bytes, 1);
    }
  }

  std::uint32_t count() const { return records_.count(); }
  std::uint32_t capacity() const { return records_.capacity(); }

 private:
  static constexpr std::size_t machine_alignment = alignof(Machine) > cache_line_bytes ? alignof(Machine)
                                                                                       : cache_line_bytes;

  SessionRecords records_;
  Machine* machines_;
};

}  // namespace penstock
