#include "top/number_text.hpp"

#include <fmt/format.h>

#include <array>
#include <cmath>

namespace penstock::top {

namespace {

constexpr std::array units = {"", "k", "M", "G", "T", "P", "E", "Z"};

// Three digits that mean something, and a unit of thousands.
std::string scaled(double value) {
  std::size_t unit = 0;
  // What would be written as "1000" belongs to the next unit.
  while (value >= 999.5 && unit + 1 < units.size()) {
    value /= 1000;
    ++unit;
  }
  const int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  return fmt::format("{:.{}f}{}", value, decimals, units[unit]);
}

}  // namespace

std::string count_text(std::uint64_t value) {
  constexpr std::uint64_t written_out = 100'000;
  return value < written_out ? fmt::format("{}", value) : scaled(static_cast<double>(value));
}

std::string count_text(std::optional<std::uint64_t> value) { return value ? count_text(*value) : "-"; }

std::string rate_text(std::optional<double> value) {
  if (!value || !std::isfinite(*value) || *value < 0) return "-";
  return *value < 0.005 ? "0" : scaled(*value);
}

std::string time_text(std::uint64_t us) {
  constexpr std::uint64_t second = 1'000'000;
  constexpr std::uint64_t minute = 60 * second, hour = 60 * minute, day = 24 * hour;
  if (us == 0) return "0";
  if (us < 1000) return fmt::format("{}us", us);
  if (us < 999'500) return fmt::format("{}ms", scaled(static_cast<double>(us) / 1e3));
  if (us < minute) return fmt::format("{}s", scaled(static_cast<double>(us) / 1e6));
  if (us < hour) return fmt::format("{}m{:02}s", us / minute, us % minute / second);
  if (us < day) return fmt::format("{}h{:02}m", us / hour, us % hour / minute);
  return fmt::format("{}d{:02}h", us / day, us % day / hour);
}

}  // namespace penstock::top
