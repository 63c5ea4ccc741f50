// Fuzzes net::Stack: Ethernet frames, time, links and datagrams to send, several in a row, from records.
//
// Two ports and three interfaces: untagged, one tag, two tags. What is claimed: each frame has one outcome and is counted
// once; no block is lost; an answer is no longer than the question; a deadline passed is a deadline moved.
#include <algorithm>
#include <memory>

#include "buf/arena_pool.hpp"
#include "claim.hpp"
#include "feed.hpp"
#include "fix_sums.hpp"
#include "net/stack.hpp"
#include "records.hpp"

using namespace penstock;
using namespace penstock::net;
using namespace penstock::fuzz;

namespace {

// Records by the low three bits of their kind; the bits above say more of a frame.
enum Kind : std::uint8_t { wait = 4, send = 5, link = 6, news = 7 };
constexpr std::uint8_t on_port_1 = 0x08, sums_called_good = 0x10, sums_fixed = 0x20, refused = 0x40, answered = 0x80;

// The longest frame that is no answer is an advertisement or question of neighbour discovery with two tags.
constexpr std::size_t own_frame_bytes_max = 94;
constexpr std::uint32_t block_bytes = 2048;

StackConfig scene() {
  StackConfig config;
  config.ports = {PortTraits{}, PortTraits{}};
  config.rx_checksum = {RxChecksumPolicy::verify, RxChecksumPolicy::verify};
  InterfaceConfig untagged;
  untagged.mac = *parse_mac("02:00:00:00:00:02");
  untagged.addresses = {*parse_prefix("10.0.0.2/24"), *parse_prefix("10.0.0.3/24"), *parse_prefix("fd77::2/64")};
  untagged.routes = {{*parse_prefix("0.0.0.0/0"), *parse_ip("10.0.0.254")},
                     {*parse_prefix("::/0"), *parse_ip("fd77::fe")}};
  untagged.local_prefixes = {*parse_prefix("10.9.0.0/16")};
  InterfaceConfig tagged = untagged;
  tagged.tags = {1, {100, 0}};
  tagged.addresses = {*parse_prefix("10.1.0.2/24"), *parse_prefix("fd78::2/64")};
  tagged.routes.clear();
  tagged.local_prefixes.clear();
  InterfaceConfig twice = tagged;
  twice.port = 1;
  twice.tags = {2, {100, 200}};
  twice.addresses = {*parse_prefix("10.2.0.2/24")};
  config.interfaces = {untagged, tagged, twice};
  config.neighbors_max = 16;
  config.pending_frames_max = 16;
  config.pending_per_hop_max = 4;
  config.shares_news = true;
  return config;
}

// Pools and memory outlive an execution: whole at its end, they are as new.
struct Ground {
  StackConfig config = scene();
  HeapMemory memory{Stack::cost(config)};
  HeapPool tx{block_bytes, 64};
  HeapPool rx{block_bytes, 4};
};

class Run {
 public:
  explicit Run(Ground& ground) : ground_(ground), arena_(cleared(ground.memory)) {
    stack_ = std::make_unique<Stack>(arena_, ground.config, ground.tx, drops_, SipKey{1, 2}, Rng(7));
    for (std::uint16_t port = 0; port < 2; ++port) stack_->on_link(port, true, now_);
    pass(Duration::seconds(3));
  }
  ~Run() {
    stack_.reset();
    FUZZ_CLAIM(ground_.rx.whole());
    FUZZ_CLAIM(ground_.tx.whole());
  }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  void take(const Record& record) {
    Feed feed(record.bytes);
    switch (record.kind & 7) {
      case wait: pass(Duration::ms(feed.u16())); break;
      case send: send_to(address_of(feed), feed.u8() % 3, feed.u16() % 1600u); break;
      case link: stack_->on_link(feed.u8() % 2, feed.u8() % 2 != 0, now_); break;
      case news: apply_news(feed); break;
      default: take_frame(record);
    }
    look_at_output(record.bytes.size());
    FUZZ_CLAIM(ground_.rx.whole());
    FUZZ_CLAIM(ground_.tx.available() + stack_->pending_frames() == ground_.tx.capacity());
    while (stack_->poll_news()) {}
  }

 private:
  static std::span<std::byte> cleared(HeapMemory& memory) {
    std::ranges::fill(memory.bytes(), std::byte{0});
    return memory.bytes();
  }
  // Four bytes of an address of one of our networks or any other, or sixteen.
  static IpAddress address_of(Feed& feed) {
    const auto bytes = feed.take(feed.u8() % 2 == 0 ? 4 : 16);
    std::array<std::uint8_t, 16> sixteen{};
    std::ranges::copy(bytes, sixteen.begin());
    if (bytes.size() > 4) return IpAddress::v6(sixteen);
    return IpAddress::v4({sixteen[0], sixteen[1], sixteen[2], sixteen[3]});
  }
  void apply_news(Feed& feed) {
    NeighborNews one;
    one.kind = feed.u8() % 2 == 0 ? NeighborNews::Kind::resolved : NeighborNews::Kind::duplicate_address;
    one.interface = feed.u8() % 3;
    std::ranges::copy(feed.take(6), one.mac.bytes.begin());
    // No worker believes a group's address, so none tells of it.
    one.mac.bytes[0] &= 0xfe;
    one.address = address_of(feed);
    stack_->apply(one, now_);
  }

  void take_frame(const Record& record) {
    const std::size_t length = std::min<std::size_t>(record.bytes.size(), block_bytes - 64);
    RxFrame frame;
    frame.bytes = Segment::adopt(ground_.rx.allocate(), 64, static_cast<std::uint32_t>(length));
    std::ranges::copy(record.bytes.first(length), frame.bytes.writable().begin());
    if ((record.kind & sums_fixed) != 0) fix_sums(frame.bytes.writable());
    if ((record.kind & sums_called_good) != 0) frame.ip_checksum = frame.l4_checksum = ChecksumState::good;
    const std::uint64_t before = drops_.received_total();
    Packet packet;
    const auto intake = stack_->take_in((record.kind & on_port_1) != 0, frame, packet, now_);
    const bool dropped = intake == Stack::Intake::dropped;
    FUZZ_CLAIM(drops_.received_total() == before + (dropped ? 1 : 0));
    FUZZ_CLAIM(!frame.bytes.holds());
    FUZZ_CLAIM(packet.payload.holds() == (intake == Stack::Intake::udp || intake == Stack::Intake::too_big));
    if (intake == Stack::Intake::too_big) look_at_quote(packet, length);
    if (intake == Stack::Intake::udp) look_at_packet(packet, record.kind, length);
  }
  // Of a packet of ours that somebody quotes behind two more headers.
  void look_at_quote(Packet& packet, std::size_t frame_bytes) {
    FUZZ_CLAIM(packet.payload.length() + ip6_and_udp_least(packet) + 28 <= frame_bytes);
    FUZZ_CLAIM(packet.path.interface < 3);
    FUZZ_CLAIM(stack_->owns(packet.path.interface, packet.path.local.address));
    packet.payload.reset();
  }
  void look_at_packet(Packet& packet, std::uint8_t kind, std::size_t frame_bytes) {
    FUZZ_CLAIM(packet.payload.length() + ip6_and_udp_least(packet) <= frame_bytes);
    FUZZ_CLAIM(packet.path.interface < 3);
    FUZZ_CLAIM(stack_->owns(packet.path.interface, packet.path.local.address));
    FUZZ_CLAIM(packet.path.remote.address.is_valid_source());
    std::uint8_t all = 0;
    for (const std::uint8_t byte : packet.payload.bytes()) all ^= byte;
    [[maybe_unused]] volatile std::uint8_t read = all;
    const std::uint32_t bytes = packet.payload.length();
    if ((kind & refused) != 0) stack_->refuse(packet, now_);
    Path path = packet.path;
    packet.payload.reset();
    if ((kind & answered) != 0 && bytes <= stack_->payload_max(path)) transmit(path, bytes);
  }
  // Ethernet, an IP header without options and UDP.
  static std::uint32_t ip6_and_udp_least(const Packet& packet) { return packet.path.local.address.is_v4() ? 42 : 62; }

  void send_to(const IpAddress& remote, std::uint16_t interface, std::uint32_t bytes) {
    if (!remote.is_valid_source()) return;
    const auto way = stack_->path_to({remote, 5000}, 4000);
    if (!way) return;
    Path path = *way;
    path.next_hop_hint = interface * 0x1234'5678u;
    if (bytes <= stack_->payload_max(path)) transmit(path, bytes);
  }
  void transmit(Path& path, std::uint32_t bytes) {
    Block* head = ground_.tx.allocate();
    if (head == nullptr) return;
    OutDatagram out(head, headroom_bytes, block_bytes - headroom_bytes, block_bytes);
    std::fill_n(out.header(bytes), bytes, std::uint8_t{'x'});
    TxFrame frame;
    std::uint16_t port = 0;
    const std::uint32_t waiting = stack_->pending_frames();
    const auto verdict = stack_->send_udp(path, std::move(out), frame, port, now_);
    FUZZ_CLAIM(frame.head.holds() == (verdict == Stack::SendVerdict::ready));
    FUZZ_CLAIM(stack_->pending_frames() == waiting + (verdict == Stack::SendVerdict::queued ? 1 : 0));
    FUZZ_CLAIM(port < 2);
    if (frame.head.holds()) FUZZ_CLAIM(frame.bytes() > bytes && frame.bytes() <= bytes + 70);
  }
  // What leaves: what had waited for a neighbour, and at most as much as came in.
  void look_at_output(std::size_t frame_bytes) {
    TxFrame out;
    std::uint16_t port = 0;
    std::uint32_t waiting = stack_->pending_frames();
    std::uint32_t count = 0;
    while (stack_->poll_transmit(out, port, now_)) {
      FUZZ_CLAIM(port < 2 && out.head.holds() && ++count < 200);
      const bool had_waited = stack_->pending_frames() < waiting;
      waiting = stack_->pending_frames();
      FUZZ_CLAIM(had_waited || out.bytes() <= std::max(frame_bytes, own_frame_bytes_max));
      out = TxFrame{};
    }
  }
  void pass(Duration duration) {
    const Instant end = now_ + duration;
    for (std::uint32_t steps = 0; stack_->next_deadline() <= end; ++steps) {
      now_ = later(now_, stack_->next_deadline());
      stack_->on_timeout(now_);
      look_at_output(0);
      FUZZ_CLAIM(steps < 20'000);
    }
    now_ = end;
  }

  Ground& ground_;
  Arena arena_;
  DropCounters drops_;
  std::unique_ptr<Stack> stack_;
  Instant now_ = Instant::at_us(1'000'000);
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Ground ground;
  Run run(ground);
  Feed feed({data, size});
  for (int left = 64; left > 0 && !feed.empty(); --left) run.take(next_record(feed));
  return 0;
}
