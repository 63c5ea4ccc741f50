// SenderBench: a Sender alone, acknowledged by hand at chosen times in µs; its wire clock begins at 0.
#pragma once

#include <catch2/catch.hpp>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "proto/kcp/sender.hpp"
#include "proto/kcp/world.hpp"

namespace penstock::kcp::test {

using Sns = std::vector<std::uint32_t>;

// Without a congestion window, so that a test sees one rule at a time.
inline Options plain() {
  Options options;
  options.no_congestion_window = true;
  options.interval_ms = 10;
  return options;
}

struct SenderBench {
  explicit SenderBench(const Options& options = plain(), Seq32 first = {})
      : world(options),
        sender(first, options),
        rtt(options),
        congestion(options.no_congestion_window ? Congestion::Kind::none : Congestion::Kind::kcp, options.mss()) {
    tell_window(128);
  }
  ~SenderBench() {
    sender.release(world.env);
    world.check_whole();
  }

  SendResult send(std::string_view bytes, std::size_t piece = block_bytes) {
    SegmentQueue message = world.message(bytes, piece);
    return sender.send(message, world.env.options.mss(), world.env);
  }
  void send_many(int count) {
    for (int i = 0; i < count; ++i) REQUIRE(send("x") == SendResult::accepted);
  }
  // What has waited for the peer's window goes out, as more waits.
  void let_out(std::uint16_t count) {
    send_many(count);
    peer_window = static_cast<std::uint16_t>(peer_window + count);
    tell_window(peer_window);
  }
  // The segments of the next datagram.
  std::vector<Parsed> write(std::int64_t us, std::uint32_t room = 1400) {
    now_us = us;
    Block* head = world.pool.allocate();
    REQUIRE(head != nullptr);
    OutDatagram out(head, 128, room, fold_all);
    sender.write(out, Heading(conv, 0, Seq32()), moment(), rtt, congestion, world.env);
    return parse(flat(out));
  }
  std::vector<std::uint32_t> write_sns(std::int64_t us, std::uint32_t room = 1400) {
    std::vector<std::uint32_t> sns;
    for (const Parsed& segment : write(us, room)) sns.push_back(segment.header.sn.raw());
    return sns;
  }
  struct Ack {
    std::uint32_t sn;
    std::uint32_t ts;
  };
  // One datagram that acknowledges `acks` and tells una.
  AckRound acknowledge(std::int64_t us, std::vector<Ack> acks, std::uint32_t una,
                       std::optional<std::uint16_t> window = {}) {
    now_us = us;
    AckRound round = sender.begin_round();
    sender.on_window(round, Seq32(una), window.value_or(peer_window), world.env);
    for (const Ack& ack : acks) sender.on_ack(round, Seq32(ack.sn), Stamp32(ack.ts), moment(), rtt, world.env);
    sender.end_round(round, moment(), rtt, congestion, world.env);
    return round;
  }
  void tell_window(std::uint16_t window) { acknowledge(now_us, {}, sender.una().raw(), window); }
  Moment moment() const { return Moment::at(Instant::at_us(now_us), Stamp32(0)); }

  World world;
  Sender sender;
  Rtt rtt;
  Congestion congestion;
  std::uint16_t peer_window = 128;  // that it tells where a test says nothing else
  std::int64_t now_us = 0;
};

}  // namespace penstock::kcp::test
