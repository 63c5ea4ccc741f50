#include "runtime/herald.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace penstock::runtime {

namespace {

std::string counted(std::uint64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::string status_of(const Tidings& tidings) {
  std::string status = fmt::format("STATUS={}: {}, {}", tidings.ending ? "stopping" : "serving",
                                   counted(tidings.sessions, "session"), counted(tidings.turns.size(), "worker"));
  if (tidings.links_down > 0) status += fmt::format(", {} down", counted(tidings.links_down, "link"));
  return status;
}

}  // namespace

bool Herald::due(Instant now, bool ending) const {
  if (ending && !told_.stopping) return true;
  if (!told_.ready) return !ending;
  return now - told_.status_at >= status_interval || feed_due(now);
}

bool Herald::ready(const Tidings& tidings) const {
  return tidings.links_settled && std::ranges::all_of(tidings.turns, [](std::uint64_t turns) { return turns > 0; });
}

bool Herald::all_turned(const Tidings& tidings) const {
  return std::ranges::equal(tidings.turns, told_.turns, std::ranges::greater());
}

std::string Herald::lines(Instant now, const Tidings& tidings) {
  telling_ = told_;
  std::string lines;
  const auto add = [&lines](const std::string& line) { lines += (lines.empty() ? "" : "\n") + line; };
  const auto fed = [&] {
    telling_.fed_at = now;
    telling_.turns.assign(tidings.turns.begin(), tidings.turns.end());
  };
  if (tidings.ending && !told_.stopping) {
    add("STOPPING=1");
    // The manager's own patience may be shorter than what the configuration lets sessions have.
    add(fmt::format("EXTEND_TIMEOUT_USEC={}", (drain_time_ + stop_time).count_us()));
    telling_.stopping = true;
  } else if (!tidings.ending && !told_.ready) {
    if (!ready(tidings)) return "";
    add("READY=1");
    telling_.ready = true;
    fed();  // The manager's watch begins with this.
  } else if (feed_due(now) && all_turned(tidings)) {
    add("WATCHDOG=1");
    fed();
  }
  if (!lines.empty() || now - told_.status_at >= status_interval) {
    add(status_of(tidings));
    telling_.status_at = now;
  }
  return lines;
}

std::vector<std::size_t> Herald::stuck(Instant now, const Tidings& tidings) const {
  std::vector<std::size_t> found;
  if (!told_.ready || now - told_.fed_at < watchdog_ / 4 * 3) return found;
  for (std::size_t i = 0; i < told_.turns.size(); ++i) {
    if (tidings.turns[i] <= told_.turns[i]) found.push_back(i);
  }
  return found;
}

}  // namespace penstock::runtime
