// Source: one penstock as it is watched: connected when asked, connected again when it went. One thread.
#pragma once

#include <chrono>
#include <expected>
#include <optional>

#include "top/collector.hpp"
#include "top/connection.hpp"
#include "top/instances.hpp"

namespace penstock::top {

class Source {
 public:
  // Longer than penstock lets a command wait for its worker.
  static constexpr std::chrono::milliseconds patience{1000};

  explicit Source(Instance instance) : instance_(std::move(instance)) {}

  // A sample, or why there is none; the next call tries again, with a new connection.
  std::expected<Sample, Fault> take(const Wish& wish);
  // Gives the place at the socket back.
  void let_go() { connection_.reset(); }
  const Instance& instance() const { return instance_; }

 private:
  std::expected<Sample, Fault> try_take(const Wish& wish);

  Instance instance_;
  std::optional<Connection> connection_;
};

// Those of `found` that a penstock listens at, or that do not tell (no permission, no place): what is left is of processes
// that ended, or of other programs.
std::vector<Instance> penstocks_among(std::span<const Instance> found);

}  // namespace penstock::top
