// Sample: what a penstock told at one moment: all that the screens and batches are made from.
//
// Plain data. Counts are since penstock's start; what changes per second comes from two samples (rates.hpp). A part that
// was not asked for, or that an older penstock cannot tell, is empty.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "top/counters.hpp"

namespace penstock::top {

// What the sessions at the top are ordered by; the names are those of /penstock/top.
enum class By : std::uint8_t { rate, rtt, retransmission };
inline constexpr const char* by_names[] = {"rate", "rtt", "retransmission"};

struct HistogramSample {
  std::uint32_t worker = 0;
  std::string name = {};
  Counters totals = {};  // count, sum, max and percentiles since start
  std::vector<std::uint64_t> upper = {};
  std::vector<std::uint64_t> counts = {};  // as many
};

// One session of the top, or the one that is looked into.
struct SessionSample {
  std::uint32_t worker = 0;
  Counters fields;
  std::string remote;  // empty unless addresses were asked for
  std::string local;
};

// How the workers found the sessions at the top.
struct Survey {
  bool known = true;            // this penstock has sessions at the top to tell of
  bool busy = false;            // a worker did not answer in time
  bool ready = false;           // all workers have looked at their sessions once
  std::uint64_t looked_at = 0;  // sessions, all workers together
  std::uint64_t took_us = 0;    // the longest round of a worker
  std::uint64_t age_us = 0;     // since the oldest of them ended
};

struct ListenerSample {
  std::string name;
  Counters counters;
};

struct PortSample {
  std::string name;
  std::string driver;
  Counters counters;
};

struct Sample {
  std::chrono::steady_clock::time_point taken{};
  std::int64_t wall_us = 0;  // of the clock on the wall, for records
  std::string version;       // of penstock
  std::string dpdk;
  std::string config_file;
  std::uint64_t process_id = 0;
  std::uint64_t sessions = 0;
  std::uint64_t sessions_max = 0;
  std::vector<PortSample> ports;
  std::vector<std::string> addresses;  // its own
  std::vector<Counters> workers;       // by number
  std::vector<ListenerSample> listeners;
  Counters drops;
  Survey survey;
  std::vector<SessionSample> sessions_top;
  std::optional<SessionSample> session;     // the one that was asked for, if it is still there
  std::vector<HistogramSample> histograms;  // of the workers that were asked for
};

}  // namespace penstock::top
