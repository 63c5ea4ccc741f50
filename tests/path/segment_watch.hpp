// SegmentWatch: what a sender of KCP puts on a real path, and what becomes of it: first copies, repetitions, losses, in payload.
//
// Looks into IPv4 and IPv6 frames with UDP and plain KCP; everything else is none of its business. A PUSH is a first copy when
// its number lies behind all that its conversation sent before, as every KCP sends new numbers in order. One thread.
#pragma once

#include <cstdint>
#include <map>
#include <span>

#include "base/seq.hpp"
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
  std::map<std::uint32_t, Seq32> next_;  // by conversation: the first number that it has not sent
  Copies first_;
  Copies resent_;
  Copies lost_;
};

}  // namespace penstock::path
