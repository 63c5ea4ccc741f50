// Collector: asks a penstock what a Sample is made of, as few questions as the wish allows.
//
// Knows the commands of docs/telemetry.md and nothing of sockets: `Ask` is Connection::ask() or a test's. One thread.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <string_view>

#include "top/fault.hpp"
#include "top/reply.hpp"
#include "top/sample.hpp"

namespace penstock::top {

// What is asked for besides the counters of workers, listeners and drops.
struct Wish {
  std::optional<By> sessions = {};               // the sessions at the top, by this
  std::optional<std::uint64_t> session = {};     // this one, by its id
  std::optional<std::uint32_t> histograms = {};  // those of this worker …
  bool all_histograms = false;                   // … or of every one
  bool addresses = false;                        // of peers as well
  bool operator==(const Wish&) const = default;
};

using Ask = std::function<std::expected<Reply, Fault>(std::string_view)>;

// Penstock has no more of either (engine/stats.hpp); what a reply claims beyond is not asked for.
inline constexpr std::uint64_t workers_max = 64;
inline constexpr std::uint64_t listeners_max = 64;
inline constexpr std::size_t ports_max = 16;
// Sessions at the top that are kept, of all workers together.
inline constexpr std::size_t sessions_top_max = 128;

// A fault of one part that the rest can do without (a worker that is busy, a session that is gone) leaves it empty.
std::expected<Sample, Fault> collect(const Ask& ask, const Wish& wish);

}  // namespace penstock::top
