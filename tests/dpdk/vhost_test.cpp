// Shows on a real virtio pair (net_vhost and net_virtio_user in one process, offloads on for sending) why RX checksums are
// not asked for unless the other side is trusted: unasked, every UDP sum arrives full; asked, the other side leaves it
// partial, and the port says so. Frames are linked, so that sums over two parts are covered. Every buffer returns.
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <filesystem>

#include "base/internet_sum.hpp"
#include "dpdk_fixture.hpp"

using namespace penstock;
using namespace penstock::nic;
using namespace penstock::nic::test;

namespace {

constexpr std::uint32_t pool_blocks = 4095;
constexpr std::uint32_t head_bytes = 42;
constexpr std::uint32_t payload_bytes = 501;
constexpr std::uint32_t ip_at = 14;
constexpr std::uint32_t udp_at = 34;
const Instant now = Instant::at_us(1);

// The sum of the pseudo-header (RFC 768), from the frame's own addresses.
std::uint64_t pseudo_sum(std::span<const std::uint8_t> frame) {
  const std::uint8_t rest[4] = {0, 17, frame[udp_at + 4], frame[udp_at + 5]};
  return internet_sum(rest, internet_sum(frame.subspan(ip_at + 12, 8)));
}

bool udp_sum_is_full(std::span<const std::uint8_t> frame) {
  return sum_fold(internet_sum(frame.subspan(udp_at), pseudo_sum(frame))) == 0xffff;
}

// An Ethernet, IPv4 and UDP header for the payload, the UDP sum left to the port.
std::vector<std::uint8_t> headers() {
  std::vector<std::uint8_t> head(head_bytes);
  std::fill(head.begin(), head.begin() + 6, std::uint8_t{0xff});
  head[6] = 2;
  head[12] = 8;
  const std::uint8_t ip[12] = {0x45, 0, (28 + payload_bytes) >> 8, (28 + payload_bytes) & 0xff, 0, 0, 0, 0, 64, 17,
                               0,    0};
  std::memcpy(&head[ip_at], ip, sizeof ip);
  head[ip_at + 12] = head[ip_at + 16] = 10;
  head[ip_at + 15] = 1;
  head[ip_at + 19] = 2;
  const auto ip_sum = static_cast<std::uint16_t>(~sum_fold(internet_sum({&head[ip_at], 20})));
  std::memcpy(&head[ip_at + 10], &ip_sum, 2);
  head[udp_at + 1] = head[udp_at + 3] = 7;
  head[udp_at + 4] = (8 + payload_bytes) >> 8;
  head[udp_at + 5] = (8 + payload_bytes) & 0xff;
  const std::uint16_t sum = sum_fold(pseudo_sum(head));
  std::memcpy(&head[udp_at + 6], &sum, 2);
  return head;
}

struct End {
  std::unique_ptr<DpdkPort> open(const std::string& device, bool trusts) {
    PortSettings settings = settings_for(device);
    settings.rx_descriptors = settings.tx_descriptors = 256;
    settings.trusts_local_sums = trusts;
    const QueuePools queue = {.blocks = pool.get(), .indirect = indirect.get()};
    auto port = DpdkPort::open(settings, {&queue, 1});
    if (!port) FAIL(port.error());
    return std::move(*port);
  }
  net::TxFrame frame(std::uint32_t seed) {
    net::TxFrame made{.head = segment_of(*pool, headers()), .link = segment_of(*pool, pattern(seed, payload_bytes))};
    made.l2_bytes = ip_at;
    made.l3_bytes = 20;
    made.is_v4 = true;
    made.offload_udp_checksum = true;
    return made;
  }
  bool whole() const { return pool->free_everywhere() == pool_blocks && indirect->free_everywhere() == 511; }

  std::unique_ptr<MbufPool> pool = make_pool(pool_blocks);
  std::unique_ptr<IndirectPool> indirect = make_indirect(511);
};

struct Seen {
  std::uint32_t frames = 0;
  std::uint32_t full = 0;
  std::uint32_t unknown = 0;
};

// Sends frames until `wanted` arrived; an end takes some turns until the other's rings are there.
Seen pass(End& from, DpdkPort& sender, DpdkPort& receiver, std::uint32_t wanted) {
  Seen seen;
  net::DropCounters drops;
  std::uint32_t next = 0;
  for (int turn = 0; turn < 2000 && seen.frames < wanted; ++turn) {
    net::TxFrame frame = from.frame(++next);
    sender.send(0, {&frame, 1}, drops, now);
    std::vector<net::RxFrame> frames(32);
    const std::uint32_t got = receiver.receive(0, frames, drops, now);
    if (got == 0) usleep(1000);
    for (std::uint32_t i = 0; i < got; ++i) {
      const auto bytes = frames[i].bytes.bytes();
      if (bytes.size() != head_bytes + payload_bytes) continue;
      ++seen.frames;
      seen.full += udp_sum_is_full(bytes) ? 1u : 0u;
      seen.unknown += frames[i].l4_checksum == net::ChecksumState::unknown ? 1u : 0u;
    }
  }
  CHECK(drops.total() == 0);
  return seen;
}

}  // namespace

TEST_CASE("vhost: sums arrive full unasked, partial and marked when asked for, both ways") {
  const bool host_trusts = GENERATE(false, true);
  const bool guest_trusts = GENERATE(false, true);
  const std::string directory =
      std::filesystem::temp_directory_path() / fresh_name("penstock-vhost-" + std::to_string(getpid()) + "-");
  std::filesystem::create_directory(directory);
  End host;
  End guest;
  {
    Vdev host_device("net_vhost", "queues=1,iface=" + directory + "/socket");
    const auto host_port = host.open(host_device.name(), host_trusts);
    Vdev guest_device("net_virtio_user", "queues=1,queue_size=256,path=" + directory + "/socket");
    const auto guest_port = guest.open(guest_device.name(), guest_trusts);
    REQUIRE(host_port->info().traits.tx_udp_checksum);
    REQUIRE(guest_port->info().traits.tx_udp_checksum);
    CHECK(host_port->report().kernel_use == KernelUse::wakes_peer);
    CHECK(guest_port->report().kernel_use == KernelUse::wakes_peer);

    const Seen at_host = pass(guest, *guest_port, *host_port, 100);
    CHECK(at_host.frames >= 100);
    CHECK(at_host.full == (host_trusts ? 0 : at_host.frames));
    CHECK(at_host.unknown == at_host.frames);
    CHECK((host_port->counters(0).rx_partial_sums > 0) == host_trusts);
    CHECK(guest_port->counters(0).tx_linked >= 100);

    const Seen at_guest = pass(host, *host_port, *guest_port, 100);
    CHECK(at_guest.frames >= 100);
    CHECK(at_guest.full == (guest_trusts ? 0 : at_guest.frames));
    CHECK(at_guest.unknown == at_guest.frames);
    CHECK((guest_port->counters(0).rx_partial_sums > 0) == guest_trusts);
    // The link came up when the guest connected.
    host_port->poll_link();
    CHECK(host_port->link_up());
  }
  CHECK(host.whole());
  CHECK(guest.whole());
  std::filesystem::remove_all(directory);
}
