// World: memory, pools and an Environment for KCP machines under test, and small helpers to speak their wire format.
//
// check_whole() fails the test unless every block, chunk and byte went back to where it came from.
#pragma once

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/rng.hpp"
#include "buf/arena_pool.hpp"
#include "buf/segment_queue.hpp"
#include "buf/small_blocks.hpp"
#include "proto/kcp/environment.hpp"
#include "proto/kcp/session.hpp"
#include "proto/kcp/wire.hpp"

namespace penstock::kcp::test {

using Bytes = std::vector<std::uint8_t>;

inline constexpr std::uint32_t conv = 0x11223344;
inline constexpr std::uint32_t block_bytes = 9216;  // holds any datagram and 128 bytes of headroom
inline constexpr std::uint32_t fold_all = block_bytes;

inline Instant at_ms(std::int64_t ms) { return Instant::at_us(ms * 1000); }

struct WorldSize {
  std::size_t memory_bytes = 1u << 20;
  SmallBlocks::Counts blocks = {{256, 256, 256}};
  std::uint32_t chunks = 256;
  std::uint32_t datagrams = 1024;
};

struct World {
  explicit World(const Options& options = {}, std::uint64_t seed = 1, const WorldSize& size = {})
      : heap(BuddyMemory::cost(size.memory_bytes) + SmallBlocks::cost(size.blocks) +
             SegmentChunkPool::cost(size.chunks)),
        arena(heap.bytes()),
        memory(arena, size.memory_bytes),
        blocks(arena, size.blocks),
        chunks(arena, size.chunks),
        pool(block_bytes, size.datagrams),
        rng(seed),
        env{options, memory, blocks, rng, counters} {
    const auto fault = options.validate();
    INFO((fault ? std::string(fault->sentence) : std::string()));
    REQUIRE(!fault);
  }

  void check_whole() const {
    CHECK(memory.in_use_bytes() == 0);
    CHECK(pool.whole());
    CHECK(chunks.available() == chunks.capacity());
    for (std::uint32_t i = 0; i < 3; ++i) CHECK(blocks.pool(i).available() == blocks.pool(i).capacity());
  }

  Segment datagram(std::span<const std::uint8_t> bytes) {
    Block* block = pool.allocate();
    REQUIRE(block != nullptr);
    REQUIRE(bytes.size() <= block->size);
    std::ranges::copy(bytes, block->data);
    return Segment::adopt(block, 0, static_cast<std::uint32_t>(bytes.size()));
  }
  // A message of `bytes` in pieces of at most `piece` bytes, each in a block of its own.
  SegmentQueue message(std::string_view bytes, std::size_t piece = block_bytes) {
    SegmentQueue queue(chunks);
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
      const auto part = bytes.substr(at, piece);
      REQUIRE(queue.push_back(datagram({reinterpret_cast<const std::uint8_t*>(part.data()), part.size()})));
    }
    return queue;
  }

  HeapMemory heap;
  Arena arena;
  BuddyMemory memory;
  SmallBlocks blocks;
  SegmentChunkPool chunks;
  HeapPool pool;
  Rng rng;
  Counters counters;
  Environment env;
};

inline Bytes flat(OutDatagram& out) {
  const Segment head = out.take_head();
  const Segment link = out.take_link();
  Bytes bytes(head.bytes().begin(), head.bytes().end());
  bytes.insert(bytes.end(), link.bytes().begin(), link.bytes().end());
  return bytes;
}

// The next datagram of a session, or nothing when it writes none.
inline std::optional<Bytes> transmit(World& world, Session& session, Instant now, std::uint32_t room = 9000,
                                     std::uint32_t copy_break = fold_all) {
  Block* head = world.pool.allocate();
  REQUIRE(head != nullptr);
  OutDatagram out(head, 128, room, copy_break);
  const bool hinted = session.wants_transmit(now);
  if (!session.poll_transmit(out, now)) {
    REQUIRE(out.empty());
    return std::nullopt;
  }
  REQUIRE(hinted);
  REQUIRE(out.size() <= room);
  return flat(out);
}
inline std::vector<Bytes> transmit_all(World& world, Session& session, Instant now, std::uint32_t room = 9000,
                                       std::uint32_t copy_break = fold_all) {
  std::vector<Bytes> datagrams;
  while (auto datagram = transmit(world, session, now, room, copy_break)) datagrams.push_back(std::move(*datagram));
  return datagrams;
}

struct Parsed {
  Header header;
  std::string payload;
};
inline std::vector<Parsed> parse(const Bytes& datagram) {
  std::vector<Parsed> segments;
  SegmentReader reader(datagram);
  while (reader.next()) {
    const auto payload = std::span(datagram).subspan(reader.payload_offset(), reader.header().length);
    segments.push_back({reader.header(), std::string(payload.begin(), payload.end())});
  }
  REQUIRE(!reader.malformed());
  return segments;
}
inline std::vector<Parsed> parse(const std::vector<Bytes>& datagrams) {
  std::vector<Parsed> all;
  for (const Bytes& datagram : datagrams) {
    for (Parsed& segment : parse(datagram)) all.push_back(std::move(segment));
  }
  return all;
}

// What a peer might send; `length` is set from the payload.
struct Wire {
  Command command = Command::push;
  std::uint32_t sn = 0;
  std::uint32_t una = 0;
  std::uint32_t ts = 0;
  std::uint16_t wnd = 128;
  std::uint8_t frg = 0;
  std::string payload = {};
  std::uint32_t conversation = conv;
};
inline Bytes wire(std::initializer_list<Wire> segments) {
  Bytes bytes;
  for (const Wire& segment : segments) {
    Header header;
    header.conv = segment.conversation;
    header.command = segment.command;
    header.fragment = segment.frg;
    header.window = segment.wnd;
    header.stamp = Stamp32(segment.ts);
    header.sn = Seq32(segment.sn);
    header.una = Seq32(segment.una);
    header.length = static_cast<std::uint32_t>(segment.payload.size());
    const std::size_t start = bytes.size();
    bytes.resize(start + header_bytes);
    encode(header, bytes.data() + start);
    // One by one: g++ 12 takes the insertion of nothing for a write out of bounds.
    for (const char c : segment.payload) bytes.push_back(static_cast<std::uint8_t>(c));
  }
  return bytes;
}
inline Wire push(std::uint32_t sn, std::string payload, std::uint8_t frg = 0, std::uint32_t ts = 0) {
  return {.command = Command::push, .sn = sn, .ts = ts, .frg = frg, .payload = std::move(payload)};
}
// Answers every PUSH of a datagram as ikcp does: one ACK each, echoing ts.
inline Wire ack(std::uint32_t sn, std::uint32_t ts, std::uint32_t una, std::uint16_t wnd = 128) {
  return {.command = Command::ack, .sn = sn, .una = una, .ts = ts, .wnd = wnd};
}

inline Refusal deliver(World& world, Session& session, const Bytes& datagram, Instant now) {
  return session.on_datagram(world.datagram(datagram), now);
}
inline SendResult send(World& world, Session& session, std::string_view bytes, Instant now,
                       std::size_t piece = block_bytes) {
  SegmentQueue queue = world.message(bytes, piece);
  const SendResult result = session.send(queue, now);
  if (result == SendResult::accepted) REQUIRE(queue.empty());
  else REQUIRE(queue.bytes() == bytes.size());
  return result;
}
// Everything that can be handed out, message ends marked by '|'.
inline std::string receive_all(Session& session) {
  std::string text;
  while (auto received = session.poll_receive()) {
    text.append(received->bytes.bytes().begin(), received->bytes.bytes().end());
    if (received->message_ends) text += '|';
  }
  return text;
}
inline Bytes hex(std::string_view text) {
  Bytes bytes;
  std::string digits;
  for (const char c : text) {
    if (c == ' ') continue;
    digits += c;
    if (digits.size() < 2) continue;
    bytes.push_back(static_cast<std::uint8_t>(std::stoul(digits, nullptr, 16)));
    digits.clear();
  }
  return bytes;
}
inline Start ours(std::uint32_t stamp_origin = 0) {
  return {.opening = Opening::by_us, .send_first = {}, .receive_first = {}, .stamp_origin = Stamp32(stamp_origin)};
}
inline Start theirs(std::uint32_t stamp_origin = 0) {
  return {.opening = Opening::by_peer, .send_first = {}, .receive_first = {}, .stamp_origin = Stamp32(stamp_origin)};
}

}  // namespace penstock::kcp::test
