// Refusal: why the KCP machine refused a datagram; a value that the engine counts, never an error of ours.
//
// too_short … una_ahead and bad_fragment refuse the datagram whole: nothing of it is applied. beyond_window, no_memory and
// `closed` while closing refuse its data only: what it acknowledges was applied. The rows are in refusal.def.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace penstock::kcp {

enum class Refusal : std::uint8_t {
#define REFUSAL(name) name,
#include "proto/kcp/refusal.def"
#undef REFUSAL
};
inline constexpr std::array refusal_names = {
#define REFUSAL(name) std::string_view{#name},
#include "proto/kcp/refusal.def"
#undef REFUSAL
};
inline constexpr std::size_t refusal_count = refusal_names.size();
constexpr std::string_view name_of(Refusal refusal) { return refusal_names[static_cast<std::size_t>(refusal)]; }

}  // namespace penstock::kcp
