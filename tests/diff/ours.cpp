#include "diff/ours.hpp"

#include <algorithm>

namespace penstock::diff {

namespace {

constexpr std::size_t buddy_bytes = 8u << 20;
constexpr SmallBlocks::Counts small_blocks = {{4096, 4096, 4096}};
constexpr std::uint32_t chunk_count = 1024;

}  // namespace

Memory::Memory(std::uint32_t datagrams)
    : heap(BuddyMemory::cost(buddy_bytes) + SmallBlocks::cost(small_blocks) + SegmentChunkPool::cost(chunk_count)),
      arena(heap.bytes()),
      buddy(arena, buddy_bytes),
      blocks(arena, small_blocks),
      chunks(arena, chunk_count),
      pool(block_bytes, datagrams) {}

bool Memory::whole() const {
  for (std::uint32_t i = 0; i < 3; ++i) {
    if (blocks.pool(i).available() != blocks.pool(i).capacity()) return false;
  }
  return buddy.in_use_bytes() == 0 && chunks.available() == chunks.capacity() && pool.whole();
}

Segment Memory::segment(std::span<const std::uint8_t> bytes) {
  Block* block = pool.allocate();
  require(block != nullptr && bytes.size() <= block->size, "the test ran out of blocks");
  std::ranges::copy(bytes, block->data);
  return Segment::adopt(block, 0, static_cast<std::uint32_t>(bytes.size()));
}

SegmentQueue Memory::message(std::span<const std::uint8_t> bytes, std::size_t piece) {
  SegmentQueue queue(chunks);
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    require(queue.push_back(segment(bytes.subspan(at, std::min(piece, bytes.size() - at)))), "out of chunks");
  }
  return queue;
}

Ours::Ours(Memory& memory, const kcp::Options& options, std::uint64_t seed, Instant now, const kcp::Start& start)
    : memory_(memory),
      rng_(seed),
      env_{options, memory.buddy, memory.blocks, rng_, counters_},
      session(env_, conv, now, start) {
  const auto fault = options.validate();
  require(!fault, fault ? std::string(fault->sentence) : "");
  require(memory.whole(), "a session before did not give all memory back");
}

SendResult Ours::send_cut(std::span<const std::uint8_t> message, std::size_t piece, Instant now) {
  SegmentQueue queue = memory_.message(message, piece);
  return session.send(queue, now);
}

kcp::Refusal Ours::take(std::span<const std::uint8_t> datagram, Instant now) {
  credit_ += static_cast<std::int64_t>(datagram.size());
  return session.on_datagram(memory_.segment(datagram), now);
}

bool Ours::send(std::span<const std::uint8_t> message, Instant now) {
  return send_cut(message, env_.options.mss(), now) == SendResult::accepted;
}

void Ours::input(std::span<const std::uint8_t> datagram, Instant now) {
  const kcp::Refusal refusal = take(datagram, now);
  require(refusal == kcp::Refusal::none || refusal == kcp::Refusal::beyond_window,
          "ours refuses a datagram as " + std::string(kcp::name_of(refusal)) + ":" +
              tell({Bytes(datagram.begin(), datagram.end())}));
}

std::vector<Bytes> Ours::turn(Instant now) {
  if (now >= session.next_deadline()) session.on_timeout(now);
  return transmit(now);
}

std::vector<Bytes> Ours::transmit(Instant now) {
  std::vector<Bytes> datagrams;
  for (;;) {
    const std::int64_t room = session.proven() ? env_.options.mtu : std::min<std::int64_t>(credit_, env_.options.mtu);
    if (room <= 0) break;
    Block* head = memory_.pool.allocate();
    require(head != nullptr, "the test ran out of blocks");
    OutDatagram out(head, Memory::headroom, static_cast<std::uint32_t>(room), Memory::block_bytes);
    if (!session.poll_transmit(out, now)) break;
    const Segment bytes = out.take_head();
    credit_ -= bytes.length();
    datagrams.emplace_back(bytes.bytes().begin(), bytes.bytes().end());
  }
  while (const auto event = session.poll_event()) {
    require(event->kind != SessionEvent::Kind::closed, "our session closed: " + std::string(name_of(event->reason)));
  }
  return datagrams;
}

std::optional<Bytes> Ours::receive() {
  const auto next = session.receivable();
  if (!next) return std::nullopt;
  Bytes bytes;
  const bool stream = env_.options.stream;
  for (;;) {
    const auto part = session.poll_receive();
    require(part.has_value(), "poll_receive() had nothing of what receivable() told");
    const auto more = part->bytes.bytes();
    bytes.insert(bytes.end(), more.begin(), more.end());
    if (stream || part->message_ends) break;
  }
  return bytes;
}

}  // namespace penstock::diff
