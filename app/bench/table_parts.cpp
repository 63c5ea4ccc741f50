// The table parts: finding sessions by flow, and timers armed and fired, with few entries in the caches and a million out
// of them. DPDK's tables do the same beside them, in rivals/dpdk_parts.cpp.
#include <array>
#include <vector>

#include "base/rng.hpp"
#include "bench/part.hpp"
#include "bench/table_keys.hpp"
#include "session/flow_table.hpp"
#include "session/session_table.hpp"
#include "session/timer_wheel.hpp"

namespace penstock::bench {

namespace {

constexpr SipKey sip_key{1, 2};
constexpr std::uint32_t advance_budget = 512;

// Records without machines, which a look-up reads only when it is over.
struct Nothing {};

void run_flow_find(Meter& meter, std::uint32_t count, std::string_view label) {
  HeapMemory memory(FlowTable::cost(count) + SessionTable<Nothing>::cost(count));
  Arena arena(memory.bytes());
  FlowTable flows(arena, count);
  SessionTable<Nothing> sessions(arena, count, 0);
  for (std::uint32_t i = 0; i < count; ++i) {
    const SessionId id = sessions.open();
    Session& session = sessions[id.index()];
    session.path = path_of(i);
    session.conv = conv_of(i);
    require(flows.insert(hash(session.key(), sip_key), id), "a flow found no room");
  }
  Rng rng(1);
  std::array<FlowKey, find_burst> keys;
  std::array<FlowHash, find_burst> hashes;
  std::array<SessionId, find_burst> found;
  for (std::uint32_t i = 0; i < meter.repeats(); ++i) {
    std::uint32_t right = 0;
    meter.begin();
    for (std::uint32_t k = 0; k < find_rounds; ++k) {
      for (FlowKey& key : keys) {
        const auto flow = static_cast<std::uint32_t>(rng.below(count));
        key = flow_key(SessionKeyMode::address_conv, path_of(flow), conv_of(flow));
      }
      meter.start();
      for (std::uint32_t n = 0; n < find_burst; ++n) hashes[n] = hash(keys[n], sip_key);
      for (const FlowHash sought : hashes) flows.prefetch(sought);
      flows.find_bulk(hashes, found);
      for (const SessionId id : found) sessions.prefetch(id);
      for (std::uint32_t n = 0; n < find_burst; ++n) {
        const auto matches = [&](SessionId id) {
          const Session* session = sessions.find(id);
          return session != nullptr && session->key() == keys[n];
        };
        right += flows.confirm(hashes[n], found[n], matches).is_valid();
      }
      meter.stop();
    }
    require(right == find_burst * find_rounds, "a flow was not found");
    meter.end(label, right);
  }
}

void run_wheel(Meter& meter, std::uint32_t count, std::string_view size) {
  std::vector<Session> sessions(count);
  HeapMemory memory(TimerWheel::cost(count));
  Arena arena(memory.bytes());
  Instant now = Instant::at_us(1'000'000);
  TimerWheel wheel(arena, sessions, now);
  Rng rng(1);
  const auto deadline_of = [&](std::uint32_t index, TimerKind) { return sessions[index].deadline; };
  for (std::uint32_t i = 0; i < meter.repeats(); ++i) {
    for (Session& session : sessions) {
      session.deadline = now + timer_wait_min + Duration::us(static_cast<std::int64_t>(rng.below(timer_spread_us)));
    }
    meter.begin();
    meter.start();
    for (std::uint32_t index = 0; index < count; ++index) {
      wheel.arm(index, TimerKind::machine, sessions[index].deadline);
    }
    meter.stop();
    meter.end(std::string("wheel-arm-") + std::string(size), count);

    std::uint32_t fired = 0;
    meter.begin();
    while (wheel.count() > 0) {
      // No tick in which nothing comes up.
      now = later(now, wheel.next_due());
      meter.start();
      wheel.advance(now, advance_budget, deadline_of, [&](std::uint32_t, TimerKind) { ++fired; });
      meter.stop();
    }
    require(fired == count, "a timer did not fire");
    meter.end(std::string("wheel-fire-") + std::string(size), count);
  }
}

}  // namespace

void run_flow_find_1k(Meter& meter, const Scale&) { run_flow_find(meter, table_small, "flow-find-1k"); }
void run_flow_find_1m(Meter& meter, const Scale&) { run_flow_find(meter, table_large, "flow-find-1m"); }
void run_wheel_1k(Meter& meter, const Scale&) { run_wheel(meter, table_small, "1k"); }
void run_wheel_1m(Meter& meter, const Scale&) { run_wheel(meter, table_large, "1m"); }

}  // namespace penstock::bench
