// Tally: what each message of a trial went through: handed in, sent, lost, sent again, delivered.
//
// A message is one segment and has its number, from 0 on. A copy of a segment is *resent* when it was not the first to
// leave, and *spurious* when an earlier copy had come across already, whether or not it was lost itself. Delays are µs: from
// the moment in which a message was due to be handed in, and from that in which its first copy left, to its delivery in order
// at the receiver's application. Plain values, one thread.
#pragma once

#include <cstdint>
#include <vector>

#include "base/time.hpp"

namespace penstock::path {

struct Copies {
  std::uint64_t count = 0;
  std::uint64_t bytes = 0;  // of payload
  void add(std::uint64_t payload) {
    ++count;
    bytes += payload;
  }
  Copies& operator+=(const Copies& other) {
    count += other.count;
    bytes += other.bytes;
    return *this;
  }
};

class Tally {
 public:
  explicit Tally(std::uint64_t messages) : records_(messages) {}

  // The next message, which was due to be handed in at `due`.
  void on_handed(Instant due);
  // A copy leaves its sender.
  void on_sent(std::uint64_t number, std::uint64_t bytes, Instant now);
  // A copy was lost or not; in the order in which the copies of one number left.
  void on_fate(std::uint64_t number, std::uint64_t bytes, bool lost);
  // The next message arrived in order.
  void on_delivered(Instant now);

  std::uint64_t messages() const { return records_.size(); }
  std::uint64_t handed() const { return handed_; }
  std::uint64_t delivered() const { return delivered_; }
  const Copies& first() const { return first_; }
  const Copies& resent() const { return resent_; }
  const Copies& lost() const { return lost_; }
  const Copies& spurious() const { return spurious_; }
  // Of the messages delivered, in their order.
  std::vector<std::int64_t> delays_from_handing_us() const;
  std::vector<std::int64_t> delays_from_first_copy_us() const;

 private:
  struct Record {
    std::int64_t due_us = 0;
    std::int64_t first_us = -1;  // not sent yet
    std::int64_t delivered_us = 0;
    bool across = false;  // a copy was not lost
  };
  std::vector<Record> records_;
  std::uint64_t handed_ = 0;
  std::uint64_t delivered_ = 0;
  Copies first_;
  Copies resent_;
  Copies lost_;
  Copies spurious_;
};

// The value below which `per_mille` of a thousand lie; 0 of nothing. Sorts.
std::int64_t quantile(std::vector<std::int64_t>& values, std::uint32_t per_mille);

}  // namespace penstock::path
