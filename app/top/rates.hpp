// Rates: what changed between two samples of one penstock, per second.
//
// A worker's numbers are of one snapshot with its own time, so its rates are exact. What all workers count together
// (listeners, drops) is taken over the mean of the workers' times. No rate is known before the second sample, nor when a
// count went back, as after a restart. Refers to the samples; pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "top/sample.hpp"

namespace penstock::top {

class Rates {
 public:
  // `before` may be missing.
  Rates(const Sample& now, const Sample* before) : now_(now), before_(before) {}

  const Sample& now() const { return now_; }

  // A worker's counter, per second.
  std::optional<double> worker(std::size_t number, std::string_view name) const;
  // The share of busy cycles in the time between both samples, in percent.
  std::optional<double> busy_percent(std::size_t number) const;
  // A counter of all workers, per second; nothing when it is not known of one of them.
  std::optional<double> workers(std::string_view name) const;
  std::optional<double> drop(std::string_view reason) const;
  std::optional<double> listener(std::size_t number, std::string_view name) const;
  // How a field of the session that was asked for changed, per second.
  std::optional<double> session(std::string_view name) const;
  // The same histogram one sample ago, or nullptr.
  const HistogramSample* histogram_before(const HistogramSample& now) const;
  // Between both samples: by the mean of the workers' clocks, else by ours.
  std::optional<double> seconds() const;

 private:
  std::optional<double> worker_seconds(std::size_t number) const;

  const Sample& now_;
  const Sample* before_;
};

}  // namespace penstock::top
