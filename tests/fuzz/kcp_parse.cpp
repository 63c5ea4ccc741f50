// Fuzzes the readers of KCP datagrams: what is read in one look must be what a segment after the other would give.
//
// Each record is a datagram. It is read by SegmentReader and by a reader of this file's own; then two sessions alike take it,
// one of them with a byte behind it that means nothing but keeps it from being plain. Both must answer and go on alike.
#include <optional>

#include "kcp_ground.hpp"
#include "records.hpp"

using namespace penstock;
using namespace penstock::fuzz;
using namespace penstock::kcp;

namespace {

using Bytes = std::span<const std::uint8_t>;

struct Seen {
  Header header;
  std::size_t at = 0;  // of the header
};
struct Read {
  std::vector<Seen> segments;
  bool malformed = false;
  std::size_t behind = 0;  // bytes behind the last segment
};

std::uint32_t le32(Bytes bytes, std::size_t at) {
  return bytes[at] | std::uint32_t{bytes[at + 1]} << 8 | std::uint32_t{bytes[at + 2]} << 16 |
         std::uint32_t{bytes[at + 3]} << 24;
}

Read read_slowly(Bytes bytes) {
  Read read;
  std::size_t at = 0;
  while (bytes.size() - at >= 24) {
    const std::uint32_t length = le32(bytes, at + 20);
    if (length > bytes.size() - at - 24) {
      read.malformed = true;
      break;
    }
    read.segments.push_back({{.conv = le32(bytes, at),
                              .command = static_cast<Command>(bytes[at + 4]),
                              .fragment = bytes[at + 5],
                              .window = static_cast<std::uint16_t>(bytes[at + 6] | bytes[at + 7] << 8),
                              .stamp = Stamp32(le32(bytes, at + 8)),
                              .sn = Seq32(le32(bytes, at + 12)),
                              .una = Seq32(le32(bytes, at + 16)),
                              .length = length},
                             at});
    at += 24 + length;
  }
  read.behind = bytes.size() - at;
  return read;
}

bool same(const Header& a, const Header& b) {
  return a.conv == b.conv && a.command == b.command && a.fragment == b.fragment && a.window == b.window &&
         a.stamp == b.stamp && a.sn == b.sn && a.una == b.una && a.length == b.length;
}
// As SegmentReader::next_alike() defines it.
bool alike(const Header& a, const Header& b, Seq32 sn) {
  return a.conv == b.conv && a.command == b.command && a.fragment == b.fragment && a.window == b.window &&
         a.una == b.una && b.sn == sn;
}

void check_reader(Bytes bytes, const Read& read) {
  SegmentReader reader(bytes);
  for (std::size_t i = 0; i < read.segments.size(); ++i) {
    FUZZ_CLAIM(reader.next());
    FUZZ_CLAIM(same(reader.header(), read.segments[i].header));
    FUZZ_CLAIM(reader.payload_offset() == read.segments[i].at + 24);
    std::uint8_t again[24];
    encode(reader.header(), again);
    FUZZ_CLAIM(std::equal(again, again + 24, bytes.begin() + static_cast<std::ptrdiff_t>(read.segments[i].at)));
    bool all = !read.malformed;
    for (std::size_t k = i + 1; k < read.segments.size(); ++k) {
      const Seq32 wanted = read.segments[i].header.sn + static_cast<std::uint32_t>(k - i);
      all = all && alike(read.segments[i].header, read.segments[k].header, wanted);
    }
    const auto behind = reader.all_alike();
    FUZZ_CLAIM(behind.has_value() == all);
    if (behind) FUZZ_CLAIM(*behind == read.segments.size() - i - 1);
  }
  FUZZ_CLAIM(!reader.next());
  FUZZ_CLAIM(reader.malformed() == read.malformed);
}

// What plain_datagram.hpp says a plain datagram is, in the words of a reader that looks at one segment after the other.
Plain kind_of(const Read& read) {
  if (read.malformed || read.behind != 0 || read.segments.empty() || read.segments.size() > 2) return Plain::none;
  const Header& first = read.segments[0].header;
  const auto whole = [&first](const Header& header) {
    return header.conv == conv && header.fragment == 0 && header.una == first.una && header.window == first.window;
  };
  if (!whole(first)) return Plain::none;
  const bool alone = read.segments.size() == 1;
  if (alone && first.command == Command::push) return Plain::push;
  if (first.command != Command::ack || first.length != 0) return Plain::none;
  if (alone) return Plain::ack;
  const Header& second = read.segments[1].header;
  return whole(second) && second.command == Command::push ? Plain::ack_and_push : Plain::none;
}

void check_plain(Bytes bytes, const Read& read) {
  PlainDatagram plain{};
  const Plain kind = plain_kind(bytes, conv);
  bool is = false;
  if (kind == Plain::ack) is = read_plain<Plain::ack>(bytes, conv, plain);
  if (kind == Plain::push) is = read_plain<Plain::push>(bytes, conv, plain);
  if (kind == Plain::ack_and_push) is = read_plain<Plain::ack_and_push>(bytes, conv, plain);
  FUZZ_CLAIM((is ? kind : Plain::none) == kind_of(read));
  if (!is) return;
  const Header& first = read.segments.front().header;
  const Header& last = read.segments.back().header;
  FUZZ_CLAIM(plain.una == first.una && plain.window == first.window);
  if (kind != Plain::push) FUZZ_CLAIM(plain.acked == first.sn && plain.echo == first.stamp);
  if (kind != Plain::ack) FUZZ_CLAIM(plain.sn == last.sn && plain.stamp == last.stamp);
}

bool alike(const Stats& a, const Stats& b) {
  return a.srtt_us == b.srtt_us && a.rttvar_us == b.rttvar_us && a.rto_us == b.rto_us && a.cwnd == b.cwnd &&
         a.ssthresh == b.ssthresh && a.peer_window == b.peer_window && a.in_flight == b.in_flight &&
         a.unsent == b.unsent && a.queued_bytes == b.queued_bytes && a.undelivered == b.undelivered &&
         a.receive_window == b.receive_window && a.retransmissions == b.retransmissions &&
         a.segments_sent == b.segments_sent && a.segments_received == b.segments_received;
}

// Two sessions alike; the second takes every datagram the slow way.
class Twins {
 public:
  Twins(KcpGround& ground, const Options& options)
      : worlds_{{ground, options, 1}, {ground, options, 1}}, sessions_{make(worlds_[0]), make(worlds_[1])} {}

  void datagram(Bytes bytes, const Read& read, Instant now) {
    Refusal refusals[2];
    for (int i = 0; i < 2; ++i) {
      Segment segment = copy(bytes, i == 1 && read.behind + 1 < header_bytes && !read.malformed);
      refusals[i] = sessions_[i].on_datagram(std::move(segment), now);
    }
    FUZZ_CLAIM(refusals[0] == refusals[1]);
  }
  void step(std::uint8_t what, Instant now) {
    for (Session& session : sessions_) {
      if (now >= session.next_deadline()) session.on_timeout(now);
      if ((what & 1) != 0) send(session, 1 + what, now);
      if ((what & 2) != 0) {
        while (session.poll_receive()) {}
      }
    }
    if ((what & 4) != 0) transmit(now);
  }
  void compare() const {
    FUZZ_CLAIM(alike(sessions_[0].stats(), sessions_[1].stats()));
    FUZZ_CLAIM(sessions_[0].next_deadline() == sessions_[1].next_deadline());
    FUZZ_CLAIM(sessions_[0].closed() == sessions_[1].closed());
    const auto first = sessions_[0].receivable();
    const auto second = sessions_[1].receivable();
    FUZZ_CLAIM(first.has_value() == second.has_value());
    if (first) FUZZ_CLAIM(first->segments == second->segments && first->bytes == second->bytes);
  }

 private:
  static Session make(KcpWorld& world) {
    return Session(world.env, conv, Instant(),
                   {.opening = Opening::by_us, .send_first = {}, .receive_first = {}, .stamp_origin = Stamp32(0)});
  }
  Segment copy(Bytes bytes, bool with_more) {
    Segment segment = worlds_[0].ground.copy(bytes);
    if (!with_more) return segment;
    segment.extend_back(1);
    segment.writable().back() = 0;
    return segment;
  }
  void send(Session& session, std::uint32_t bytes, Instant now) {
    const std::vector<std::uint8_t> text(bytes, std::uint8_t{'y'});
    SegmentQueue message(worlds_[0].ground.chunks);
    if (message.push_back(worlds_[0].ground.copy(text))) session.send(message, now);
  }
  // The next datagram of each is the same.
  void transmit(Instant now) {
    std::vector<std::uint8_t> written[2];
    for (int i = 0; i < 2; ++i) {
      OutDatagram out(worlds_[i].ground.pool.allocate(), kcp_headroom, datagram_bytes_max, datagram_bytes_max);
      if (sessions_[i].poll_transmit(out, now)) written[i].assign(out.head().begin(), out.head().end());
    }
    FUZZ_CLAIM(written[0] == written[1]);
  }

  KcpWorld worlds_[2];
  Session sessions_[2];
};

void run(KcpGround& ground, Bytes data) {
  Feed feed(data);
  Feed scene(next_record(feed).bytes);
  Options options;
  options.ack_delay_ms = scene.u8() % 4 == 3 ? 20 : 0;
  const std::uint8_t law = scene.u8();
  options.no_congestion_window = law % 2 == 1;
  if ((law & 0x80) != 0) {
    options.recovery = Recovery::rack;
    options.congestion = static_cast<congestion::Kind>((law >> 1 & 7) % congestion::kind_count);
  }
  Twins twins(ground, options);
  Instant now = Instant::at_us(1000);
  for (int left = 48; left > 0 && !feed.empty(); --left) {
    const Record record = next_record(feed);
    const Bytes bytes = record.bytes.first(std::min<std::size_t>(record.bytes.size(), datagram_bytes_max));
    now = now + Duration::ms(record.kind >> 4);
    const Read read = read_slowly(bytes);
    check_reader(bytes, read);
    check_plain(bytes, read);
    twins.datagram(bytes, read, now);
    twins.step(record.kind, now);
    twins.compare();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static KcpGround ground;
  run(ground, {data, size});
  ground.check_whole();
  return 0;
}
