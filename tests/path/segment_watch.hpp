// SegmentWatch: what a sender of KCP puts on a real path, and what becomes of it: first copies, repetitions, losses, in payload.
//
// Looks into IPv4 and IPv6 frames with UDP and plain KCP; everything else is none of its business. A PUSH is a first copy when
// its conversation has not shown its number before: fates are not told in order of sending, as a full queue refuses at once what
// others wait in. Remembers each number. One thread.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <unordered_set>

#include "path/lane.hpp"
#include "path/tally.hpp"

namespace penstock::path {

class SegmentWatch final : public FateWatch {
 public:
  void on_fate(std::span<const std::uint8_t> frame, bool lost, Instant now) override;

  const Copies& first() const { return first_; }
  const Copies& resent() const { return resent_; }
  const Copies& lost() const { return lost_; }

 private:
  std::map<std::uint32_t, std::unordered_set<std::uint32_t>> seen_;  // numbers, by conversation
  Copies first_;
  Copies resent_;
  Copies lost_;
};

}  // namespace penstock::path
