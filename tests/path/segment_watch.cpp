#include "path/segment_watch.hpp"

#include "proto/kcp/wire.hpp"

namespace penstock::path {

namespace {

constexpr std::size_t ethernet = 14, ip6 = 40, udp = 8;
constexpr std::uint8_t protocol_udp = 17;

// The UDP payload, empty when there is none.
std::span<const std::uint8_t> payload_of(std::span<const std::uint8_t> frame) {
  if (frame.size() < ethernet + 20 + udp) return {};
  const unsigned type = frame[12] << 8u | frame[13];
  std::size_t at = ethernet;
  if (type == 0x0800) {
    if (frame[ethernet + 9] != protocol_udp) return {};
    at += (frame[ethernet] & 0x0fu) * std::size_t{4};
  } else if (type == 0x86dd && frame.size() >= ethernet + ip6 + udp) {
    if (frame[ethernet + 6] != protocol_udp) return {};
    at += ip6;
  } else {
    return {};
  }
  if (frame.size() < at + udp) return {};
  const std::size_t length = static_cast<std::size_t>(frame[at + 4] << 8u | frame[at + 5]);
  if (length < udp || at + length > frame.size()) return {};
  return frame.subspan(at + udp, length - udp);
}

}  // namespace

void SegmentWatch::on_fate(std::span<const std::uint8_t> frame, bool lost, Instant) {
  kcp::SegmentReader reader(payload_of(frame));
  while (reader.next()) {
    const kcp::Header header = reader.header();
    if (header.command != kcp::Command::push || header.length == 0) continue;
    const bool is_first = seen_[header.conv].insert(header.sn.raw()).second;
    (is_first ? first_ : resent_).add(header.length);
    if (lost) lost_.add(header.length);
  }
}

}  // namespace penstock::path
