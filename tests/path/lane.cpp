#include "path/lane.hpp"

#include <algorithm>
#include <utility>

#include "diff/ledger.hpp"

namespace penstock::path {

using diff::require;

namespace {

impair::Impairment bottleneck_of(const LaneOptions& options) {
  impair::Impairment made;
  made.rate_bits_per_second = options.rate_bits_per_second;
  made.queue_frames = options.datagrams_max;
  return made;
}

impair::Impairment way_of(const LaneOptions& options) {
  impair::Impairment made;
  made.delay = options.delay;
  made.loss_ppm = options.loss_ppm;
  made.queue_frames = options.datagrams_max;
  return made;
}

}  // namespace

Lane::Lane(const LaneOptions& options, Rng rng, FateWatch* watch)
    : options_(options),
      watch_(watch),
      heap_(2 * Link::cost(options.datagrams_max)),
      arena_(heap_.bytes()),
      pool_(options.datagram_bytes_max, options.datagrams_max),
      bottleneck_(arena_, bottleneck_of(options), pool_, rng.child(1)),
      way_(arena_, way_of(options), pool_, rng.child(2)) {}

void Lane::offer(std::span<const std::uint8_t> datagram, Instant now) {
  pass_bottleneck(now);
  require(datagram.size() <= options_.datagram_bytes_max, "a datagram is longer than the path's");
  if (options_.queue_bytes != 0 && queued_bytes_ + datagram.size() > options_.queue_bytes) {
    ++refused_;
    if (watch_ != nullptr) watch_->on_fate(datagram, true, now);
    return;
  }
  Block* block = pool_.allocate();
  require(block != nullptr, "more datagrams are on the path than it was made for");
  std::ranges::copy(datagram, block->data);
  net::RxFrame frame;
  frame.bytes = Segment::adopt(block, 0, static_cast<std::uint32_t>(datagram.size()));
  if (options_.rate_bits_per_second == 0) return enter_way(std::move(frame), now);
  queued_bytes_ += datagram.size();
  queued_bytes_most_ = std::max(queued_bytes_most_, queued_bytes_);
  require(bottleneck_.offer(std::move(frame), now) == impair::Fate::queued, "the bottleneck lost a datagram");
}

void Lane::pass_bottleneck(Instant now) {
  // Each enters the way when its last bit has left, not when somebody looks.
  for (Instant left = bottleneck_.next_deadline(); left <= now; left = bottleneck_.next_deadline()) {
    auto frame = bottleneck_.poll(left);
    queued_bytes_ -= frame->bytes.length();
    enter_way(std::move(*frame), left);
  }
}

void Lane::enter_way(net::RxFrame&& frame, Instant now) {
  const Segment seen = frame.bytes.share();
  const impair::Fate fate = way_.offer(std::move(frame), now);
  if (watch_ != nullptr) watch_->on_fate(seen.bytes(), fate != impair::Fate::queued, now);
}

std::optional<Segment> Lane::poll(Instant now) {
  pass_bottleneck(now);
  auto frame = way_.poll(now);
  if (!frame) return std::nullopt;
  return std::move(frame->bytes);
}

Instant Lane::next_deadline() const { return earlier(bottleneck_.next_deadline(), way_.next_deadline()); }

}  // namespace penstock::path
