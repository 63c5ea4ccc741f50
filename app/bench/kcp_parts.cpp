// The KCP parts: two machines in memory, one sending without end, no worker around them and no line between.
//
// What a datagram is written into reaches the other machine as it is: the block itself travels. Messages are allocated,
// sent, received and let go of, so the buffers' cost is in the count; eight bytes of each are written and compared. Nothing
// is lost and time moves little, so that no timer resends.
#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "base/rng.hpp"
#include "bench/part.hpp"
#include "buf/arena_pool.hpp"
#include "buf/small_blocks.hpp"
#include "net/stack.hpp"
#include "proto/kcp/session.hpp"

namespace penstock::bench {

namespace {

constexpr std::uint32_t window_max = 1024;
constexpr std::uint32_t conv = 7;
constexpr std::uint32_t block_bytes = 2176;
constexpr std::uint32_t blocks = 4 * window_max;
constexpr std::size_t window_bytes = 1 << 20;
constexpr SmallBlocks::Counts small_blocks = {{2 * window_max, 256, 2 * window_max}};
constexpr std::uint32_t fold_all = 0xffffffff;

kcp::Options options_for(std::uint32_t window) {
  kcp::Options options;
  options.nodelay = 1;
  options.interval_ms = 10;
  options.resend = 2;
  options.no_congestion_window = true;
  options.snd_wnd = window;
  options.rcv_wnd = window;
  options.send_queue_segments_max = window_max;
  return options;
}

// One machine with all that it needs.
struct End {
  explicit End(std::uint32_t window)
      : memory(BuddyMemory::cost(window_bytes) + SmallBlocks::cost(small_blocks) + SegmentChunkPool::cost(window_max) +
               ArenaPool::cost(block_bytes, blocks)),
        arena(memory.bytes()),
        windows(arena, window_bytes),
        small(arena, small_blocks),
        chunks(arena, window_max),
        pool(arena, block_bytes, blocks),
        env{options_for(window), windows, small, rng, counters},
        session(env, conv, Instant(),
                {.opening = kcp::Opening::by_us, .send_first = {}, .receive_first = {}, .stamp_origin = {}}) {
    require(!env.options.validate(), "the options are out of range");
  }

  HeapMemory memory;
  Arena arena;
  BuddyMemory windows;
  SmallBlocks small;
  SegmentChunkPool chunks;
  ArenaPool pool;
  Rng rng{1};
  kcp::Counters counters;
  kcp::Environment env;
  kcp::Session session;
};

class Bulk {
 public:
  Bulk(std::uint32_t window, std::uint32_t bytes) : sender_(window), receiver_(window), bytes_(bytes) {}

  // Writes `window` messages, delivers all datagrams, then all acknowledgements.
  void batch(std::uint32_t window) {
    now_ = now_ + Duration::ms(1);
    for (std::uint32_t i = 0; i < window; ++i) send();
    transmit(sender_, there_);
    deliver(there_, receiver_.session);
    receive(window);
    transmit(receiver_, back_);
    deliver(back_, sender_.session);
    tick(sender_.session);
  }

  // `window` messages under way before the first one is taken.
  void fill(std::uint32_t window) {
    for (std::uint32_t i = 0; i < window; ++i) send();
    transmit(sender_, there_);
    next_ = 0;
  }
  // The oldest datagram under way arrives and is acknowledged; a new message takes its place.
  void trickle(std::uint32_t window) {
    now_ = now_ + Duration::us(1);
    Segment& oldest = there_[next_];
    require(receiver_.session.on_datagram(std::move(oldest), now_) == kcp::Refusal::none, "a datagram was refused");
    receive(1);
    transmit(receiver_, back_);
    deliver(back_, sender_.session);
    send();
    transmit_one(oldest);
    next_ = next_ + 1 == window ? 0 : next_ + 1;
    tick(sender_.session);
  }
  void require_no_resend() const {
    require(sender_.counters.retransmit_timeout == 0 && sender_.counters.retransmit_fast == 0,
            "a segment was sent twice");
  }

 private:
  void send() {
    Segment payload = sender_.small.allocate(bytes_);
    require(payload.holds(), "no block for a message");
    std::memcpy(payload.writable().data(), &written_, sizeof(written_));
    require(sender_.session.send(payload, now_) == SendResult::accepted, "a message was refused");
    ++written_;
  }

  void receive(std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i) {
      const auto received = receiver_.session.poll_receive();
      require(received && received->message_ends && received->bytes.length() == bytes_, "a message is missing");
      std::uint64_t number = 0;
      std::memcpy(&number, received->bytes.bytes().data(), sizeof(number));
      require(number == read_++, "a message came out of order");
    }
  }

  // False when the session wrote nothing.
  bool write(End& end, Segment& datagram) {
    if (!end.session.wants_transmit(now_)) return false;
    OutDatagram out(end.pool.allocate(), net::headroom_bytes, end.env.options.mtu, fold_all);
    const bool wrote = end.session.poll_transmit(out, now_);
    datagram = out.take_head();
    return wrote;
  }
  void transmit(End& end, std::vector<Segment>& line) {
    for (;;) {
      Segment datagram;
      if (!write(end, datagram)) return;
      line.push_back(std::move(datagram));
    }
  }
  // In place of the one that has just arrived.
  void transmit_one(Segment& place) { require(write(sender_, place), "the window did not open"); }

  void deliver(std::vector<Segment>& line, kcp::Session& to) {
    for (Segment& datagram : line) {
      require(to.on_datagram(std::move(datagram), now_) == kcp::Refusal::none, "a datagram was refused");
    }
    line.clear();
  }
  // As the engine does after each visit.
  void tick(kcp::Session& session) {
    if (session.next_deadline() <= now_) session.on_timeout(now_);
  }

  End sender_;
  End receiver_;
  std::uint32_t bytes_;
  Instant now_ = Instant::at_us(1'000'000);
  std::vector<Segment> there_;
  std::vector<Segment> back_;
  std::uint32_t next_ = 0;
  std::uint64_t written_ = 0;
  std::uint64_t read_ = 0;
};

void run_batch(Meter& meter, std::uint32_t bytes, std::string_view label) {
  constexpr int warm_batches = 4;
  constexpr int batches = 16;
  Bulk bulk(window_max, bytes);
  // The first datagrams go by the window that a peer is taken to have before it says so.
  bulk.batch(1);
  for (int i = 0; i < warm_batches; ++i) bulk.batch(window_max);
  for (std::uint32_t i = 0; i < meter.repeats(); ++i) {
    meter.begin();
    meter.start();
    for (int k = 0; k < batches; ++k) bulk.batch(window_max);
    meter.stop();
    meter.end(label, std::uint64_t{window_max} * batches);
  }
  bulk.require_no_resend();
}

void run_trickle(Meter& meter, std::uint32_t window, std::string_view label) {
  constexpr std::uint32_t bytes = 1376;
  constexpr std::uint32_t segments = 16 * window_max;
  Bulk bulk(window, bytes);
  bulk.batch(1);
  bulk.fill(window);
  for (std::uint32_t i = 0; i < 4 * window; ++i) bulk.trickle(window);
  for (std::uint32_t i = 0; i < meter.repeats(); ++i) {
    meter.begin();
    meter.start();
    for (std::uint32_t k = 0; k < segments; ++k) bulk.trickle(window);
    meter.stop();
    meter.end(label, segments);
  }
  bulk.require_no_resend();
}

}  // namespace

void run_kcp_batch_1376(Meter& meter, const Scale&) { run_batch(meter, 1376, "kcp-batch-1376"); }
void run_kcp_batch_64(Meter& meter, const Scale&) { run_batch(meter, 64, "kcp-batch-64"); }
void run_kcp_trickle_1024(Meter& meter, const Scale&) { run_trickle(meter, 1024, "kcp-trickle-1024"); }
void run_kcp_trickle_32(Meter& meter, const Scale&) { run_trickle(meter, 32, "kcp-trickle-32"); }

}  // namespace penstock::bench
