// EchoPeer: the other side of one echoing KCP machine, by hand and in a few bytes, for our machine and its rival alike.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <span>

#include "bench/part.hpp"
#include "proto/kcp/wire.hpp"

namespace penstock::bench {

inline constexpr std::uint32_t echo_sessions_cold = 100'000;

class EchoPeer {
 public:
  static constexpr std::uint32_t message_size = 64;

  bool owes_ack() const { return owes_ack_; }

  // Writes the ACK of the last reply alone; returns its bytes. Requires owes_ack().
  std::uint32_t write_ack(std::uint32_t conv, std::span<std::uint8_t> to) {
    kcp::Header header = common(conv);
    header.command = kcp::Command::ack;
    header.sn = Seq32(sn_ - 1);
    header.stamp = Stamp32(reply_stamp_);
    kcp::encode(header, to.data());
    owes_ack_ = false;
    return kcp::header_bytes;
  }
  // Writes the next request, or the one under way again, behind the ACK when that is owed; returns the bytes of both.
  std::uint32_t write_request(std::uint32_t conv, std::uint32_t stamp, std::span<std::uint8_t> to) {
    const std::uint32_t at = owes_ack_ ? write_ack(conv, to) : 0;
    kcp::Header header = common(conv);
    header.command = kcp::Command::push;
    header.sn = Seq32(sn_);
    header.stamp = Stamp32(stamp);
    header.length = message_size;
    kcp::encode(header, to.data() + at);
    std::ranges::copy(message(), to.subspan(at + kcp::header_bytes).begin());
    return at + kcp::header_bytes + message_size;
  }

  // True when the datagram brought the reply. False when it held none, or one that came before. Throws BenchError when the
  // reply differs from its request.
  bool take_reply(std::span<const std::uint8_t> datagram) {
    kcp::SegmentReader reader(datagram);
    bool answered = false;
    while (reader.next()) {
      const kcp::Header& header = reader.header();
      if (header.command != kcp::Command::push) continue;
      reply_stamp_ = header.stamp.raw();
      owes_ack_ = true;
      if (header.sn != Seq32(sn_)) continue;
      const auto bytes = datagram.subspan(reader.payload_offset(), header.length);
      require(std::ranges::equal(bytes, message()), "a reply differs from its request");
      answered = true;
    }
    sn_ += answered;
    return answered;
  }

 private:
  kcp::Header common(std::uint32_t conv) const {
    kcp::Header header;
    header.conv = conv;
    header.window = 128;
    header.una = Seq32(sn_);
    return header;
  }
  std::array<std::uint8_t, message_size> message() const {
    std::array<std::uint8_t, message_size> bytes;
    bytes.fill(static_cast<std::uint8_t>(sn_));
    return bytes;
  }

  std::uint32_t sn_ = 0;  // of the request under way, and of its reply
  std::uint32_t reply_stamp_ = 0;
  bool owes_ack_ = false;
};

}  // namespace penstock::bench
