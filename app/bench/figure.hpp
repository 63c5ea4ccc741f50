// Figure: one number with its unit, its target and whether it was met; and how the readings of parts become figures.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bench/counting.hpp"
#include "bench/part.hpp"

namespace penstock::bench {

// What a part's two runs brought. Either may be empty: not asked for.
struct Result {
  const Part* part = nullptr;
  std::vector<Reading> timed;
  std::vector<CountedReading> counted;
};

struct Target {
  double limit = 0;
  bool at_most = true;  // else at least
  bool met_by(double value) const { return at_most ? value <= limit : value >= limit; }
};

struct Figure {
  std::string id = {};    // of the target, "T3"; empty for a part that has none
  std::string name = {};  // of the reading
  std::string what = {};
  double value = 0;
  std::string unit = {};
  std::optional<Target> target = {};
  std::optional<double> port = {};    // instructions of the memory port, which are not in the value
  std::optional<double> ns = {};      // a unit by the clock, the median of the readings, the port included
  std::optional<double> spread = {};  // of those readings: (slowest − fastest) / median
  // A rival measured in the same run, in the same unit.
  std::string rival = {};
  std::optional<double> rival_value = {};
};

// The names of targets that parts belong to, and the parts of one: "T3" → echo-piggy, echo-apart. Empty when unknown.
std::span<const std::string_view> target_ids();
std::vector<const Part*> parts_of(std::string_view id);

// The one figure that two parts make together.
inline constexpr std::string_view flatness_name = "kcp-trickle-flat";

// Figures in the order of their readings; a rival's value stands beside ours when both were measured in the same unit.
std::vector<Figure> figures_of(std::span<const Result> results);

// One line for people, one of JSON.
std::string text_of(const Figure& figure);
std::string json_of(const Figure& figure);

// The functions of a reading that make up at least `share` of it, per unit of work.
std::string functions_of(const CountedReading& reading, double share);
// The stages of the server path in an echo's reading, per unit of work.
std::string stages_of(const CountedReading& reading);

}  // namespace penstock::bench
