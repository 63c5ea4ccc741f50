// Coverage: how often each fault, drop reason, cause of a retransmission and close reason occurred, over any number of
// worlds; and which of them must occur at least once when enough worlds ran.
//
// Plain values, so that a child process hands its share over as bytes. What cannot occur in the simulator is one table in
// coverage.cpp, each row with its reason.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "engine/stats.hpp"
#include "net/drop_reason.hpp"
#include "proto/protocol.hpp"
#include "sim/repeats.hpp"

namespace penstock::sim {

enum class Fault : std::uint8_t {
#define FAULT(name, text) name,
#include "sim/coverage.def"
#undef FAULT
};
inline constexpr std::array fault_names = {
#define FAULT(name, text) std::string_view{#name},
#include "sim/coverage.def"
#undef FAULT
};

// What the machines and workers did about it.
enum class Cause : std::uint8_t {
  retransmitted_timeout,
  retransmitted_fast,
  retransmitted_spare,
  retransmitted_spurious,
  probe,
  window_update,
  challenge,
  proof,
  stateless_challenge,
  half_open_held,
  half_open_expired,
  proof_ping,
  credit_wait,
  duplicate_segment,
  unmatched_ack,
  handed_over,
  stall_noticed,
  tx_no_block,
  linked_payload,
  life_probe,
  path_asked,
  roamed,
};
inline constexpr std::array cause_names = {std::string_view{"retransmitted_timeout"},
                                           std::string_view{"retransmitted_fast"},
                                           std::string_view{"retransmitted_spare"},
                                           std::string_view{"retransmitted_spurious"},
                                           std::string_view{"probe"},
                                           std::string_view{"window_update"},
                                           std::string_view{"challenge"},
                                           std::string_view{"proof"},
                                           std::string_view{"stateless_challenge"},
                                           std::string_view{"half_open_held"},
                                           std::string_view{"half_open_expired"},
                                           std::string_view{"proof_ping"},
                                           std::string_view{"credit_wait"},
                                           std::string_view{"duplicate_segment"},
                                           std::string_view{"unmatched_ack"},
                                           std::string_view{"handed_over"},
                                           std::string_view{"stall_noticed"},
                                           std::string_view{"tx_no_block"},
                                           std::string_view{"linked_payload"},
                                           std::string_view{"life_probe"},
                                           std::string_view{"path_asked"},
                                           std::string_view{"roamed"}};

struct Coverage {
  std::array<std::uint64_t, fault_names.size()> faults{};
  std::array<std::uint64_t, cause_names.size()> causes{};
  std::array<std::uint64_t, net::drop_reason_count> drops{};
  std::array<std::uint64_t, close_reason_count> closes{};
  std::uint64_t worlds = 0;
  std::uint64_t dry_worlds = 0;      // … with pools that run dry
  std::uint64_t conversations = 0;   // begun by clients
  std::uint64_t completed = 0;       // … of which every byte was verified and the session closed in good order
  std::uint64_t datagrams = 0;       // UDP datagrams that ports gave to links
  std::uint64_t bytes_verified = 0;  // payload that an application compared with what it had to be
  std::uint64_t virtual_us = 0;
  std::array<RepeatCounts, 2> repeats;  // by ikcp's law, by time
  std::uint64_t trace_hash = 0;         // of the last world, or of all: each added to the others

  void count(Fault fault, std::uint64_t times = 1) { faults[static_cast<std::size_t>(fault)] += times; }
  void count(Cause cause, std::uint64_t times = 1) { causes[static_cast<std::size_t>(cause)] += times; }
  // Takes over what a worker counted in its life.
  void add(const StatsSnapshot& worker);
  void add(const Coverage& other);
  // The table for a human.
  std::string report() const;
  // What must occur and did not; empty when the coverage is whole.
  std::vector<std::string> missing() const;
};
static_assert(std::is_trivially_copyable_v<Coverage>);

}  // namespace penstock::sim
