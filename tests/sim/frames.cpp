#include "sim/frames.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>

namespace penstock::sim {

namespace {

constexpr std::size_t kcp_header = 24;

std::uint16_t get16(std::span<const std::uint8_t> b, std::size_t at) {
  return static_cast<std::uint16_t>(b[at] << 8 | b[at + 1]);
}
std::uint32_t get32_little(std::span<const std::uint8_t> b, std::size_t at) {
  return static_cast<std::uint32_t>(b[at]) | static_cast<std::uint32_t>(b[at + 1]) << 8 |
         static_cast<std::uint32_t>(b[at + 2]) << 16 | static_cast<std::uint32_t>(b[at + 3]) << 24;
}
void put32_little(Bytes& out, std::uint32_t v) {
  for (int i = 0; i < 4; ++i) out.push_back(static_cast<std::uint8_t>(v >> (8 * i)));
}
net::IpAddress address4(std::span<const std::uint8_t> b, std::size_t at) {
  return net::IpAddress::v4(b[at], b[at + 1], b[at + 2], b[at + 3]);
}
net::IpAddress address6(std::span<const std::uint8_t> b, std::size_t at) {
  std::array<std::uint8_t, 16> bytes{};
  std::copy_n(b.begin() + static_cast<std::ptrdiff_t>(at), 16, bytes.begin());
  return net::IpAddress::v6(bytes);
}
std::uint32_t sum16(std::span<const std::uint8_t> bytes, std::uint32_t sum) {
  std::uint64_t wide = sum;
  for (std::size_t i = 0; i < bytes.size(); i += 2) {
    wide += static_cast<std::uint32_t>(bytes[i] << 8) + (i + 1 < bytes.size() ? bytes[i + 1] : 0u);
  }
  while (wide >> 16 != 0) wide = (wide & 0xffff) + (wide >> 16);
  return static_cast<std::uint32_t>(wide);
}

}  // namespace

std::optional<UdpView> peek(std::span<const std::uint8_t> f) {
  std::size_t at = 12;
  while (f.size() >= at + 4 && (get16(f, at) == 0x8100 || get16(f, at) == 0x88a8)) at += 4;
  if (f.size() < at + 2 + 20) return std::nullopt;
  const std::uint16_t type = get16(f, at);
  const auto p = f.subspan(at + 2);
  UdpView view;
  std::size_t l4 = 0;
  if (type == 0x0800 && p[0] == 0x45 && p[9] == 17) {
    view.source.address = address4(p, 12);
    view.destination.address = address4(p, 16);
    l4 = 20;
  } else if (type == 0x86dd && p.size() >= 40 && p[6] == 17) {
    view.source.address = address6(p, 8);
    view.destination.address = address6(p, 24);
    l4 = 40;
  } else {
    return std::nullopt;
  }
  if (p.size() < l4 + 8) return std::nullopt;
  const std::uint16_t length = get16(p, l4 + 4);
  if (length < 8 || p.size() < l4 + length) return std::nullopt;
  view.source.port = get16(p, l4);
  view.destination.port = get16(p, l4 + 2);
  view.payload = p.subspan(l4 + 8, length - 8u);
  return view;
}

std::vector<SegmentView> segments_of(std::span<const std::uint8_t> b) {
  std::vector<SegmentView> made;
  for (std::size_t at = 0; b.size() - at >= kcp_header;) {
    const std::uint32_t length = get32_little(b, at + 20);
    if (length > b.size() - at - kcp_header) break;
    made.push_back({.conv = get32_little(b, at),
                    .command = b[at + 4],
                    .window = static_cast<std::uint16_t>(b[at + 6] | b[at + 7] << 8),
                    .stamp = get32_little(b, at + 8),
                    .sn = get32_little(b, at + 12),
                    .una = get32_little(b, at + 16),
                    .length = length});
    at += kcp_header + length;
  }
  return made;
}

std::optional<KcpView> peek_kcp(std::span<const std::uint8_t> b) {
  if (b.size() < kcp_header) return std::nullopt;
  KcpView view{.conv = get32_little(b, 0)};
  for (std::size_t at = 0; b.size() - at >= kcp_header;) {
    view.acknowledges = view.acknowledges || b[at + 4] == 82;
    const std::size_t length = get32_little(b, at + 20);
    if (length > b.size() - at - kcp_header) break;
    at += kcp_header + length;
  }
  return view;
}

namespace {

// ARP, neighbour discovery and whatever else is not UDP.
std::string describe_other(std::span<const std::uint8_t> f) {
  std::size_t at = 12;
  while (f.size() >= at + 4 && (get16(f, at) == 0x8100 || get16(f, at) == 0x88a8)) at += 4;
  const std::uint16_t type = f.size() >= at + 2 ? get16(f, at) : std::uint16_t{0};
  const auto p = f.subspan(std::min(f.size(), at + 2));
  if (type == 0x0806 && p.size() >= 28) {
    return fmt::format("arp {} {} asks for {}", p[7], to_string(address4(p, 14)), to_string(address4(p, 24)));
  }
  if (type == 0x86dd && p.size() >= 64 && p[6] == 58) {
    return fmt::format("icmp6 {} {} > {} target {}", p[40], to_string(address6(p, 8)), to_string(address6(p, 24)),
                       to_string(address6(p, 48)));
  }
  return fmt::format("{} B, type {:04x}", f.size(), type);
}

}  // namespace

std::string describe(std::span<const std::uint8_t> frame) {
  const auto view = peek(frame);
  if (!view) return describe_other(frame);
  std::string text = fmt::format("{} > {}", to_string(view->source), to_string(view->destination));
  const auto b = view->payload;
  for (std::size_t at = 0; b.size() - at >= kcp_header;) {
    static constexpr std::array names = {"push", "ack", "wask", "wins"};
    const std::uint8_t command = b[at + 4];
    const std::size_t length = get32_little(b, at + 20);
    text +=
        fmt::format(" [{:x} {} frg {} wnd {} ts {} sn {} una {} len {}]", get32_little(b, at),
                    command >= 81 && command <= 84 ? names[command - 81u] : "?", b[at + 5], b[at + 6] | b[at + 7] << 8,
                    get32_little(b, at + 8), get32_little(b, at + 12), get32_little(b, at + 16), length);
    if (length > b.size() - at - kcp_header) break;
    at += kcp_header + length;
  }
  return text;
}

void put16(Bytes& out, std::uint16_t value) {
  out.push_back(static_cast<std::uint8_t>(value >> 8));
  out.push_back(static_cast<std::uint8_t>(value));
}
void put32(Bytes& out, std::uint32_t value) {
  put16(out, static_cast<std::uint16_t>(value >> 16));
  put16(out, static_cast<std::uint16_t>(value));
}
void put_address(Bytes& out, const net::IpAddress& address) {
  if (address.is_v4()) append(out, address.v4_bytes());
  else append(out, address.bytes());
}
void append(Bytes& out, std::span<const std::uint8_t> more) { out.insert(out.end(), more.begin(), more.end()); }

void write_checksum(Bytes& packet, std::size_t first, std::size_t place, std::uint32_t sum) {
  packet[place] = 0;
  packet[place + 1] = 0;
  const std::uint32_t folded = ~sum16(std::span(packet).subspan(first), sum) & 0xffff;
  packet[place] = static_cast<std::uint8_t>(folded >> 8);
  packet[place + 1] = static_cast<std::uint8_t>(folded);
}

std::uint32_t pseudo_sum(const net::IpAddress& source, const net::IpAddress& destination, std::uint8_t protocol,
                         std::uint32_t length) {
  Bytes pseudo;
  put_address(pseudo, source);
  put_address(pseudo, destination);
  put32(pseudo, length);
  put32(pseudo, protocol);
  return sum16(pseudo, 0);
}

Bytes ethernet(const net::MacAddress& destination, const net::MacAddress& source, const net::TagStack& tags,
               std::uint16_t type, std::span<const std::uint8_t> payload) {
  Bytes out;
  append(out, destination.bytes);
  append(out, source.bytes);
  for (std::uint16_t i = 0; i < tags.count; ++i) {
    put16(out, tags.count == 2 && i == 0 ? 0x88a8 : 0x8100);
    put16(out, tags.vlan[i]);
  }
  put16(out, type);
  append(out, payload);
  return out;
}

Bytes ip(const net::IpAddress& source, const net::IpAddress& destination, std::uint8_t protocol,
         std::span<const std::uint8_t> payload, std::uint8_t hop_limit) {
  Bytes out;
  if (source.is_v4()) {
    put16(out, 0x4502);  // ECT(0): a queue may mark it
    put16(out, static_cast<std::uint16_t>(20 + payload.size()));
    put32(out, 0x00004000);
    out.push_back(hop_limit);
    out.push_back(protocol);
    put16(out, 0);
    put_address(out, source);
    put_address(out, destination);
    write_checksum(out, 0, 10, 0);
  } else {
    put32(out, 0x60200000);
    put16(out, static_cast<std::uint16_t>(payload.size()));
    out.push_back(protocol);
    out.push_back(hop_limit);
    put_address(out, source);
    put_address(out, destination);
  }
  append(out, payload);
  return out;
}

Bytes udp(const net::Endpoint& source, const net::Endpoint& destination, std::span<const std::uint8_t> payload) {
  Bytes out;
  put16(out, source.port);
  put16(out, destination.port);
  put16(out, static_cast<std::uint16_t>(8 + payload.size()));
  put16(out, 0);
  append(out, payload);
  write_checksum(out, 0, 6,
                 pseudo_sum(source.address, destination.address, 17, static_cast<std::uint32_t>(out.size())));
  if (out[6] == 0 && out[7] == 0) out[6] = out[7] = 0xff;
  return out;
}

Bytes arp(std::uint16_t operation, const net::MacAddress& sender_mac, const net::IpAddress& sender,
          const net::MacAddress& target_mac, const net::IpAddress& target) {
  Bytes out;
  put16(out, 1);
  put16(out, 0x0800);
  put16(out, 0x0604);
  put16(out, operation);
  append(out, sender_mac.bytes);
  put_address(out, sender);
  append(out, target_mac.bytes);
  put_address(out, target);
  return out;
}

Bytes kcp(std::uint32_t conv, std::uint8_t command, std::uint8_t fragment, std::uint32_t sn, std::uint32_t una,
          std::span<const std::uint8_t> payload, std::uint32_t stamp) {
  Bytes out;
  put32_little(out, conv);
  out.push_back(command);
  out.push_back(fragment);
  out.push_back(128);
  out.push_back(0);
  put32_little(out, stamp);
  put32_little(out, sn);
  put32_little(out, una);
  put32_little(out, static_cast<std::uint32_t>(payload.size()));
  append(out, payload);
  return out;
}

}  // namespace penstock::sim
