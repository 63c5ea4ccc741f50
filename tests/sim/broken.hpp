// Broken: an invariant of the simulated world did not hold; its text is the sentence that is printed with the seed.
#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <utility>

namespace penstock::sim {

class Broken : public std::runtime_error {
 public:
  explicit Broken(const std::string& sentence) : std::runtime_error(sentence) {}
};

// The sentence is written only when it is needed: worlds ask this a million times for each that breaks.
template <typename... Args>
void require(bool holds, fmt::format_string<Args...> sentence, Args&&... args) {
  if (!holds) throw Broken(fmt::format(sentence, std::forward<Args>(args)...));
}

}  // namespace penstock::sim
