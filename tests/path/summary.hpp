// Summary: what several seeds of one trial came to, as a line for people or of JSON.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "path/trial.hpp"

namespace penstock::path {

class Summary {
 public:
  // `trial` with the first seed; outcomes are of trials that differ by nothing but their seed and phase.
  explicit Summary(const Trial& trial) : trial_(trial) {}
  void add(const Outcome& outcome);

  // Mbit/s of payload: the mean of all seeds, the least, the most.
  double goodput() const { return goodput_sum_ / seeds_; }
  // Of what the link's rate can carry of payload; nothing without a rate.
  std::optional<double> link_share() const;
  // Bytes sent again for each byte lost; nothing when none was lost.
  std::optional<double> resent_per_lost() const;
  // Bytes sent again for each byte sent for the first time.
  double resent_share() const;
  // Of the copies sent again, the part that came after an earlier one had come across.
  double spurious_share() const;
  // The delay that `per_mille` of all messages kept below, in round trips.
  double delay_rtt(std::uint32_t per_mille);

  std::string text();
  std::string json();

 private:
  Trial trial_;
  double seeds_ = 0;
  double goodput_sum_ = 0;
  double goodput_least_ = 0;
  double goodput_most_ = 0;
  Copies first_, resent_, lost_, spurious_;
  std::uint64_t queue_refused_ = 0;
  std::uint64_t queue_bytes_most_ = 0;
  std::vector<std::int64_t> delays_us_;
  std::vector<Sample> samples_;  // of the first seed
};

}  // namespace penstock::path
