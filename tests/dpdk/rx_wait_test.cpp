// Shows that a frame ends a worker's sleep on net_vhost and on net_virtio_user, whether it comes before or while it sleeps,
// that nothing else ends it, and that ports without RX interrupts are slept through, and say so.
// How: a real virtio pair in one process; a frame that is sent after arm() has to be found by sleep() at once.
#include "nic/rx_wait.hpp"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <filesystem>
#include <thread>

#include "dpdk_fixture.hpp"
#include "ethdev_mock.hpp"

using namespace penstock;
using namespace penstock::nic;
using namespace penstock::nic::test;

namespace {

const Instant now = Instant::at_us(1);
// Long enough that a sleep which ends of its own accord shows as a failure of the test, not of the machine.
constexpr Duration for_ever = Duration::seconds(30);

std::unique_ptr<DpdkPort> open(const std::string& device, MbufPool& pool, bool interrupts = true) {
  PortSettings settings = settings_for(device);
  settings.rx_descriptors = settings.tx_descriptors = 256;
  settings.rx_interrupts = interrupts;
  const QueuePools queue = {.blocks = &pool};
  auto port = DpdkPort::open(settings, {&queue, 1});
  if (!port) FAIL(port.error());
  return std::move(*port);
}

std::unique_ptr<RxWait> wait_for(std::span<const std::unique_ptr<DpdkPort>> ports) {
  auto wait = RxWait::make(ports, 0);
  if (!wait) FAIL(wait.error());
  return std::move(*wait);
}

void send_one(DpdkPort& port, MbufPool& pool) {
  net::DropCounters drops;
  net::TxFrame frame{.head = segment_of(pool, pattern(1, 100)), .link = {}};
  REQUIRE(port.send(0, {&frame, 1}, drops, now) == 1);
}

std::uint32_t take_all(DpdkPort& port) {
  net::DropCounters drops;
  std::vector<net::RxFrame> frames(32);
  std::uint32_t sum = 0;
  while (const std::uint32_t got = port.receive(0, frames, drops, now)) sum += got;
  return sum;
}

// Both ends of a virtio pair, after the first frame made it through each way.
struct VirtioPair {
  VirtioPair() {
    std::filesystem::create_directory(directory);
    host_device.emplace("net_vhost", "queues=1,iface=" + directory + "/socket");
    host.push_back(open(host_device->name(), *host_pool));
    guest_device.emplace("net_virtio_user", "queues=1,queue_size=256,path=" + directory + "/socket");
    guest.push_back(open(guest_device->name(), *guest_pool));
    for (int i = 0; i < 5000 && !reached(*guest[0], *guest_pool, *host[0]); ++i) usleep(1000);
    for (int i = 0; i < 5000 && !reached(*host[0], *host_pool, *guest[0]); ++i) usleep(1000);
    usleep(1000);
    take_all(*host[0]);
    take_all(*guest[0]);
  }
  ~VirtioPair() {
    guest.clear();
    guest_device.reset();
    host.clear();
    host_device.reset();
    std::filesystem::remove_all(directory);
  }
  VirtioPair(const VirtioPair&) = delete;
  VirtioPair& operator=(const VirtioPair&) = delete;

  static bool reached(DpdkPort& from, MbufPool& pool, DpdkPort& to) {
    net::DropCounters drops;
    net::TxFrame frame{.head = segment_of(pool, pattern(1, 100)), .link = {}};
    from.send(0, {&frame, 1}, drops, now);
    return take_all(to) > 0;
  }

  const std::string directory =
      std::filesystem::temp_directory_path() / fresh_name("penstock-wait-" + std::to_string(getpid()) + "-");
  std::unique_ptr<MbufPool> host_pool = make_pool(1023);
  std::unique_ptr<MbufPool> guest_pool = make_pool(1023);
  std::optional<Vdev> host_device;
  std::optional<Vdev> guest_device;
  std::vector<std::unique_ptr<DpdkPort>> host;
  std::vector<std::unique_ptr<DpdkPort>> guest;
};

}  // namespace

TEST_CASE("rx_wait: a frame ends the sleep of either end of a virtio pair, as often as it is armed") {
  VirtioPair pair;
  const bool at_host = GENERATE(true, false);
  auto& ports = at_host ? pair.host : pair.guest;
  auto& peer = at_host ? *pair.guest[0] : *pair.host[0];
  MbufPool& peer_pool = at_host ? *pair.guest_pool : *pair.host_pool;
  REQUIRE(ports[0]->report().rx_interrupts);
  const auto wait = wait_for(ports);
  for (int round = 0; round < 20; ++round) {
    REQUIRE(wait->arm());
    CHECK(take_all(*ports[0]) == 0);
    wait->sleep(Duration::us(1));  // uses up what an earlier frame may have left
    send_one(peer, peer_pool);
    CHECK(wait->sleep(for_ever));
    wait->disarm();
    CHECK(take_all(*ports[0]) == 1);
  }
  // A sleeper is woken by a frame that comes later, too.
  REQUIRE(wait->arm());
  std::thread sender([&] {
    usleep(20'000);
    send_one(peer, peer_pool);
  });
  CHECK(wait->sleep(for_ever));
  sender.join();
  CHECK(take_all(*ports[0]) == 1);
  wait->disarm();
}

TEST_CASE("rx_wait: without a frame a sleep lasts its time") {
  VirtioPair pair;
  const auto wait = wait_for(pair.host);
  for (const bool armed : {false, true}) {
    if (armed) REQUIRE(wait->arm());
    // The end of an earlier interrupt may be left; it is used up here.
    wait->sleep(Duration::us(1));
    const auto began = std::chrono::steady_clock::now();
    CHECK_FALSE(wait->sleep(Duration::ms(30)));
    CHECK(std::chrono::steady_clock::now() - began >= std::chrono::milliseconds(30));
  }
  // A frame that comes while nothing is armed wakes nobody.
  wait->disarm();
  send_one(*pair.guest[0], *pair.guest_pool);
  CHECK_FALSE(wait->sleep(Duration::ms(1)));
  CHECK(take_all(*pair.host[0]) == 1);
}

TEST_CASE("rx_wait: a port without interrupts says so, and its worker sleeps by time alone") {
  const auto pool = make_pool(255);
  Vdev device("net_null", "");
  std::vector<std::unique_ptr<DpdkPort>> ports;
  ports.push_back(open(device.name(), *pool));
  CHECK_FALSE(ports[0]->report().rx_interrupts);
  bool told = false;
  for (const std::string& note : ports[0]->report().notes)
    told = told || note.find("wakes nobody") != std::string::npos;
  CHECK(told);
  const auto wait = wait_for(ports);
  CHECK_FALSE(wait->arm());
  CHECK_FALSE(wait->sleep(Duration::ms(1)));
  wait->disarm();
}

TEST_CASE("rx_wait: one port without interrupts among several is enough to sleep short") {
  VirtioPair pair;
  const auto pool = make_pool(255);
  Vdev device("net_null", "");
  pair.host.push_back(open(device.name(), *pool));
  const auto wait = wait_for(pair.host);
  CHECK_FALSE(wait->arm());
  // The other one wakes the worker all the same.
  send_one(*pair.guest[0], *pair.guest_pool);
  CHECK(wait->sleep(for_ever));
  wait->disarm();
  CHECK(take_all(*pair.host[0]) == 1);
  pair.host.pop_back();
}

TEST_CASE("rx_wait: a port that was not asked for interrupts has none") {
  const auto pool = make_pool(255);
  Vdev device("net_null", "");
  std::vector<std::unique_ptr<DpdkPort>> ports;
  ports.push_back(open(device.name(), *pool, false));
  CHECK_FALSE(ports[0]->report().rx_interrupts);
  for (const std::string& note : ports[0]->report().notes) CHECK(note.find("wakes nobody") == std::string::npos);
}

TEST_CASE("rx_wait: a driver that refuses interrupts as a whole is set up without them") {
  const auto pool = make_pool(255);
  Vdev device("net_null", "");
  EthdevMock mock;
  int asked = 0;
  mock.configure = [&](const rte_eth_conf& conf) {
    ++asked;
    return conf.intr_conf.rxq != 0 ? -ENOTSUP : 0;
  };
  std::vector<std::unique_ptr<DpdkPort>> ports;
  ports.push_back(open(device.name(), *pool));
  CHECK(asked == 2);
  CHECK_FALSE(ports[0]->report().rx_interrupts);
}
