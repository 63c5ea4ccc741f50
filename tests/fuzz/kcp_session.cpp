// Fuzzes one KCP session: datagrams of segments near what it expects, raw bytes, time, shortages and all a service may call.
//
// The first record sets the scene, each other is a step. SessionModel holds what must be true of what the session writes and
// hands out; at the end the gaps behind which it acknowledged something are filled, and it must then have all of it.
#include "kcp_ground.hpp"
#include "records.hpp"
#include "session_model.hpp"

using namespace penstock;
using namespace penstock::fuzz;
using namespace penstock::kcp;

namespace {

enum Step : std::uint8_t {
  segment,  // one more for the datagram under way
  arrive,   // the datagram under way is received
  raw,      // these bytes are received, with our conv when the bit is set
  wait,
  send,
  receive,
  transmit,
  close,
  shortage,
  keep,
  step_count,
};
constexpr std::uint8_t with_conv = 0x80;
constexpr int steps_max = 200;

class Run {
 public:
  Run(KcpGround& ground, Feed scene)
      : options_(options_of(scene)),
        world_(ground, options_, 1),
        model_(options_),
        start_(start_of(scene)),
        session_(world_.env, conv, now_, start_) {
    model_.begin(start_);
  }
  ~Run() {
    ease();
    session_.release();
  }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  void take(const Record& record) {
    Feed feed(record.bytes);
    switch ((record.kind & 0x7f) % step_count) {
      case segment: add_segment(feed); break;
      case arrive: arrive_with(std::exchange(datagram_, {})); break;
      case raw: arrive_raw(record); break;
      case wait: pass(feed); break;
      case send: send_message(feed); break;
      case receive: take_out(1 + feed.u8()); break;
      case transmit: write_out(1 + feed.u8() % 8, feed.u16()); break;
      case close: session_.close(static_cast<CloseReason>(feed.u8() % close_reason_count), now_); break;
      case shortage: run_short(feed.u8()); break;
      default: session_.keep(feed.u8() % 2 == 1);
    }
    while (session_.poll_event()) {}
    model_.check(session_);
  }
  // What was acknowledged is there: with the gaps filled and memory again, it can all be taken.
  void finish() {
    ease();
    if (session_.closing()) return;
    for (int i = 0; i < 300 && model_.owes_below_acknowledged(session_); ++i) {
      take_out(400);
      const Refusal refusal = arrive_with(model_.missing_segment(session_));
      // Fragments that contradict each other across a gap are a peer's own loss (docs/kcp.md).
      if (refusal != Refusal::none && !session_.closed()) return;
    }
    take_out(400);
    FUZZ_CLAIM(session_.closed() || !model_.owes_below_acknowledged(session_));
  }

 private:
  static Start start_of(Feed& scene) {
    const std::uint8_t near_wrap = scene.u8();
    return {.opening = scene.u8() % 2 == 0 ? Opening::by_us : Opening::by_peer,
            .send_first = Seq32(0u - near_wrap % 64u),
            .receive_first = Seq32(0u - near_wrap / 64u),
            .stamp_origin = Stamp32(scene.u32())};
  }
  void add_segment(Feed& feed) {
    Header header;
    const std::uint8_t shape = feed.u8();
    header.conv = conv;
    header.command = static_cast<Command>(81 + shape % 4);
    header.fragment = (shape & 0x10) != 0 ? feed.u8() : static_cast<std::uint8_t>(shape >> 5 & 1);
    header.window = (shape & 4) != 0 ? feed.u16() : 128;
    header.sn = model_.near(header.command, feed.step());
    header.una = model_.una_near((shape & 8) != 0 ? feed.step() : 0);
    header.stamp = (shape & 0x80) != 0 ? Stamp32(feed.u32()) : model_.stamp_of(header.sn);
    header.length = header.command == Command::push ? feed.u8() % 64u : 0;
    if ((shape & 0x40) != 0) header.length += feed.u16() % 1024u;
    append(datagram_, header);
  }
  // The payload of a PUSH is a function of its number, so that whatever is delivered can be checked.
  static void append(std::vector<std::uint8_t>& datagram, const Header& header) {
    const std::size_t at = datagram.size();
    if (at + header_bytes + header.length > datagram_bytes_max) return;
    datagram.resize(at + header_bytes + header.length, SessionModel::byte_of(header.sn));
    encode(header, datagram.data() + at);
  }
  Refusal arrive_with(std::vector<std::uint8_t> bytes) {
    Segment segment = world_.ground.copy(bytes);
    if (!segment.holds()) return Refusal::no_memory;
    model_.before_arrival(bytes, session_);
    const Refusal refusal = session_.on_datagram(std::move(segment), now_);
    credit_ += static_cast<std::uint32_t>(bytes.size());
    model_.after_arrival(bytes, refusal, session_);
    return refusal;
  }
  void arrive_raw(const Record& record) {
    const auto bytes = record.bytes.first(std::min<std::size_t>(record.bytes.size(), datagram_bytes_max));
    std::vector<std::uint8_t> datagram(bytes.begin(), bytes.end());
    if ((record.kind & with_conv) != 0) SessionModel::make_ours(datagram);
    arrive_with(std::move(datagram));
  }
  void pass(Feed& feed) {
    const std::uint8_t unit = feed.u8();
    const std::uint16_t count = feed.u16();
    if (unit % 4 == 0) now_ = later(now_, earlier(session_.next_deadline(), now_ + Duration::seconds(200)));
    else now_ = now_ + Duration::us(std::int64_t{count} * (unit % 4 == 1 ? 1 : unit % 4 == 2 ? 1000 : 100'000));
    if (now_ >= session_.next_deadline()) session_.on_timeout(now_);
  }
  void send_message(Feed& feed) {
    const std::uint32_t bytes = feed.u16() % 6000u;
    const std::uint32_t piece = 1 + feed.u16() % datagram_bytes_max;
    SegmentQueue message(world_.ground.chunks);
    for (std::uint32_t at = 0; at < bytes; at += piece) {
      Segment part = model_.next_piece(world_.ground, at, std::min(piece, bytes - at));
      if (!part.holds() || !message.push_back(std::move(part))) return;
    }
    const SendResult result = session_.send(message, now_);
    FUZZ_CLAIM(message.empty() == (result == SendResult::accepted || bytes == 0));
    if (result == SendResult::accepted) model_.accepted(bytes);
  }
  void take_out(std::uint32_t count) {
    for (; count > 0; --count) {
      const auto offered = session_.receivable();
      const auto received = session_.poll_receive();
      FUZZ_CLAIM(received.has_value() == offered.has_value());
      if (!received) return;
      model_.delivered(*received);
    }
  }
  // As the engine does it: until the peer is proven no more than it paid for.
  void write_out(std::uint32_t count, std::uint32_t room) {
    for (; count > 0; --count) {
      const bool proven = session_.proven();
      std::uint32_t allowed = room % 4 == 0 ? datagram_bytes_max : room % datagram_bytes_max;
      if (!proven) allowed = std::min(allowed, credit_);
      Block* head = world_.ground.pool.allocate();
      if (head == nullptr) return;
      OutDatagram out(head, kcp_headroom, allowed, (room & 0x8000) != 0 ? 64 : datagram_bytes_max);
      const bool hinted = session_.wants_transmit(now_);
      const bool written = session_.poll_transmit(out, now_);
      FUZZ_CLAIM(written == !out.empty());
      if (!written) return;
      FUZZ_CLAIM(hinted);
      const std::uint32_t size = out.size();
      FUZZ_CLAIM(size <= allowed && size <= options_.mtu);
      if (!proven) credit_ -= size;
      model_.wrote(out, session_);
    }
  }
  void run_short(std::uint8_t of) {
    ease();
    if ((of & 1) != 0) world_.ground.pool.keep_back(world_.ground.pool.capacity());
    if ((of & 2) != 0) {
      while (void* block = world_.ground.memory.take(256)) held_memory_.push_back(block);
    }
    if ((of & 4) != 0) {
      for (Segment one = world_.ground.blocks.allocate(1); one.holds(); one = world_.ground.blocks.allocate(1))
        held_blocks_.push_back(std::move(one));
    }
  }
  void ease() {
    world_.ground.pool.keep_back(0);
    for (void* block : held_memory_) world_.ground.memory.give(block, 256);
    held_memory_.clear();
    held_blocks_.clear();
  }

  Options options_;
  Instant now_ = Instant::at_us(1'000);
  KcpWorld world_;
  SessionModel model_;
  Start start_;
  Session session_;
  std::vector<std::uint8_t> datagram_;  // under way
  std::uint32_t credit_ = 0;            // bytes that came, minus bytes sent while unproven
  std::vector<void*> held_memory_;
  std::vector<Segment> held_blocks_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static KcpGround ground;
  Feed feed({data, size});
  {
    Run run(ground, Feed(next_record(feed).bytes));
    for (int left = steps_max; left > 0 && !feed.empty(); --left) run.take(next_record(feed));
    run.finish();
  }
  ground.check_whole();
  return 0;
}
