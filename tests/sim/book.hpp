// Book: what each conversation of a world is, how far it came, and what the applications found wrong.
//
// Applications are called from inside a worker and must not throw there, so they write the first complaint down and the
// simulation breaks when the turn is over.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/time.hpp"
#include "proto/protocol.hpp"
#include "sim/coverage.hpp"
#include "sim/plan.hpp"
#include "sim/trace.hpp"

namespace penstock::sim {

struct Record {
  Conversation plan;
  Instant try_at;                // when a worker of the client's host shall try to begin it
  std::uint32_t try_worker = 0;  // which one
  bool opened = false;
  std::uint16_t port = 0;             // that the client began it from
  std::optional<CloseReason> closed;  // why the client's session ended
  bool completed = false;             // the client saw all it had to see and closed in good order
  bool moved_unproven = false;  // its address changed before the server had a proof of it: the server follows nobody
  std::uint64_t echoed = 0;     // bytes that came back and were compared
  std::uint64_t taken = 0;      // bytes that the sink took and compared, of its furthest session
  bool crashed = false;         // its client's process, or its server's, ended in the midst of it
  bool mixed =
      false;  // begun anew under the number of a conversation that its server still knows: bytes are not compared
  bool torn = false;  // its server began anew, without what the session before had acknowledged: the client gives up
};

class Book {
 public:
  Book(Trace& trace_, Coverage& coverage_) : trace(trace_), coverage(coverage_) {}

  Record& add(const Conversation& conversation);
  Record* find(std::uint32_t conv);
  std::deque<Record>& records() { return records_; }
  const std::deque<Record>& records() const { return records_; }
  bool all_closed() const { return closed_ == records_.size(); }
  // The client's session of a conversation ended.
  void close(Record& record, CloseReason reason);
  // Goes up whenever a conversation may have to be begun earlier, or by another worker, than was known.
  std::uint64_t changes() const { return changes_; }
  void retry(Record& record, std::uint32_t worker, Instant at);
  // Its client's process, which crashed, begins it once more under the same number, with other bytes to send.
  void begin_again(Record& record, Instant at, bool mixed);
  // Its client shall close it, whatever is still to come.
  void tear(Record& record);

  // Writes a complaint down; the first one counts.
  void fail(const std::string& sentence) {
    if (complaint_.empty()) complaint_ = sentence;
  }
  const std::string& complaint() const { return complaint_; }

  Trace& trace;
  Coverage& coverage;
  Instant now;  // the world's, while a host's worker has its turn

 private:
  std::deque<Record> records_;
  std::unordered_map<std::uint32_t, Record*> by_conv_;
  std::string complaint_;
  std::size_t closed_ = 0;
  std::uint64_t changes_ = 0;
};

// Conversations of strangers; nobody plans them and no payload of theirs is compared.
constexpr bool is_stranger(std::uint32_t conv) { return conv >> 28 == 0xe; }

}  // namespace penstock::sim
