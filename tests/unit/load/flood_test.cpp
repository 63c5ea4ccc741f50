// Shows that a flood sends as many frames as are due, of the kind that was asked for, on the way that a session's own datagrams
// take, only while the run is warming up or measured, and that it neither waits for room nor keeps a block.
// How: a port that keeps what it is sent, and one datagram of a session to learn the way from.
#include "load/flood.hpp"

#include <catch2/catch.hpp>
#include <set>
#include <utility>

#include "buf/arena_pool.hpp"
#include "engine/wire.hpp"
#include "net/checksum.hpp"
#include "net/headers.hpp"

using namespace penstock;
using namespace penstock::load;

namespace {

constexpr std::uint32_t blocks = 1024;
const net::Endpoint client{net::IpAddress::v4(10, 128, 0, 7), 5000};
const net::Endpoint server{net::IpAddress::v4(10, 77, 0, 1), 4000};

class KeepingPort final : public Port {
 public:
  const PortInfo& info() const override { return info_; }
  std::uint32_t receive(std::uint16_t, std::span<net::RxFrame>, net::DropCounters&, Instant) override { return 0; }
  std::uint32_t send(std::uint16_t, std::span<net::TxFrame> frames, net::DropCounters&, Instant) override {
    std::uint32_t count = 0;
    for (; count < frames.size() && sent.size() < room; ++count) {
      const auto bytes = frames[count].head.bytes();
      sent.emplace_back(bytes.begin(), bytes.end());
      frames[count].head.reset();
    }
    return count;
  }
  bool link_up() const override { return true; }

  std::vector<test::Bytes> sent;
  std::size_t room = 1'000'000;

 private:
  PortInfo info_;
};

struct Flooded {
  explicit Flooded(FloodKind kind, std::uint64_t per_second = 1'000'000) {
    plan.flood = kind;
    plan.flood_rate = per_second;
    port = std::make_unique<FloodPort>(inner, pool, plan, progress, results);
  }
  ~Flooded() { CHECK(pool.whole()); }
  // A session's datagram leaves; what the flood learns from it is not counted.
  void send(const test::Bytes& bytes) {
    net::TxFrame frame;
    frame.head = Segment::adopt(pool.allocate(), 128, static_cast<std::uint32_t>(bytes.size()));
    std::ranges::copy(bytes, frame.head.writable().begin());
    CHECK(port->send(0, {&frame, 1}, drops, Instant::at_us(0)) == 1);
    CHECK(inner.sent.back() == bytes);
    inner.sent.clear();
  }
  void learn() { send(test::udp_frame(client, server, test::Bytes(88, 1))); }
  // A turn at this time; how many frames the flood sent.
  std::size_t turn(std::int64_t us) {
    const std::size_t before = inner.sent.size();
    CHECK(port->receive(0, {}, drops, Instant::at_us(us)) == 0);
    return inner.sent.size() - before;
  }
  void begin(Phase phase = Phase::measuring) {
    progress.phase = phase;
    CHECK(turn(1'000) == 0);
  }

  HeapPool pool{2176, blocks};
  KeepingPort inner;
  RunPlan plan;
  Progress progress;
  Results results;
  net::DropCounters drops;
  std::unique_ptr<FloodPort> port;
};

bool sums_hold(std::span<const std::uint8_t> frame) {
  const std::uint64_t pseudo =
      net::pseudo_header_sum(net::ip4_at(frame, 26), server.address, 17, static_cast<std::uint32_t>(frame.size() - 34));
  return net::checksum_holds(internet_sum(frame.subspan(14, 20))) &&
         net::checksum_holds(internet_sum(frame.subspan(34), pseudo));
}

}  // namespace

TEST_CASE("a flood begins with the shape, where a session showed the way, and ends with it", "[flood]") {
  Flooded flooded(FloodKind::unknown);
  flooded.progress.phase = Phase::measuring;
  CHECK(flooded.turn(100) == 0);
  CHECK(flooded.turn(200) == 0);
  flooded.progress.phase = Phase::connecting;
  flooded.send(test::Bytes(60, 0xff));  // no datagram at all
  flooded.learn();
  CHECK(flooded.turn(300) == 0);
  CHECK(flooded.turn(400) == 0);
  flooded.begin(Phase::warming);
  CHECK(flooded.turn(1'100) == 100);
  CHECK(flooded.results.flood_sent == 0);
  flooded.progress.phase = Phase::measuring;
  CHECK(flooded.turn(1'150) == 50);
  CHECK(flooded.turn(1'150) == 0);
  CHECK(flooded.port->next_deadline(0) == Instant::at_us(1'151));
  CHECK(flooded.results.flood_sent == 50);
  flooded.progress.phase = Phase::settling;
  CHECK(flooded.turn(1'300) == 0);
  CHECK(flooded.port->next_deadline(0).is_never());
}

TEST_CASE("frames of each kind are what the kind says, and go where the sessions' go", "[flood]") {
  const auto kind = GENERATE(FloodKind::invalid, FloodKind::unknown, FloodKind::unproven, FloodKind::newcomers);
  Flooded flooded(kind);
  flooded.learn();
  flooded.begin();
  for (int turn = 1; turn <= 100; ++turn) CHECK(flooded.turn(1'000 + turn * 50) == 50);
  std::set<std::uint16_t> flows;
  std::set<net::IpAddress> addresses;
  std::set<std::pair<std::uint32_t, std::uint32_t>> segments;
  std::size_t whole = 0;
  for (const test::Bytes& frame : flooded.inner.sent) {
    test::Datagram datagram;
    REQUIRE(test::read_udp(frame, datagram));
    CHECK(std::equal(frame.begin(), frame.begin() + 14, test::udp_frame(client, server, {}).begin()));
    CHECK(std::equal(frame.begin() + 26, frame.begin() + 28, test::Bytes{10, 128}.begin()));
    addresses.insert(datagram.from.address);
    CHECK(datagram.to == server);
    REQUIRE(datagram.segments.size() == 1);
    CHECK(datagram.segments[0].command == test::Kcp::push);
    CHECK(datagram.segments[0].data.size() == 64);
    flows.insert(datagram.from.port);
    segments.insert({datagram.segments[0].conv, datagram.segments[0].sn});
    whole += sums_hold(frame) ? 1u : 0u;
  }
  const std::size_t all = flooded.inner.sent.size();
  CHECK(whole == (kind == FloodKind::invalid ? 0 : all));
  CHECK(flows.size() == (kind == FloodKind::newcomers ? all : FloodPort::flows));
  CHECK_FALSE(flows.contains(client.port));
  CHECK(addresses.size() == (kind == FloodKind::newcomers ? all : 1));
  // What opens a session is sn 0.
  const bool opens = segments.contains({1, 0});
  CHECK(opens == (kind != FloodKind::unknown));
  if (kind == FloodKind::unproven) CHECK(segments.size() == FloodPort::flows * FloodPort::segments);
  else CHECK(segments.size() == flows.size());
}

TEST_CASE("a flood that the port has no room for, or that is late, is lost and told", "[flood]") {
  Flooded flooded(FloodKind::invalid);
  flooded.learn();
  flooded.begin();
  flooded.inner.room = 40;
  CHECK(flooded.turn(1'100) == 40);
  CHECK(flooded.results.flood_missed == 60);
  flooded.inner.room = 1'000'000;
  CHECK(flooded.turn(11'100) == FloodPort::frames_per_call);
  CHECK(flooded.results.flood_missed == 60 + 10'000 - FloodPort::frames_per_call);
  CHECK(flooded.results.flood_sent == 40 + FloodPort::frames_per_call);
}

TEST_CASE("a flood without blocks is lost, and comes back with them", "[flood]") {
  Flooded flooded(FloodKind::invalid);
  flooded.learn();
  flooded.begin();
  std::vector<Segment> held;
  while (Block* block = flooded.pool.allocate()) held.push_back(Segment::adopt(block, 0, 0));
  CHECK(flooded.turn(1'010) == 0);
  CHECK(flooded.results.flood_missed == 10);
  held.clear();
  CHECK(flooded.turn(1'020) == 10);
}
