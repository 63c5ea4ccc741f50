// Strangers: hosts that nobody configured, off the path of the conversations. They send frames that are wrong in one chosen
// point each, begin conversations that they never prove, and repeat what they heard from an address of their own.
//
// One row of the table in strangers.cpp for each drop reason that a frame from outside can have.
#pragma once

#include <cstdint>
#include <vector>

#include "base/rng.hpp"
#include "base/time.hpp"
#include "sim/book.hpp"
#include "sim/frames.hpp"
#include "sim/plan.hpp"

namespace penstock::sim {

class Strangers {
 public:
  Strangers(const Plan& plan, Book& book);

  Instant next_deadline() const { return left_ == 0 ? Instant::never() : next_; }
  // The frames of one act, none when it is not time yet.
  std::vector<Bytes> act(Instant now);
  // Datagrams that would open sessions, from `count` ports: for a flood of host 0.
  std::vector<Bytes> flood(std::uint32_t count);

 private:
  const Plan& plan_;
  Book& book_;
  Rng rng_;
  std::uint32_t left_;
  Instant next_;
};

}  // namespace penstock::sim
