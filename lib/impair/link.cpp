#include "impair/link.hpp"

#include <algorithm>
#include <utility>

#include "impair/ip_header.hpp"

namespace penstock::impair {

namespace {

constexpr std::uint32_t ethernet_header_bytes = 14;
constexpr std::int64_t ns_per_us = 1'000;
constexpr std::uint64_t ns_per_second = 1'000'000'000;
// A frame that is held back waits up to the link's own delay more, but at least this long.
constexpr Duration reorder_least = Duration::ms(1);

std::uint32_t bytes_of(const net::RxFrame& frame) { return frame.bytes.length(); }
std::uint32_t bytes_of(const net::TxFrame& frame) { return frame.bytes(); }

Segment& head_of(net::RxFrame& frame) { return frame.bytes; }
Segment& head_of(net::TxFrame& frame) { return frame.head; }
const Segment& head_of(const net::RxFrame& frame) { return frame.bytes; }
const Segment& head_of(const net::TxFrame& frame) { return frame.head; }

// An unshared segment with the bytes of both, at the offset of the first so that headroom and alignment stay.
Segment copy_of(const Segment& head, const Segment& link, BlockPool& pool) {
  const std::uint32_t length = head.length() + link.length();
  if (length > pool.block_bytes()) return {};
  Block* block = pool.allocate();
  if (block == nullptr) return {};
  const std::uint32_t offset = std::min(head.offset(), block->size - length);
  Segment copy = Segment::adopt(block, offset, length);
  const auto into = copy.writable();
  const auto rest = std::ranges::copy(head.bytes(), into.begin()).out;
  std::ranges::copy(link.bytes(), rest);
  return copy;
}

std::optional<net::RxFrame> copy_of(const net::RxFrame& frame, BlockPool& pool) {
  Segment bytes = copy_of(frame.bytes, {}, pool);
  if (!bytes.holds()) return std::nullopt;
  return net::RxFrame{std::move(bytes), frame.ip_checksum, frame.l4_checksum, frame.has_rss_hash, frame.rss_hash};
}

std::optional<net::TxFrame> copy_of(const net::TxFrame& frame, BlockPool& pool) {
  Segment bytes = copy_of(frame.head, frame.link, pool);
  if (!bytes.holds()) return std::nullopt;
  net::TxFrame copy;
  copy.head = std::move(bytes);
  copy.l2_bytes = frame.l2_bytes;
  copy.l3_bytes = frame.l3_bytes;
  copy.is_v4 = frame.is_v4;
  copy.offload_ip_checksum = frame.offload_ip_checksum;
  copy.offload_udp_checksum = frame.offload_udp_checksum;
  return copy;
}

void flip(Segment& bytes, Rng& rng) {
  const std::uint64_t bit = rng.below(std::uint64_t{bytes.length() - ethernet_header_bytes} * 8);
  bytes.writable()[ethernet_header_bytes + bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
}

// The port's word on sums and hash was about the bytes as they were.
void flip(net::RxFrame& frame, Rng& rng) {
  flip(frame.bytes, rng);
  frame.ip_checksum = net::ChecksumState::unknown;
  frame.l4_checksum = net::ChecksumState::unknown;
  frame.has_rss_hash = false;
}

void flip(net::TxFrame& frame, Rng& rng) { flip(frame.head, rng); }

}  // namespace

template <class Frame>
Link<Frame>::Link(Arena& arena, const Impairment& impairment, BlockPool& copies, Rng rng)
    : impairment_(impairment),
      copies_(copies),
      rng_(rng),
      burst_rng_(rng.child(1)),
      frames_(arena, impairment.queue_frames),
      heap_(arena.make<Entry>(impairment.queue_frames)) {
  PENSTOCK_ASSERT(impairment.queue_frames > 0);
}

template <class Frame>
Link<Frame>::~Link() {
  for (std::uint32_t i = 0; i < held_; ++i) frames_.give(heap_[i].frame);
}

template <class Frame>
void Link<Frame>::change(const Impairment& impairment) {
  impairment_ = impairment;
}

template <class Frame>
Fate Link<Frame>::offer(Frame&& frame, Instant now) {
  Frame arriving = std::move(frame);
  ++counters_.offered;
  // All chances are rolled for each frame, so that one fault's intensity does not shift the others' luck.
  const bool burst = in_burst();
  const bool lose = rng_.chance_ppm(burst ? impairment_.burst_loss_ppm : impairment_.loss_ppm);
  const bool duplicate = rng_.chance_ppm(impairment_.duplicate_ppm);
  const bool damage = rng_.chance_ppm(impairment_.corrupt_ppm);
  if (cut_ || impairment_.partition != Ways::none) {
    ++counters_.partitioned;
    return Fate::partitioned;
  }
  if (too_long(arriving)) {
    ++counters_.blackholed;
    return Fate::blackholed;
  }
  if (lose) {
    ++(burst ? counters_.burst_lost : counters_.lost);
    return burst ? Fate::burst_lost : Fate::lost;
  }
  std::optional<Frame> twin;
  if (duplicate) twin = copy_of(arriving, copies_);
  if (damage) corrupt(arriving);
  if (!enqueue(std::move(arriving), now)) {
    ++counters_.queue_full;
    return Fate::queue_full;
  }
  if (duplicate) ++(twin && enqueue(std::move(*twin), now) ? counters_.duplicated : counters_.no_copy);
  return Fate::queued;
}

template <class Frame>
bool Link<Frame>::in_burst() {
  const bool turns = burst_rng_.chance_ppm(burst_ ? impairment_.burst_end_ppm : impairment_.burst_begin_ppm);
  // A burst that lasted when bursts were switched off is over.
  const bool lasts = impairment_.burst_begin_ppm != 0 && burst_ != turns;
  if (lasts && !burst_) ++counters_.bursts;
  burst_ = lasts;
  return burst_;
}

template <class Frame>
bool Link<Frame>::too_long(const Frame& frame) const {
  if (impairment_.blackhole_bytes == 0) return false;
  const auto header = ip_header_of(head_of(frame).bytes());
  return header && header->bytes > impairment_.blackhole_bytes;
}

template <class Frame>
void Link<Frame>::mark(Frame& frame) {
  const auto header = ip_header_of(head_of(frame).bytes());
  if (!header || header->ecn == Ecn::not_ect || header->ecn == Ecn::ce) return;
  std::optional<Frame> copy = copy_of(frame, copies_);
  if (!copy) {
    ++counters_.no_copy;
    return;
  }
  frame = std::move(*copy);
  mark_ce(head_of(frame).writable(), *header);
  ++counters_.ecn_marked;
}

template <class Frame>
void Link<Frame>::corrupt(Frame& frame) {
  if (bytes_of(frame) <= ethernet_header_bytes) return;
  std::optional<Frame> copy = copy_of(frame, copies_);
  if (!copy) {
    ++counters_.no_copy;
    return;
  }
  frame = std::move(*copy);
  flip(frame, rng_);
  ++counters_.corrupted;
}

template <class Frame>
bool Link<Frame>::enqueue(Frame&& frame, Instant now) {
  if (room() == 0) return false;
  const Instant left = departure(bytes_of(frame), now);
  if (impairment_.ecn > Duration() && left - now > impairment_.ecn) mark(frame);
  Instant due = left + impairment_.delay;
  if (impairment_.jitter > Duration()) due = due + Duration::us(rng_.between(0, impairment_.jitter.count_us()));
  const Instant out = released(due);
  bool waits = out != due;
  due = later(out, last_due_);
  if (rng_.chance_ppm(impairment_.reorder_ppm)) {
    const Duration spread = std::max(impairment_.delay + impairment_.jitter, reorder_least);
    const Instant overtaken = due + Duration::us(rng_.between(1, spread.count_us()));
    due = released(overtaken);
    waits = waits || due != overtaken;
    ++counters_.reordered;
  } else {
    last_due_ = due;
  }
  if (waits) ++counters_.held_back;
  heap_[held_++] = {due, order_++, frames_.take(std::move(frame))};
  std::push_heap(heap_.begin(), heap_.begin() + held_);
  return true;
}

// When the frame's last bit has left, if it begins now or when the line gets free.
template <class Frame>
Instant Link<Frame>::departure(std::uint32_t bytes, Instant now) {
  if (impairment_.rate_bits_per_second == 0) return now;
  const std::int64_t start_ns = std::max(line_free_ns_, now.count_us() * ns_per_us);
  const std::uint64_t duration_ns = std::uint64_t{bytes} * 8 * ns_per_second / impairment_.rate_bits_per_second;
  line_free_ns_ = start_ns + static_cast<std::int64_t>(duration_ns);
  return Instant::at_us((line_free_ns_ + ns_per_us - 1) / ns_per_us);
}

// When what is due then may leave. The same moments for every link, as of one line that stands still. Later for what is
// later, so that the order stays.
template <class Frame>
Instant Link<Frame>::released(Instant due) const {
  if (impairment_.hold_every == Duration()) return due;
  const std::int64_t into = due.count_us() % impairment_.hold_every.count_us();
  const Duration wait = impairment_.hold - Duration::us(into);
  return wait > Duration() ? due + wait : due;
}

template <class Frame>
std::optional<Frame> Link<Frame>::poll(Instant now) {
  if (held_ == 0 || heap_[0].due > now) return std::nullopt;
  std::pop_heap(heap_.begin(), heap_.begin() + held_);
  const std::uint32_t index = heap_[--held_].frame;
  std::optional<Frame> frame(std::move(frames_[index]));
  frames_.give(index);
  ++counters_.forwarded;
  return frame;
}

template class Link<net::RxFrame>;
template class Link<net::TxFrame>;

}  // namespace penstock::impair
