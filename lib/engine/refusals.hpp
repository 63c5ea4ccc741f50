// drop_reason_of(): the row of drop_reason.def under which a datagram that a KCP machine refuses is counted.
#pragma once

#include "net/drop_reason.hpp"
#include "proto/kcp/refusal.hpp"

namespace penstock {

static_assert(static_cast<int>(net::DropReason::kcp_closed) - static_cast<int>(net::DropReason::kcp_too_short) ==
              static_cast<int>(kcp::Refusal::closed) - static_cast<int>(kcp::Refusal::too_short));

// Requires a refusal, so not `none`.
constexpr net::DropReason drop_reason_of(kcp::Refusal refusal) {
  const int step = static_cast<int>(refusal) - static_cast<int>(kcp::Refusal::too_short);
  return static_cast<net::DropReason>(static_cast<int>(net::DropReason::kcp_too_short) + step);
}

}  // namespace penstock
