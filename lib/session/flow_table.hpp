// FlowTable: from the hash of a flow key to its session; the first table that every datagram meets.
//
// It holds no keys: a tag of the keyed hash and a SessionId, 16 bytes. The key stands in the session, so the caller's
// `matches(SessionId)` decides, and two flows of one hash are both found. A burst goes in three steps: find_bulk(), then
// prefetch the candidates' session lines, then confirm() each. One core owns a table. See BucketTable for its bounds.
#pragma once

#include <cstdint>
#include <span>

#include "session/bucket_table.hpp"
#include "session/flow_key.hpp"
#include "session/session_id.hpp"

namespace penstock {

class FlowTable {
 public:
  FlowTable(Arena& arena, std::uint32_t sessions_max) : table_(arena, sessions_max) {}
  static std::size_t cost(std::uint32_t sessions_max) { return BucketTable::cost(sessions_max); }

  // False when no slot is free within reach: refuse the session as flow_table_full. The key must not be
  // present yet (ask find() first; an earlier datagram of the same burst may have opened it).
  bool insert(FlowHash hash, SessionId id);
  // Removes a session that was inserted under this hash.
  void erase(FlowHash hash, SessionId id);
  // The session under this hash for which `matches(SessionId)` is true, or an invalid id. `matches` must bear with ids of
  // other flows.
  template <class Matches>
  SessionId find(FlowHash hash, Matches&& matches);

  // Asks for the line that a look-up reads first. Between this and find_bulk() goes other work of the burst.
  void prefetch(FlowHash hash) const { table_.prefetch(hash); }
  // Writes for each hash the first session whose tag agrees, or an invalid id. Candidates are not verified. `candidates` is
  // at least as long as `hashes`.
  void find_bulk(std::span<const FlowHash> hashes, std::span<SessionId> candidates);
  // Turns a candidate into the answer of find(). A candidate that does not match (closed since, or another flow of the
  // same tag) or was none (opened since, by an earlier datagram of the burst) is looked up again; its line is warm.
  template <class Matches>
  SessionId confirm(FlowHash hash, SessionId candidate, Matches&& matches) {
    if (candidate.is_valid() && matches(candidate)) return candidate;
    return find(hash, matches);
  }

  std::uint32_t count() const { return table_.count(); }
  std::uint32_t capacity() const { return table_.capacity(); }
  // Flows whose look-up takes a second line; walks the whole table: for reports and tests.
  std::uint32_t displaced() const { return table_.displaced(); }

 private:
  BucketTable table_;
};

template <class Matches>
SessionId FlowTable::find(FlowHash hash, Matches&& matches) {
  const std::uint64_t* value =
      table_.find(hash, [&matches](std::uint64_t raw) { return matches(SessionId::from_raw(raw)); });
  return value == nullptr ? SessionId{} : SessionId::from_raw(*value);
}

}  // namespace penstock
