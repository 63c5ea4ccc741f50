// Strangers: hosts that nobody configured, off the path of the conversations. They send frames that are wrong in one chosen
// point each, begin conversations that they never prove, speak in the name of clients whose conversations they know, and set
// hosts on each other.
//
// One row of the table in strangers.cpp for each drop reason that a frame from outside can have, and for each attack of one
// who sees nothing of what is on the way. Rows that no host may answer are sent by strangers who say nothing else.
#pragma once

#include <cstdint>
#include <vector>

#include "base/rng.hpp"
#include "base/time.hpp"
#include "sim/book.hpp"
#include "sim/conduct.hpp"
#include "sim/frames.hpp"
#include "sim/plan.hpp"

namespace penstock::sim {

class Strangers {
 public:
  Strangers(const Plan& plan, Book& book, Conduct& conduct);

  Instant next_deadline() const { return left_ == 0 ? Instant::never() : next_; }
  // The frames of one act, none when it is not time yet.
  std::vector<Bytes> act(Instant now);
  // Datagrams that would open sessions at a host, from `count` ports.
  std::vector<Bytes> flood(std::uint32_t host, std::uint32_t count);

 private:
  const Plan& plan_;
  Book& book_;
  Conduct& conduct_;
  Rng rng_;
  std::uint32_t left_;
  Instant next_;
};

}  // namespace penstock::sim
