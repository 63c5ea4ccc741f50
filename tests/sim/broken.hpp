// Broken: an invariant of the simulated world did not hold; its text is the sentence that is printed with the seed.
#pragma once

#include <stdexcept>
#include <string>

namespace penstock::sim {

class Broken : public std::runtime_error {
 public:
  explicit Broken(const std::string& sentence) : std::runtime_error(sentence) {}
};

inline void require(bool holds, const std::string& sentence) {
  if (!holds) throw Broken(sentence);
}

}  // namespace penstock::sim
