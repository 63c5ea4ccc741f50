// Segments: the datagrams of both machines taken apart, for comparing and for telling a human.
#pragma once

#include <fmt/core.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "diff/ledger.hpp"
#include "proto/kcp/wire.hpp"

namespace penstock::diff {

using Bytes = std::vector<std::uint8_t>;

struct SegmentView {
  kcp::Header header;
  std::span<const std::uint8_t> payload;
};

inline std::vector<SegmentView> take_apart(std::span<const std::uint8_t> datagram) {
  std::vector<SegmentView> segments;
  kcp::SegmentReader reader(datagram);
  while (reader.next()) {
    segments.push_back({reader.header(), datagram.subspan(reader.payload_offset(), reader.header().length)});
  }
  require(!reader.malformed(), "a machine sent a malformed datagram");
  return segments;
}

inline void put(Bytes& datagram, kcp::Header header, std::span<const std::uint8_t> payload = {}) {
  header.length = static_cast<std::uint32_t>(payload.size());
  const std::size_t start = datagram.size();
  datagram.resize(start + kcp::header_bytes + payload.size());
  kcp::encode(header, datagram.data() + start);
  for (std::size_t i = 0; i < payload.size(); ++i) datagram[start + kcp::header_bytes + i] = payload[i];
}

inline std::string tell(const kcp::Header& header) {
  return fmt::format("cmd {} frg {} wnd {} ts {} sn {} una {} len {}", static_cast<unsigned>(header.command),
                     header.fragment, header.window, header.stamp.raw(), header.sn.raw(), header.una.raw(),
                     header.length);
}

inline std::string tell(const std::vector<Bytes>& datagrams) {
  std::string text;
  for (const Bytes& datagram : datagrams) {
    text += "\n  datagram";
    for (const SegmentView& segment : take_apart(datagram)) text += "\n    " + tell(segment.header);
  }
  return text;
}

}  // namespace penstock::diff
