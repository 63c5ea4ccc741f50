#include "pair_side.hpp"

#include <algorithm>

namespace penstock::fuzz {

namespace {

// A side takes no more than this, so that an execution stays short and blocks run short only when the input keeps them back:
// two that hold every block in what they accepted could not say a word about it.
constexpr std::uint64_t accepted_bytes_max = 20'000;
constexpr std::uint32_t accepted_pieces_max = 256;

}  // namespace

PairSide::PairSide(KcpGround& ground, const kcp::Options& options, bool opens, Seq32 send_first, Seq32 receive_first)
    : world_(ground, options, opens ? 1 : 2),
      session(world_.env, conv, Instant(),
              {.opening = opens ? kcp::Opening::by_us : kcp::Opening::by_peer,
               .send_first = send_first,
               .receive_first = receive_first,
               .stamp_origin = std::nullopt}),
      opens_(opens) {}

void PairSide::send(std::uint32_t bytes, std::uint32_t piece, Instant now) {
  const std::uint32_t pieces = (bytes + piece - 1) / piece;
  if (accepted_bytes_ + bytes > accepted_bytes_max || accepted_pieces_ + pieces > accepted_pieces_max) return;
  SegmentQueue message(world_.ground.chunks);
  for (std::uint32_t at = 0; at < bytes; at += piece) {
    Block* block = world_.ground.pool.allocate();
    if (block == nullptr) return;
    const std::uint32_t length = std::min(piece, bytes - at);
    for (std::uint32_t i = 0; i < length; ++i) block->data[i] = byte_at(opens_, accepted_bytes_ + at + i);
    if (!message.push_back(Segment::adopt(block, 0, length))) return;
  }
  const SendResult result = session.send(message, now);
  FUZZ_CLAIM(result != SendResult::accepted || message.empty());
  FUZZ_CLAIM((result == SendResult::closed) == session.closing());
  if (result != SendResult::accepted) return;
  accepted_bytes_ += bytes;
  accepted_pieces_ += pieces;
  borders_.push_back(accepted_bytes_);
}

void PairSide::receive(std::uint32_t count, const PairSide& peer) {
  const bool stream = world_.env.options.stream;
  for (; count > 0; --count) {
    const auto received = session.poll_receive();
    if (!received) return;
    FUZZ_CLAIM(received_bytes_ + received->bytes.length() <= peer.accepted_bytes_);
    for (const std::uint8_t byte : received->bytes.bytes()) FUZZ_CLAIM(byte == byte_at(peer.opens_, received_bytes_++));
    if (stream) {
      FUZZ_CLAIM(!received->message_ends && !received->bytes.empty());
      continue;
    }
    FUZZ_CLAIM(received_messages_ < peer.borders_.size());
    const std::uint64_t border = peer.borders_[received_messages_];
    FUZZ_CLAIM(received_bytes_ <= border && (!received->message_ends || received_bytes_ == border));
    at_border_ = received->message_ends;
    if (at_border_) ++received_messages_;
  }
}

void PairSide::arrive(std::span<const std::uint8_t> datagram, Instant now) {
  credit_ += static_cast<std::uint32_t>(datagram.size());
  Segment segment = world_.ground.copy(datagram);
  if (!segment.holds()) return;
  const kcp::Refusal refusal = session.on_datagram(std::move(segment), now);
  FUZZ_CLAIM(refusal == kcp::Refusal::none || refusal == kcp::Refusal::beyond_window ||
             refusal == kcp::Refusal::no_memory || (refusal == kcp::Refusal::closed && session.closing()));
  note_events(now);
}

std::optional<std::vector<std::uint8_t>> PairSide::transmit(Instant now, std::uint32_t room) {
  Block* head = world_.ground.pool.allocate();
  if (head == nullptr) return std::nullopt;
  if (!session.proven()) room = std::min(room, credit_);
  OutDatagram out(head, kcp_headroom, std::min(room, datagram_bytes_max), 256);
  const bool hinted = session.wants_transmit(now);
  const bool written = session.poll_transmit(out, now);
  note_events(now);
  if (!written) return std::nullopt;
  FUZZ_CLAIM(hinted && out.size() <= room && out.size() <= world_.env.options.mtu);
  if (!session.proven()) credit_ -= out.size();
  std::vector<std::uint8_t> bytes(out.head().begin(), out.head().end());
  bytes.insert(bytes.end(), out.link().bytes().begin(), out.link().bytes().end());
  return bytes;
}

void PairSide::time_passed(Instant now) {
  if (now < session.next_deadline()) return;
  session.on_timeout(now);
  note_events(now);
}

void PairSide::close(CloseReason reason, Instant now) {
  if (session.closing()) return;
  told_to_end_ = true;
  told_at_ = now;
  session.close(reason, now);
  note_events(now);
}

void PairSide::note_events(Instant now) {
  while (const auto event = session.poll_event()) {
    if (event->kind != SessionEvent::Kind::closed) continue;
    FUZZ_CLAIM(session.closed());
    const bool by_itself = event->reason == CloseReason::dead_link || event->reason == CloseReason::stalled;
    FUZZ_CLAIM(by_itself || told_to_end_);
    const bool in_order = event->reason == CloseReason::service || event->reason == CloseReason::drained;
    const Duration linger = Duration::ms(world_.env.options.linger_ms);
    acknowledged_end_ = in_order && now < told_at_ + linger;
  }
}

}  // namespace penstock::fuzz
