// Ledger: how often each divergence from ikcp occurred, and the error that everything else is.
//
// divergence.def lists what may differ; docs/divergences.md tells why. A level counts what it met; report() is for humans,
// missing() for the suite: a row that nothing in a whole run shows is a failure. Plain values, one thread.
#pragma once

#include <array>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::diff {

enum class Divergence : std::uint8_t {
#define DIVERGENCE(name, text) name,
#include "diff/divergence.def"
#undef DIVERGENCE
};
inline constexpr std::array divergence_names = {
#define DIVERGENCE(name, text) std::string_view{#name},
#include "diff/divergence.def"
#undef DIVERGENCE
};
inline constexpr std::array divergence_texts = {
#define DIVERGENCE(name, text) std::string_view{text},
#include "diff/divergence.def"
#undef DIVERGENCE
};

class Ledger {
 public:
  void count(Divergence divergence, std::uint64_t times = 1) { counts_[static_cast<std::size_t>(divergence)] += times; }
  std::uint64_t of(Divergence divergence) const { return counts_[static_cast<std::size_t>(divergence)]; }
  std::string report() const;
  std::vector<std::string_view> missing() const;

 private:
  std::array<std::uint64_t, divergence_names.size()> counts_{};
};

// The two machines differ where no row of the ledger lets them, or a test could not be carried out.
class Broken : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

inline void require(bool holds, const std::string& sentence) {
  if (!holds) throw Broken(sentence);
}

}  // namespace penstock::diff
