// PairSide: one of two KCP sessions that talk, and the oracle of what it must receive.
//
// Messages are a function of who sent them and of how many bytes came before, so that each byte is compared as it is handed
// out: once, in order, and in message mode between the borders that the other side set.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "kcp_ground.hpp"

namespace penstock::fuzz {

class PairSide {
 public:
  PairSide(KcpGround& ground, const kcp::Options& options, bool opens, Seq32 send_first, Seq32 receive_first);

  void send(std::uint32_t bytes, std::uint32_t piece, Instant now);
  // Takes up to `count` segments, and compares them with what `peer` had accepted.
  void receive(std::uint32_t count, const PairSide& peer);
  void arrive(std::span<const std::uint8_t> datagram, Instant now);
  // The next datagram, bounded by what was paid for while the peer is unproven; nothing when none is due.
  std::optional<std::vector<std::uint8_t>> transmit(Instant now, std::uint32_t room);
  void time_passed(Instant now);
  void close(CloseReason reason, Instant now);
  void release() { session.release(); }

  // All that `peer` had accepted was handed out.
  bool complete(const PairSide& peer) const { return received_bytes_ == peer.accepted_bytes_ && at_border_; }
  bool ended() const { return session.closed(); }
  bool was_told_to_end() const { return told_to_end_; }
  // It ended in good order before its time to linger was over: what it had accepted was acknowledged.
  bool ended_acknowledged() const { return acknowledged_end_; }
  Instant deadline() const { return session.next_deadline(); }
  bool idle() const { return session.idle(); }
  bool proven() const { return session.proven(); }

 private:
  static std::uint8_t byte_at(bool opener, std::uint64_t place) {
    return static_cast<std::uint8_t>(place * 37 + place / 251 + (opener ? 0 : 101));
  }
  void note_events(Instant now);

  KcpWorld world_;
  kcp::Session session;
  bool opens_;
  bool told_to_end_ = false;
  bool acknowledged_end_ = false;
  Instant told_at_;
  std::uint32_t credit_ = 0;
  std::uint64_t accepted_bytes_ = 0;
  std::uint32_t accepted_pieces_ = 0;
  std::vector<std::uint64_t> borders_;  // how many bytes had been accepted at the end of each message
  std::uint64_t received_bytes_ = 0;
  std::size_t received_messages_ = 0;
  bool at_border_ = true;
};

}  // namespace penstock::fuzz
