// The DPDK parts: rte_hash and rte_timer at the work of table_parts.cpp, over an EAL without hugepages and devices.
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_hash.h>
#include <rte_hash_crc.h>
#include <rte_lcore.h>
#include <rte_timer.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "base/rng.hpp"
#include "bench/rivals/rival_parts.hpp"
#include "bench/table_keys.hpp"

namespace penstock::bench {

namespace {

// Once a process; EAL goes with it.
void start_eal() {
  static const bool started = [] {
    std::array words = {std::string("penstock-bench"),
                        std::string("--no-pci"),
                        std::string("--no-huge"),
                        std::string("--no-shconf"),
                        std::string("--no-telemetry"),
                        std::string("-m"),
                        std::string("1024"),
                        std::string("--log-level=error"),
                        "--file-prefix=penstock-bench-" + std::to_string(getpid())};
    std::vector<char*> pointers;
    for (std::string& word : words) pointers.push_back(word.data());
    return rte_eal_init(static_cast<int>(pointers.size()), pointers.data()) >= 0;
  }();
  require(started, "EAL did not start");
}

// What tells flows apart, as a DPDK application would lay it out: no padding, hashed and compared byte for byte.
struct HashKey {
  std::uint32_t local = 0;
  std::uint32_t remote = 0;
  std::uint16_t local_port = 0;
  std::uint16_t remote_port = 0;
  std::uint32_t conv = 0;
};
static_assert(sizeof(HashKey) == 16);

HashKey key_of(std::uint32_t flow) {
  const net::Path path = path_of(flow);
  return {.local = std::bit_cast<std::uint32_t>(path.local.address.v4_bytes()),
          .remote = std::bit_cast<std::uint32_t>(path.remote.address.v4_bytes()),
          .local_port = path.local.port,
          .remote_port = path.remote.port,
          .conv = conv_of(flow)};
}

void run_hash(Meter& meter, std::uint32_t count, std::string_view label) {
  start_eal();
  rte_hash_parameters parameters{};
  parameters.name = "bench";
  // Buckets of eight that are let to fill up displace one another; half full is what rte_hash is at its best with.
  parameters.entries = 2 * count;
  parameters.key_len = sizeof(HashKey);
  parameters.hash_func = rte_hash_crc;
  rte_hash* table = rte_hash_create(&parameters);
  require(table != nullptr, "rte_hash_create() failed");
  for (std::uint32_t i = 0; i < count; ++i) {
    const HashKey key = key_of(i);
    require(rte_hash_add_key(table, &key) >= 0, "rte_hash found no room");
  }
  Rng rng(1);
  std::array<HashKey, find_burst> keys;
  std::array<const void*, find_burst> pointers;
  std::array<std::int32_t, find_burst> places;
  for (std::uint32_t i = 0; i < find_burst; ++i) pointers[i] = &keys[i];
  for (std::uint32_t i = 0; i < meter.repeats(); ++i) {
    std::uint32_t right = 0;
    meter.begin();
    for (std::uint32_t k = 0; k < find_rounds; ++k) {
      for (HashKey& key : keys) key = key_of(static_cast<std::uint32_t>(rng.below(count)));
      meter.start();
      rte_hash_lookup_bulk(table, pointers.data(), find_burst, places.data());
      meter.stop();
      for (const std::int32_t place : places) right += place >= 0;
    }
    require(right == find_burst * find_rounds, "rte_hash lost a key");
    meter.end(label, right);
  }
  rte_hash_free(table);
}

void count_fired(rte_timer*, void* fired) { ++*static_cast<std::uint32_t*>(fired); }

// Its clock is the real one, so it waits until all have run out and fires them at once.
void run_timer(Meter& meter, std::uint32_t count, std::string_view size) {
  start_eal();
  require(rte_timer_subsystem_init() == 0, "rte_timer did not start");
  std::vector<rte_timer> timers(count);
  for (rte_timer& timer : timers) rte_timer_init(&timer);
  const std::uint64_t ticks_per_us = rte_get_timer_hz() / 1'000'000;
  // Under callgrind arming takes long, and none may run out before all are armed.
  const auto wait_us = static_cast<std::uint64_t>(timer_wait_min.count_us()) * (meter.counting() ? 30 : 3);
  std::vector<std::uint64_t> waits(count);
  Rng rng(1);
  for (std::uint32_t i = 0; i < meter.repeats(); ++i) {
    std::uint32_t fired = 0;
    for (std::uint64_t& wait : waits) wait = (wait_us + rng.below(timer_spread_us)) * ticks_per_us;
    meter.begin();
    meter.start();
    for (std::uint32_t k = 0; k < count; ++k) {
      rte_timer_reset(&timers[k], waits[k], SINGLE, rte_lcore_id(), count_fired, &fired);
    }
    meter.stop();
    meter.end(std::string("rte-timer-arm-") + std::string(size), count);
    // EAL rounds the counter's rate, so its second may be a little longer than ours.
    std::this_thread::sleep_for(std::chrono::microseconds((wait_us + timer_spread_us) * 21 / 20));
    meter.begin();
    meter.start();
    rte_timer_manage();
    meter.stop();
    require(fired == count, "an rte_timer did not fire");
    meter.end(std::string("rte-timer-fire-") + std::string(size), count);
  }
}

}  // namespace

void run_rte_hash_1k(Meter& meter, const Scale&) { run_hash(meter, table_small, "rte-hash-1k"); }
void run_rte_hash_1m(Meter& meter, const Scale&) { run_hash(meter, table_large, "rte-hash-1m"); }
void run_rte_timer_1k(Meter& meter, const Scale&) { run_timer(meter, table_small, "1k"); }
void run_rte_timer_1m(Meter& meter, const Scale&) { run_timer(meter, table_large, "1m"); }

}  // namespace penstock::bench
