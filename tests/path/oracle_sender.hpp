// OracleSender: the oracle of tests/sim as a sender of KCP: its numbers become PUSHes that an unmodified ikcp takes.
//
// What the receiver says back it does not need: it is told of each copy's fate. Every message must fit into one segment. One
// thread.
#pragma once

#include <deque>

#include "diff/machine.hpp"
#include "sim/oracle.hpp"

namespace penstock::path {

class OracleSender final : public diff::Machine {
 public:
  // As the oracle's.
  OracleSender(const kcp::Options& options, std::int64_t segment_ns, std::uint32_t spare_from = 0);

  bool send(std::span<const std::uint8_t> message, Instant now) override;
  void input(std::span<const std::uint8_t>, Instant) override {}
  std::vector<diff::Bytes> turn(Instant now) override;
  std::optional<diff::Bytes> receive() override { return std::nullopt; }
  Instant next_deadline(Instant) override { return oracle_.next_deadline(); }
  bool drained() override { return oracle_.drained(); }

  // As the oracle's.
  void on_fate(std::uint32_t number, bool lost, Instant known) { oracle_.on_fate(number, lost, known); }

 private:
  diff::Bytes datagram_of(std::uint32_t number) const;

  std::uint32_t window_;
  sim::Oracle oracle_;
  std::deque<diff::Bytes> messages_;  // from the oracle's una on
  std::uint32_t first_ = 0;           // the number of the first of them
};

}  // namespace penstock::path
