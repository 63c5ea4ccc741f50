// Shows in which order a listener refuses, that every hold it takes is given back, what it counts, and which listener a
// datagram belongs to.
// How: by example for each drop reason, a random run that ends with nothing held, and the whole admission in its order.
#include "session/listener.hpp"

#include <catch2/catch.hpp>
#include <utility>
#include <vector>

#include "aborts.hpp"
#include "base/rng.hpp"
#include "session/flow_table.hpp"
#include "session/quarantine.hpp"
#include "session/session_table.hpp"

using namespace penstock;
using net::DropReason;
using net::IpAddress;

namespace {

ListenerConfig config_of(std::uint16_t port) {
  ListenerConfig config;
  config.name = "echo";
  config.port = port;
  config.sessions_max = 4;
  config.half_open_max = 3;
  config.per_prefix_max = 2;
  return config;
}

struct Listeners {
  explicit Listeners(std::vector<ListenerConfig> configs)
      : memory(PrefixQuota::cost(100) + ListenerTable::cost(configs.size())),
        arena(memory.bytes()),
        quota(arena, 100, SipKey{3, 4}),
        table(arena, configs, quota) {}
  HeapMemory memory;
  Arena arena;
  PrefixQuota quota;
  ListenerTable table;
};

IpAddress host(std::uint8_t prefix, std::uint8_t last = 1) { return IpAddress::v4(10, 0, prefix, last); }

}  // namespace

TEST_CASE("a listener refuses in the order of the drop reasons", "[listener]") {
  Listeners l({config_of(4000)});
  Listener& listener = l.table[0];
  CHECK(listener.admit(host(1)) == std::nullopt);
  CHECK(listener.admit(host(1)) == std::nullopt);
  CHECK(listener.admit(host(1)) == DropReason::listener_prefix_full);
  CHECK(listener.admit(host(2)) == std::nullopt);
  CHECK(listener.admit(host(1)) == DropReason::listener_half_open_full);
  listener.on_proven();
  CHECK(listener.admit(host(3)) == std::nullopt);
  CHECK(listener.admit(host(1)) == DropReason::listener_full);
  CHECK(listener.sessions() == 4);
  CHECK(listener.half_open() == 3);
  CHECK(listener.counters().opened == 4);
  CHECK(listener.counters().proven == 1);
  CHECK(listener.counters().refused_full == 1);
  CHECK(listener.counters().refused_half_open_full == 1);
  CHECK(listener.counters().refused_prefix_full == 1);
}

TEST_CASE("what closed or was withdrawn makes room again", "[listener]") {
  Listeners l({config_of(4000)});
  Listener& listener = l.table[0];
  REQUIRE(listener.admit(host(1)) == std::nullopt);
  REQUIRE(listener.admit(host(1)) == std::nullopt);
  listener.on_proven();
  listener.on_closed(CloseReason::idle, false, host(1));
  CHECK(listener.admit(host(1, 9)) == std::nullopt);
  listener.withdraw(host(1, 9));
  listener.on_closed(CloseReason::unproven, true, host(1));
  CHECK(listener.sessions() == 0);
  CHECK(listener.half_open() == 0);
  CHECK(l.quota.prefix_count() == 0);
  CHECK(listener.counters().of(CloseReason::idle) == 1);
  CHECK(listener.counters().of(CloseReason::unproven) == 1);
  CHECK(listener.counters().of(CloseReason::service) == 0);
  CHECK(listener.counters().opened == 2);
  CHECK(listener.counters().withdrawn == 1);
}

TEST_CASE("a random life leaves nothing held", "[listener]") {
  ListenerConfig config = config_of(4000);
  config.sessions_max = 50;
  config.half_open_max = 20;
  config.per_prefix_max = 7;
  Listeners l({config});
  Listener& listener = l.table[0];
  Rng rng(4);
  struct Live {
    IpAddress address;
    bool unproven;
  };
  std::vector<Live> live;
  const auto close = [&](std::size_t at) {
    listener.on_closed(CloseReason::service, live[at].unproven, live[at].address);
    live[at] = live.back();
    live.pop_back();
  };
  std::uint64_t refused = 0;
  for (int i = 0; i < 100'000; ++i) {
    const std::uint64_t what = rng.below(4);
    if (what < 2) {
      const IpAddress address = host(static_cast<std::uint8_t>(rng.below(9)));
      if (listener.admit(address)) ++refused;
      else live.push_back({address, true});
    } else if (!live.empty()) {
      const std::size_t at = rng.below(live.size());
      if (what == 3) {
        close(at);
      } else if (live[at].unproven) {
        listener.on_proven();
        live[at].unproven = false;
      }
    }
    REQUIRE(listener.sessions() == live.size());
    REQUIRE(listener.sessions() <= 50);
    REQUIRE(listener.half_open() <= 20);
  }
  while (!live.empty()) close(live.size() - 1);
  CHECK(listener.sessions() == 0);
  CHECK(listener.half_open() == 0);
  CHECK(l.quota.prefix_count() == 0);
  const ListenerCounters& counters = listener.counters();
  CHECK(counters.of(CloseReason::service) == counters.opened);
  CHECK(counters.refused_full + counters.refused_half_open_full + counters.refused_prefix_full == refused);
  CHECK(counters.refused_half_open_full > 0);
  CHECK(counters.refused_prefix_full > 0);
}

TEST_CASE("the whole admission yields every reason of this room in its order", "[listener]") {
  ListenerConfig config = config_of(4000);
  config.sessions_max = config.half_open_max = config.per_prefix_max = 10;
  Listeners l({config});
  HeapMemory memory(SessionTable<int>::cost(3) + FlowTable::cost(1000) + Quarantine::cost(4));
  Arena arena(memory.bytes());
  SessionTable<int> sessions(arena, 3, 0);
  FlowTable flows(arena, 1000);
  Quarantine quarantine(arena, 4);
  const auto open = [&](FlowHash hash, const IpAddress& remote, Instant now) -> std::optional<DropReason> {
    if (quarantine.contains(hash, now)) return DropReason::session_quarantined;
    Listener& listener = l.table[0];
    if (const auto refusal = listener.admit(remote)) return refusal;
    const SessionId id = sessions.open(0);
    if (!id.is_valid()) {
      listener.withdraw(remote);
      return DropReason::session_table_full;
    }
    if (!flows.insert(hash, id)) {
      sessions.close(id);
      listener.withdraw(remote);
      return DropReason::flow_table_full;
    }
    return std::nullopt;
  };
  const Instant now = Instant::at_us(5);
  // One hash filled to its last place by others.
  for (std::uint32_t i = 0; i < 8; ++i) REQUIRE(flows.insert(0xaa00, SessionId(1000 + i, 1, 0)));
  quarantine.add(0xbb00, now, now + Duration::seconds(3));

  CHECK(open(0xbb00, host(1), now) == DropReason::session_quarantined);
  CHECK(open(0xaa00, host(1), now) == DropReason::flow_table_full);
  CHECK(l.table[0].sessions() == 0);
  CHECK(sessions.count() == 0);
  CHECK(l.quota.prefix_count() == 0);
  for (std::uint64_t i = 1; i <= 3; ++i) CHECK(open(i << 40, host(1), now) == std::nullopt);
  CHECK(open(std::uint64_t{4} << 40, host(1), now) == DropReason::session_table_full);
  CHECK(l.table[0].sessions() == 3);
  CHECK(l.table[0].counters().withdrawn == 2);
}

TEST_CASE("the listener of one address comes before the one of all", "[listener]") {
  ListenerConfig all = config_of(4000);
  ListenerConfig one = config_of(4000);
  one.address = host(1);
  ListenerConfig other_port = config_of(65'535);
  ListenerConfig only_here = config_of(5000);
  only_here.address = host(2);
  ListenerConfig six = config_of(4000);
  six.address = IpAddress{};
  Listeners l({all, other_port, only_here, one, six});
  const auto index_at = [&](const IpAddress& address, std::uint16_t port) {
    const Listener* found = l.table.find({address, port});
    return found == nullptr ? -1 : int{found->index()};
  };
  CHECK(index_at(host(1), 4000) == 3);
  CHECK(index_at(host(2), 4000) == 0);
  CHECK(index_at(IpAddress{}, 4000) == 4);
  CHECK(index_at(host(9), 65'535) == 1);
  CHECK(index_at(host(2), 5000) == 2);
  CHECK(index_at(host(1), 5000) == -1);
  CHECK(index_at(host(1), 3999) == -1);
  CHECK(index_at(host(1), 1) == -1);
  CHECK(index_at(host(1), 65'534) == -1);
  CHECK(l.table.count() == 5);
}

TEST_CASE("no listener at all is no listener for anybody", "[listener]") {
  Listeners l({});
  CHECK(l.table.find({host(1), 4000}) == nullptr);
  CHECK(l.table.count() == 0);
}

TEST_CASE("two listeners on one place are told, and abort when built", "[listener]") {
  ListenerConfig a = config_of(4000);
  ListenerConfig b = config_of(4000);
  CHECK(ListenerTable::same_place(a, b));
  CHECK(test::aborts([&] { Listeners l({a, b}); }));
  b.address = host(1);
  CHECK_FALSE(ListenerTable::same_place(a, b));
  a.address = host(1);
  CHECK(ListenerTable::same_place(a, b));
  b.port = 4001;
  CHECK_FALSE(ListenerTable::same_place(a, b));
}

TEST_CASE("closing more than was opened is our own mistake", "[listener]") {
  Listeners l({config_of(4000)});
  CHECK(test::aborts([&] { l.table[0].on_closed(CloseReason::idle, true, host(1)); }));
  CHECK(test::aborts([&] { l.table[0].on_proven(); }));
}

TEST_CASE("a session that moves takes its place in the new prefix and gives the old one back", "[listener]") {
  Listeners l({config_of(4000)});
  Listener& listener = l.table[0];
  REQUIRE(listener.admit(host(1)) == std::nullopt);
  REQUIRE(listener.admit(host(2)) == std::nullopt);
  listener.on_proven();
  CHECK(listener.move(host(1), host(1, 9)) == std::nullopt);
  CHECK(l.quota.held(0, host(1)) == 1);
  CHECK(listener.move(host(1, 9), host(2)) == std::nullopt);
  CHECK(l.quota.held(0, host(1)) == 0);
  CHECK(l.quota.held(0, host(2)) == 2);
  REQUIRE(listener.admit(host(3)) == std::nullopt);
  // A full prefix takes nobody in, and nothing changes.
  CHECK(listener.move(host(3), host(2)) == DropReason::listener_prefix_full);
  CHECK(l.quota.held(0, host(3)) == 1);
  CHECK(l.quota.held(0, host(2)) == 2);
  CHECK(listener.sessions() == 3);
  CHECK(listener.move(host(2), host(2, 7)) == std::nullopt);  // within a full one nothing does either
  listener.on_closed(CloseReason::idle, false, host(2));
  listener.withdraw(host(2));
  listener.withdraw(host(3));
  CHECK(l.quota.prefix_count() == 0);
}

TEST_CASE("a listener that any prefix may fill counts none", "[listener]") {
  ListenerConfig config = config_of(4000);
  config.half_open_max = 4;
  config.per_prefix_max = 4;
  Listeners l({config});
  Listener& listener = l.table[0];
  for (int i = 0; i < 4; ++i) CHECK(listener.admit(host(1)) == std::nullopt);
  CHECK(listener.admit(host(1)) == DropReason::listener_full);
  CHECK(l.quota.prefix_count() == 0);
  for (int i = 0; i < 4; ++i) listener.on_closed(CloseReason::idle, true, host(1));
  CHECK(listener.sessions() == 0);
}
