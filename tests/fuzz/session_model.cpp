#include "session_model.hpp"

#include <algorithm>
#include <cstring>

namespace penstock::fuzz {

using kcp::Command;
using kcp::Header;
using kcp::Refusal;
using kcp::SegmentReader;

namespace {

using Bytes = std::span<const std::uint8_t>;

std::uint64_t digest_of(Bytes bytes) {
  std::uint64_t digest = 0xcbf29ce484222325u;
  for (const std::uint8_t byte : bytes) digest = (digest ^ byte) * 0x100000001b3u;
  return digest;
}

// What the service sends: a function of how many bytes came before.
std::uint8_t byte_at(std::uint64_t place) { return static_cast<std::uint8_t>(place * 37 + place / 251); }

template <class Visit>
void for_each_segment(Bytes datagram, Visit&& visit) {
  SegmentReader reader(datagram);
  while (reader.next()) visit(reader.header(), datagram.subspan(reader.payload_offset(), reader.header().length));
}

bool same(const kcp::Stats& a, const kcp::Stats& b) {
  return a.rto_us == b.rto_us && a.srtt_us == b.srtt_us && a.cwnd == b.cwnd && a.peer_window == b.peer_window &&
         a.in_flight == b.in_flight && a.unsent == b.unsent && a.undelivered == b.undelivered &&
         a.receive_window == b.receive_window && a.segments_received == b.segments_received;
}

// Refusals that promise that nothing of the datagram was applied, and of which no segment may be known afterwards.
bool refuses_whole(Refusal refusal) { return refusal >= Refusal::too_short && refusal <= Refusal::una_ahead; }

}  // namespace

void SessionModel::begin(const kcp::Start& start) {
  send_first_ = start.send_first;
  ping_stamp_ = *start.stamp_origin + 0x8000'0000u;
  places_ = {start.receive_first.raw()};
  proven_ = start.opening == kcp::Opening::by_us;
  stats_.segments_sent = send_first_.raw();
  stats_.segments_received = start.receive_first.raw();
}

Seq32 SessionModel::near(Command command, std::int32_t step) const {
  const auto far = static_cast<std::uint32_t>(step) * (step > 120 || step < -120 ? 0x0100'0001u : 1u);
  if (command != Command::ack) return first_expected() + far;
  return (step & 1) == 0 ? oldest_sent() + static_cast<std::uint32_t>(step / 2) : next_sent() + far;
}

Seq32 SessionModel::una_near(std::int32_t step) const {
  if (step == 0) return oldest_sent();
  return (step & 1) == 0 ? oldest_sent() + static_cast<std::uint32_t>(step / 2)
                         : next_sent() + static_cast<std::uint32_t>(step / 2);
}

Stamp32 SessionModel::stamp_of(Seq32 sn) const {
  const Sent* known = sent(sn);
  if (known != nullptr && !known->stamps.empty()) return Stamp32(known->stamps.back());
  return pinged_ ? ping_stamp_ : Stamp32(sn.raw());
}

void SessionModel::make_ours(std::vector<std::uint8_t>& datagram) {
  SegmentReader reader(datagram);
  while (reader.next()) std::memcpy(datagram.data() + reader.payload_offset() - kcp::header_bytes, &conv, sizeof conv);
}

void SessionModel::before_arrival(Bytes, const kcp::Session& session) {
  stats_ = session.stats();
  proven_ = session.proven();
}

void SessionModel::after_arrival(Bytes datagram, Refusal refusal, const kcp::Session& session) {
  const bool knows_all = refusal != Refusal::closed && refusal != Refusal::bad_fragment && !refuses_whole(refusal);
  for_each_segment(datagram, [&](const Header& header, Bytes) {
    if (!knows_all) return;
    FUZZ_CLAIM(header.conv == conv);
    FUZZ_CLAIM(known(header.command));
    FUZZ_CLAIM(!header.una.after(next_sent()));
  });
  if (refuses_whole(refusal)) FUZZ_CLAIM(same(stats_, session.stats()) && proven_ == session.proven());
  if (session.proven() && !proven_) FUZZ_CLAIM(proves(datagram));
  if (!refuses_whole(refusal)) offer(datagram);
}

bool SessionModel::proves(Bytes datagram) const {
  bool found = false;
  for_each_segment(datagram, [&](const Header& header, Bytes) {
    if (header.command != Command::ack) return;
    const Sent* known = sent(header.sn);
    if (known != nullptr) found |= std::ranges::find(known->stamps, header.stamp.raw()) != known->stamps.end();
    // The secret of the ping may be guessed by a search that reads what we compare.
    found |= header.stamp == ping_stamp_;
  });
  return found;
}

void SessionModel::offer(Bytes datagram) {
  for_each_segment(datagram, [this](const Header& header, Bytes payload) {
    if (header.command != Command::push) return;
    std::vector<Offer>& offers = offers_[header.sn.raw()];
    offers.push_back({digest_of(payload), header.length, header.fragment, header.stamp});
  });
}

bool SessionModel::matches(const Received& received, const Offer& offer) const {
  if (received.bytes.length() != offer.length || digest_of(received.bytes.bytes()) != offer.digest) return false;
  return options_.stream ? !received.message_ends : received.message_ends == (offer.fragment == 0);
}

void SessionModel::delivered(const Received& received) {
  std::set<std::uint32_t> next;
  for (const std::uint32_t place : places_) {
    for (Seq32 sn(place);; ++sn) {
      const auto offered = offers_.find(sn.raw());
      if (offered == offers_.end()) break;
      const auto& offers = offered->second;
      if (std::ranges::any_of(offers, [&](const Offer& offer) { return matches(received, offer); }))
        next.insert((sn + 1).raw());
      // A stream leaves out what is empty; nothing else is left out.
      if (!options_.stream || std::ranges::none_of(offers, [](const Offer& o) { return o.length == 0; })) break;
    }
  }
  FUZZ_CLAIM(!next.empty());
  places_ = std::move(next);
}

Segment SessionModel::next_piece(KcpGround& ground, std::uint32_t at, std::uint32_t bytes) const {
  Block* block = ground.pool.allocate();
  if (block == nullptr) return {};
  for (std::uint32_t i = 0; i < bytes; ++i) block->data[i] = byte_at(accepted_bytes_ + at + i);
  return Segment::adopt(block, 0, bytes);
}

const SessionModel::Sent* SessionModel::sent(Seq32 sn) const {
  const std::uint32_t place = sn.raw() - send_first_.raw();
  return place < sent_.size() ? &sent_[place] : nullptr;
}

void SessionModel::wrote(const OutDatagram& out, const kcp::Session& session) {
  std::vector<std::uint8_t> bytes(out.head().begin(), out.head().end());
  bytes.insert(bytes.end(), out.link().bytes().begin(), out.link().bytes().end());
  const Seq32 oldest = oldest_sent();
  if (!session.closed()) stats_ = session.stats();
  FUZZ_CLAIM(oldest_sent() == oldest);
  std::size_t read = 0;
  bool probes = false;
  for_each_segment(bytes, [&](const Header& header, Bytes payload) {
    read += kcp::header_bytes + header.length;
    FUZZ_CLAIM(header.conv == conv && known(header.command));
    // Toward a stranger una stays behind what is owed an ACK, be it older than the conversation.
    FUZZ_CLAIM(header.una.at_or_before(first_expected()));
    FUZZ_CLAIM(!session.proven() || header.una == first_expected());
    FUZZ_CLAIM(header.window <= options_.receive_window());
    if (header.command == Command::push) wrote_push(header, payload, session.proven());
    else if (header.length > 0) probes = is_path_probe(header, payload, bytes.size(), session);
    FUZZ_CLAIM(header.command == Command::push || header.length == 0 || probes);
    if (header.command == Command::ack) wrote_ack(header, first_expected());
  });
  FUZZ_CLAIM(read == bytes.size());
  // What is longer than the path is known to carry is a question to it, or leaves so that routers may cut it.
  FUZZ_CLAIM(session.closed() || bytes.size() <= session.stats().path_mtu || probes || out.may_fragment());
  FUZZ_CLAIM(!probes || !out.may_fragment());
}

// A padded question, alone in its datagram.
bool SessionModel::is_path_probe(const Header& header, Bytes payload, std::size_t bytes,
                                 const kcp::Session& session) const {
  return options_.searches() && session.proven() && header.command == Command::wask &&
         bytes == kcp::header_bytes + payload.size() &&
         std::ranges::all_of(payload, [](std::uint8_t byte) { return byte == 0; });
}

void SessionModel::wrote_push(const Header& header, Bytes payload, bool proven) {
  const Sent* known = sent(header.sn);
  // A ping has the number before the oldest, and that before 0 where that would be 0, by which conversations begin.
  const Seq32 before = oldest_sent() - 1;
  const Seq32 ping = before == Seq32(0) ? before - 1 : before;
  if (header.length == 0 && !proven && header.sn == ping) {
    FUZZ_CLAIM(header.stamp == ping_stamp_);
    pinged_ = true;
    return;
  }
  if (known == nullptr) {
    FUZZ_CLAIM(header.sn == send_first_ + static_cast<std::uint32_t>(sent_.size()));
    for (const std::uint8_t byte : payload) FUZZ_CLAIM(byte == byte_at(sent_bytes_++));
    FUZZ_CLAIM(sent_bytes_ <= accepted_bytes_);
    sent_.push_back({digest_of(payload), header.length, header.fragment, {header.stamp.raw()}});
    return;
  }
  FUZZ_CLAIM(header.length == known->length && header.fragment == known->fragment);
  FUZZ_CLAIM(digest_of(payload) == known->digest);
  sent_[header.sn.raw() - send_first_.raw()].stamps.push_back(header.stamp.raw());
}

void SessionModel::wrote_ack(const Header& header, Seq32 una) {
  const auto offered = offers_.find(header.sn.raw());
  FUZZ_CLAIM(offered != offers_.end());
  const auto& offers = offered->second;
  FUZZ_CLAIM(std::ranges::any_of(offers, [&](const Offer& offer) { return offer.stamp == header.stamp; }));
  FUZZ_CLAIM(header.sn != una);
  if (header.sn.after(una)) acknowledged_.insert(header.sn.raw());
}

void SessionModel::check(const kcp::Session& session) {
  // What ended has let go of everything, and of its numbers.
  if (session.closed()) return;
  const kcp::Stats before = stats_;
  stats_ = session.stats();
  FUZZ_CLAIM(stats_.undelivered <= options_.receive_window());
  FUZZ_CLAIM(stats_.in_flight <= options_.snd_wnd);
  FUZZ_CLAIM(stats_.unsent <= options_.send_queue_segments_max);
  FUZZ_CLAIM(stats_.queued_bytes == 0 || stats_.in_flight + stats_.unsent > 0);
  FUZZ_CLAIM(stats_.rto_us <= options_.rto_max_ms * 1000);
  FUZZ_CLAIM(first_expected().at_or_after(Seq32(before.segments_received)));
  FUZZ_CLAIM(next_sent() == send_first_ + static_cast<std::uint32_t>(sent_.size()));
  FUZZ_CLAIM(!acknowledged_.contains(stats_.segments_received));
  for (Seq32 sn(before.segments_received); sn != first_expected(); ++sn) FUZZ_CLAIM(offers_.contains(sn.raw()));
}

bool SessionModel::owes_below_acknowledged(const kcp::Session& session) const {
  const Seq32 una(session.stats().segments_received);
  return std::ranges::any_of(acknowledged_, [una](std::uint32_t sn) { return Seq32(sn).at_or_after(una); });
}

std::vector<std::uint8_t> SessionModel::missing_segment(const kcp::Session& session) const {
  Header header;
  header.conv = conv;
  header.sn = Seq32(session.stats().segments_received);
  header.una = send_first_;
  header.window = 128;
  header.length = 1;
  // What follows a fragment that waits for the rest of its message.
  const auto before = offers_.find((header.sn - 1).raw());
  const bool part = session.stats().undelivered != 0 && before != offers_.end();
  if (part && before->second.front().fragment > 0) header.fragment = before->second.front().fragment - 1;
  std::vector<std::uint8_t> bytes(kcp::header_bytes + 1, byte_of(header.sn));
  kcp::encode(header, bytes.data());
  return bytes;
}

}  // namespace penstock::fuzz
