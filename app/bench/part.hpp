// Part: one thing that the bench measures in isolation, without NIC and EAL, and the list of all of them.
//
// A part prepares, then takes readings with a Meter, and knows nothing of how they are taken or judged. The same function
// runs by the clock and, in a process of its own, under callgrind.
#pragma once

#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

#include "bench/meter.hpp"

namespace penstock::bench {

struct Scale {
  bool quick = false;               // what a test has time for: fewer sessions, the same work for each
  std::uint32_t idle_sessions = 0;  // of the part `idle`; 0: its own number
};

struct Part {
  std::string_view name;
  std::string_view what;
  std::string_view unit;  // what a reading's units are
  void (*run)(Meter& meter, const Scale& scale);
};

// Something measured did not do its work: a wrong byte, a missing reply. There is no figure then.
struct BenchError : std::runtime_error {
  using std::runtime_error::runtime_error;
};
inline void require(bool holds, const char* sentence) {
  if (!holds) throw BenchError(sentence);
}

std::span<const Part> all_parts();
// nullptr when there is none of this name.
const Part* find_part(std::string_view name);
// What the rival of a part, or of one of its readings, is called; empty when it has none. ikcp is measured at the work of
// our KCP machine, rte_hash at that of the flow table, rte_timer at that of the wheel.
std::string rival_of(std::string_view name);

// The parts, a file each.
void run_echo_piggy(Meter& meter, const Scale& scale);
void run_echo_apart(Meter& meter, const Scale& scale);
void run_kcp_batch_1376(Meter& meter, const Scale& scale);
void run_kcp_batch_64(Meter& meter, const Scale& scale);
void run_kcp_trickle_1024(Meter& meter, const Scale& scale);
void run_kcp_trickle_32(Meter& meter, const Scale& scale);
void run_kcp_echo(Meter& meter, const Scale& scale);
void run_kcp_echo_100k(Meter& meter, const Scale& scale);
void run_parse4(Meter& meter, const Scale& scale);
void run_parse6(Meter& meter, const Scale& scale);
void run_build4(Meter& meter, const Scale& scale);
void run_build6(Meter& meter, const Scale& scale);
void run_flow_find_1k(Meter& meter, const Scale& scale);
void run_flow_find_1m(Meter& meter, const Scale& scale);
void run_wheel_1k(Meter& meter, const Scale& scale);
void run_wheel_1m(Meter& meter, const Scale& scale);
void run_idle(Meter& meter, const Scale& scale);

}  // namespace penstock::bench
