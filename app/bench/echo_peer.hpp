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

  // Writes the ACK of the last reply, when there was one, and the next request; returns the bytes of both.
  std::uint32_t write_request(std::uint32_t conv, std::uint32_t stamp, std::span<std::uint8_t> to) {
    std::uint32_t at = 0;
    kcp::Header header;
    header.conv = conv;
    header.window = 128;
    header.una = Seq32(sn_);
    if (sn_ > 0) {
      header.command = kcp::Command::ack;
      header.sn = Seq32(sn_ - 1);
      header.stamp = Stamp32(reply_stamp_);
      kcp::encode(header, to);
      at = kcp::header_bytes;
    }
    header.command = kcp::Command::push;
    header.sn = Seq32(sn_);
    header.stamp = Stamp32(stamp);
    header.length = message_size;
    kcp::encode(header, to.subspan(at));
    std::ranges::copy(message(), to.subspan(at + kcp::header_bytes).begin());
    return at + kcp::header_bytes + message_size;
  }

  // Throws BenchError unless the reply holds what was asked for.
  void take_reply(std::span<const std::uint8_t> reply) {
    kcp::SegmentReader reader(reply);
    bool answered = false;
    while (reader.next()) {
      const kcp::Header& header = reader.header();
      if (header.command != kcp::Command::push) continue;
      const auto bytes = reply.subspan(reader.payload_offset(), header.length);
      answered = header.sn == Seq32(sn_) && std::ranges::equal(bytes, message());
      reply_stamp_ = header.stamp.raw();
    }
    require(answered, "a reply differs from its request");
    ++sn_;
  }

 private:
  std::array<std::uint8_t, message_size> message() const {
    std::array<std::uint8_t, message_size> bytes;
    bytes.fill(static_cast<std::uint8_t>(sn_));
    return bytes;
  }

  std::uint32_t sn_ = 0;  // of the request under way, and of its reply
  std::uint32_t reply_stamp_ = 0;
};

}  // namespace penstock::bench
