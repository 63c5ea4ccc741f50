// DropReason: why a frame or datagram was dropped, and DropCounters, one count for each.
//
// A worker owns one DropCounters and hands it to every room on its path; only its core writes it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace penstock::net {

enum class DropReason : std::uint8_t {
#define DROP(name, room, text) name,
#include "net/drop_reason.def"
#undef DROP
};

inline constexpr std::array drop_reason_names = {
#define DROP(name, room, text) std::string_view{#name},
#include "net/drop_reason.def"
#undef DROP
};
inline constexpr std::array drop_reason_texts = {
#define DROP(name, room, text) std::string_view{text},
#include "net/drop_reason.def"
#undef DROP
};
inline constexpr std::size_t drop_reason_count = drop_reason_names.size();

constexpr std::string_view name_of(DropReason reason) { return drop_reason_names[static_cast<std::size_t>(reason)]; }

class DropCounters {
 public:
  void count(DropReason reason, std::uint64_t times = 1) { counts_[static_cast<std::size_t>(reason)] += times; }
  std::uint64_t of(DropReason reason) const { return counts_[static_cast<std::size_t>(reason)]; }
  std::uint64_t total() const {
    std::uint64_t sum = 0;
    for (const std::uint64_t n : counts_) sum += n;
    return sum;
  }

 private:
  std::array<std::uint64_t, drop_reason_count> counts_{};
};

}  // namespace penstock::net
