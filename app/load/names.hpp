// Names: what the command line and the reports call shapes, picks and floods.
#pragma once

#include <array>
#include <string_view>

#include "load/run_plan.hpp"

namespace penstock::load {

// In the order of ShapeKind.
inline constexpr std::array<std::string_view, 9> shape_names = {"closed",  "open",       "bulk", "idle", "churn",
                                                                "connect", "disconnect", "slow", "burst"};
// In the order of Pick.
inline constexpr std::array<std::string_view, 4> pick_names = {"same", "round-robin", "uniform", "zipf"};

// In the order of FloodKind.
inline constexpr std::array<std::string_view, 5> flood_names = {"none", "invalid", "unknown", "unproven", "newcomers"};

constexpr std::string_view name_of(ShapeKind shape) { return shape_names[static_cast<std::size_t>(shape)]; }
constexpr std::string_view name_of(Pick pick) { return pick_names[static_cast<std::size_t>(pick)]; }
constexpr std::string_view name_of(FloodKind kind) { return flood_names[static_cast<std::size_t>(kind)]; }

}  // namespace penstock::load
