// SessionModel: what must be true of one KCP session, known only from what went in and what came out.
//
// It remembers each PUSH that was offered, each that the session sent, and what it acknowledged, and claims: nothing is
// acknowledged, handed out or counted by una that was not offered; a datagram that is refused whole changes nothing; what is
// sent is what the service gave, each byte once and in order, and a resend is the same segment; only the echo of a stamp that
// was sent proves the peer; every window and queue keeps its bound.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <vector>

#include "kcp_ground.hpp"

namespace penstock::fuzz {

class SessionModel {
 public:
  explicit SessionModel(const kcp::Options& options) : options_(options) {}
  void begin(const kcp::Start& start);

  // Numbers in whose neighbourhood something happens: `step` leads away from there.
  Seq32 near(kcp::Command command, std::int32_t step) const;
  Seq32 una_near(std::int32_t step) const;
  // The stamp of the latest transmission of `sn`, or any.
  Stamp32 stamp_of(Seq32 sn) const;
  static std::uint8_t byte_of(Seq32 sn) { return static_cast<std::uint8_t>(sn.raw() * 167u + 13u); }
  // Writes our conv into each header.
  static void make_ours(std::vector<std::uint8_t>& datagram);

  void before_arrival(std::span<const std::uint8_t> datagram, const kcp::Session& session);
  void after_arrival(std::span<const std::uint8_t> datagram, kcp::Refusal refusal, const kcp::Session& session);
  void delivered(const Received& received);
  // Bytes of a message to send, `at` bytes behind its beginning.
  Segment next_piece(KcpGround& ground, std::uint32_t at, std::uint32_t bytes) const;
  void accepted(std::uint32_t bytes) { accepted_bytes_ += bytes; }
  void wrote(const OutDatagram& out, const kcp::Session& session);
  // What holds between any two steps.
  void check(const kcp::Session& session);

  // Something was acknowledged that lies behind a gap, and the segment that fills the first gap.
  bool owes_below_acknowledged(const kcp::Session& session) const;
  std::vector<std::uint8_t> missing_segment(const kcp::Session& session) const;

 private:
  struct Offer {
    std::uint64_t digest = 0;  // of the payload
    std::uint32_t length = 0;
    std::uint8_t fragment = 0;
    Stamp32 stamp;
  };
  struct Sent {
    std::uint64_t digest = 0;
    std::uint32_t length = 0;
    std::uint8_t fragment = 0;
    std::vector<std::uint32_t> stamps;
  };
  void offer(std::span<const std::uint8_t> datagram);
  bool proves(std::span<const std::uint8_t> datagram) const;
  bool is_path_probe(const kcp::Header& header, std::span<const std::uint8_t> payload, std::size_t bytes,
                     const kcp::Session& session) const;
  void wrote_push(const kcp::Header& header, std::span<const std::uint8_t> payload, bool proven);
  void wrote_ack(const kcp::Header& header, Seq32 una);
  const Sent* sent(Seq32 sn) const;
  bool matches(const Received& received, const Offer& offer) const;
  Seq32 first_expected() const { return Seq32(stats_.segments_received); }
  Seq32 next_sent() const { return Seq32(stats_.segments_sent); }
  Seq32 oldest_sent() const { return next_sent() - stats_.in_flight; }

  const kcp::Options& options_;
  kcp::Stats stats_;  // as of the last step
  bool proven_ = false;
  Seq32 send_first_;
  // Which sn may be handed out next: several where the same bytes were offered as different segments, or different bytes as
  // one, since it is not known which of them was kept.
  std::set<std::uint32_t> places_;
  std::map<std::uint32_t, std::vector<Offer>> offers_;  // by sn
  std::set<std::uint32_t> acknowledged_;                // sn
  std::vector<Sent> sent_;                              // from send_first_ on
  Stamp32 ping_stamp_;                                  // of the session's ping
  bool pinged_ = false;                                 // it was sent
  std::uint64_t accepted_bytes_ = 0;
  std::uint64_t sent_bytes_ = 0;
};

}  // namespace penstock::fuzz
