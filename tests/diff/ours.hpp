// Ours: the memory of our KCP sessions under test, and a session as a Machine.
//
// Memory is made once and lent to one session after another; whole() tells that a session gave all of it back. One thread.
#pragma once

#include "base/rng.hpp"
#include "buf/arena_pool.hpp"
#include "buf/segment_queue.hpp"
#include "buf/small_blocks.hpp"
#include "diff/machine.hpp"
#include "proto/kcp/session.hpp"

namespace penstock::diff {

struct Memory {
  static constexpr std::uint32_t block_bytes = 2176;  // holds any datagram and the headroom
  static constexpr std::uint32_t headroom = 128;

  // Blocks for so many datagrams and messages at once.
  explicit Memory(std::uint32_t datagrams = 8192);
  bool whole() const;
  // A block of its own with these bytes.
  Segment segment(std::span<const std::uint8_t> bytes);
  // A message in pieces of at most `piece` bytes, each in a block of its own.
  SegmentQueue message(std::span<const std::uint8_t> bytes, std::size_t piece);

  HeapMemory heap;
  Arena arena;
  BuddyMemory buddy;
  SmallBlocks blocks;
  SegmentChunkPool chunks;
  HeapPool pool;
};

class Ours final : public Machine {
 public:
  // `memory` must be whole and outlive it.
  Ours(Memory& memory, const kcp::Options& options, std::uint64_t seed, Instant now, const kcp::Start& start);
  ~Ours() override { session.release(); }

  bool send(std::span<const std::uint8_t> message, Instant now) override;
  void input(std::span<const std::uint8_t> datagram, Instant now) override;
  std::vector<Bytes> turn(Instant now) override;
  // The rest of turn(), once the deadline has been seen to.
  std::vector<Bytes> transmit(Instant now);
  std::optional<Bytes> receive() override;
  Instant next_deadline(Instant) override { return session.next_deadline(); }
  bool drained() override { return session.idle(); }

  SendResult send_cut(std::span<const std::uint8_t> message, std::size_t piece, Instant now);
  kcp::Refusal take(std::span<const std::uint8_t> datagram, Instant now);

 private:
  Memory& memory_;
  Rng rng_;
  kcp::Counters counters_;
  kcp::Environment env_;
  std::int64_t credit_ = 0;  // payload bytes received minus sent, which bounds us until the peer is proven

 public:
  kcp::Session session;
  const kcp::Counters& counters() const { return counters_; }
};

}  // namespace penstock::diff
