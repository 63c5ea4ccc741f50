// Picker: which of the active sessions is next: in turn, evenly by chance, or by Zipf's law.
//
// The active sessions are spread evenly over all, so that a hundredth of ten million is cold all over. One core; no memory.
#pragma once

#include <cstdint>

#include "base/rng.hpp"
#include "load/run_plan.hpp"

namespace penstock::load {

// Ranks 0 … count − 1, the k-th drawn with a probability in proportion to 1 / (k + 1)^s: rejection from the integral's
// inverse (Hörmann and Derflinger, "Rejection-inversion to generate variates from monotone discrete distributions", 1996),
// so it needs no table.
class Zipf {
 public:
  Zipf(std::uint32_t count, std::uint32_t exponent_permille);
  std::uint32_t draw(Rng& rng) const;

 private:
  double integral(double x) const;
  double inverse(double y) const;
  double weight(double x) const;

  double count_;
  double exponent_;
  double first_;  // the integral at the left end of what is drawn from …
  double last_;   // … and at the right end
  double sure_;   // a draw this near to its rank needs no further look
};

class Picker {
 public:
  Picker(const RunPlan& plan, Rng rng);
  std::uint32_t next();
  // The session of an active one's rank.
  std::uint32_t session_of(std::uint32_t rank) const { return rank * stride_; }
  std::uint32_t active() const { return active_; }

 private:
  Pick pick_;
  std::uint32_t active_;
  std::uint32_t stride_;
  std::uint32_t turn_ = 0;
  Zipf zipf_;
  Rng rng_;
};

}  // namespace penstock::load
