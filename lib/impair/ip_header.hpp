// IpHeader: where the IP packet of a frame lies, how long it says it is, and its ECN field (RFC 3168).
//
// The little that an impairment has to know of a frame; the stack has a reader of its own, which is strict. Frames are as
// they come: what is cut short or no IP has no header here, and that is all. Pure; callable from any core.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace penstock::impair {

enum class Ecn : std::uint8_t { not_ect = 0, ect1 = 1, ect0 = 2, ce = 3 };

struct IpHeader {
  std::uint32_t at = 0;     // where it begins in the frame
  std::uint32_t bytes = 0;  // of the whole packet, by its own word; padding of the frame does not count
  bool is_v4 = false;
  Ecn ecn = Ecn::not_ect;
};

// The IP header of a frame with up to two tags, when at least its fixed part is there.
std::optional<IpHeader> ip_header_of(std::span<const std::uint8_t> frame);
// Sets the ECN field to CE. An IPv4 header's checksum stays right, or stays wrong (RFC 1624).
void mark_ce(std::span<std::uint8_t> frame, const IpHeader& header);

}  // namespace penstock::impair
