// Addresses of the wire: MAC, IPv4 and IPv6, endpoint, prefix and VLAN tag stack. Plain values, no I/O.
//
// An IpAddress is always 16 bytes; IPv4 is kept as the mapped form ::ffff:a.b.c.d (RFC 4291, 2.5.5.2), so one table serves
// both families. The parser drops IPv6 packets that carry a mapped address, so the two never meet on the wire.
// parse_… take what an operator writes and yield nothing when it is not one; to_string is for reports, off the data path.
#pragma once

#include <array>
#include <bit>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace penstock::net {

struct MacAddress {
  std::array<std::uint8_t, 6> bytes{};
  constexpr auto operator<=>(const MacAddress&) const = default;
  // Two loads a side; what the compiler makes of an array's comparison is a call.
  constexpr bool operator==(const MacAddress& o) const {
    if
      consteval { return bytes == o.bytes; }
    else {
      std::uint32_t front[2];
      std::uint16_t back[2];
      std::memcpy(&front[0], bytes.data(), 4);
      std::memcpy(&front[1], o.bytes.data(), 4);
      std::memcpy(&back[0], bytes.data() + 4, 2);
      std::memcpy(&back[1], o.bytes.data() + 4, 2);
      return ((front[0] ^ front[1]) | static_cast<std::uint32_t>(back[0] ^ back[1])) == 0;
    }
  }
  constexpr bool is_multicast() const { return (bytes[0] & 1) != 0; }  // broadcast included
  constexpr bool is_zero() const { return *this == MacAddress{}; }
  static constexpr MacAddress broadcast() { return {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}; }
};

class IpAddress {
 public:
  constexpr IpAddress() = default;  // the IPv6 unspecified address
  static constexpr IpAddress v4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) {
    return IpAddress({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d});
  }
  static constexpr IpAddress v4(std::array<std::uint8_t, 4> b) {
    const std::array<std::uint64_t, 2> halves{0, std::uint64_t{std::bit_cast<std::uint32_t>(b)} << 32 | 0xffff0000u};
    return IpAddress(std::bit_cast<std::array<std::uint8_t, 16>>(halves));
  }
  static constexpr IpAddress v6(std::array<std::uint8_t, 16> bytes) { return IpAddress(bytes); }

  constexpr bool is_v4() const {
    const auto halves = words();
    return halves[0] == 0 && (halves[1] & 0xffffffffu) == 0xffff0000u;
  }
  constexpr const std::array<std::uint8_t, 16>& bytes() const { return bytes_; }
  // The bytes as two words in memory order (little-endian host), for masks and hashes; not an ordering.
  constexpr std::array<std::uint64_t, 2> words() const { return std::bit_cast<std::array<std::uint64_t, 2>>(bytes_); }
  constexpr std::array<std::uint8_t, 4> v4_bytes() const { return {bytes_[12], bytes_[13], bytes_[14], bytes_[15]}; }

  bool is_unspecified() const;  // 0.0.0.0 or ::
  bool is_multicast() const;    // 224/4 or ff00::/8
  bool is_loopback() const;     // 127/8 or ::1
  bool is_link_local() const;   // 169.254/16 or fe80::/10
  // May stand as the source of a packet for a host: not unspecified, multicast, loopback, 0/8 or 240/4. A mapped source
  // in an IPv6 packet looks like IPv4 here; the parser refuses it by the packet's family.
  constexpr bool is_valid_source() const {
    if (is_v4()) return bytes_[12] != 0 && bytes_[12] != 127 && bytes_[12] < 224;
    const auto halves = words();
    const bool unspecified_or_loopback = halves[0] == 0 && (halves[1] & ~(std::uint64_t{1} << 56)) == 0;
    return bytes_[0] != 0xff && !unspecified_or_loopback;
  }

  constexpr auto operator<=>(const IpAddress&) const = default;
  constexpr bool operator==(const IpAddress& o) const {
    const auto a = words();
    const auto b = o.words();
    return ((a[0] ^ b[0]) | (a[1] ^ b[1])) == 0;
  }

 private:
  constexpr explicit IpAddress(std::array<std::uint8_t, 16> bytes) : bytes_(bytes) {}
  std::array<std::uint8_t, 16> bytes_{};
};

struct Endpoint {
  IpAddress address;
  std::uint16_t port = 0;  // host order
  constexpr auto operator<=>(const Endpoint&) const = default;
  constexpr bool operator==(const Endpoint& o) const { return port == o.port && address == o.address; }
};

// An address block; `length` counts from the family's own first bit (0 … 32 or 0 … 128).
struct Prefix {
  IpAddress address;
  std::uint8_t length = 0;
  bool contains(const IpAddress& other) const;
  constexpr auto operator<=>(const Prefix&) const = default;
};

// A prefix ready for many questions: two masks and two compares each. IPv4 prefixes hold mapped addresses only; an IPv6
// prefix shorter than 96 bits that begins with zeros would hold them too, so whoever makes one keeps the families apart.
struct PrefixMask {
  std::array<std::uint64_t, 2> mask{};
  std::array<std::uint64_t, 2> value{};
  static PrefixMask of(const Prefix& prefix);
  constexpr bool holds(const std::array<std::uint64_t, 2>& words) const {
    return (((words[0] & mask[0]) ^ value[0]) | ((words[1] & mask[1]) ^ value[1])) == 0;
  }
  // The last address of the prefix.
  IpAddress last() const;
};

// The VLAN ids a frame carries, outermost first: none, one (802.1Q) or two (802.1ad).
struct TagStack {
  std::uint16_t count = 0;
  std::array<std::uint16_t, 2> vlan{};  // ids 1 … 4094; unused places are 0
  constexpr auto operator<=>(const TagStack&) const = default;
};

// "02:00:5e:10:00:01", two hexadecimal digits a byte.
std::optional<MacAddress> parse_mac(std::string_view text);
// Dotted quads without leading zeros, or IPv6 text (RFC 4291, 2.2); no zone, and no mapped form, which is IPv4 in disguise.
std::optional<IpAddress> parse_ip(std::string_view text);
// "10.0.0.2/24": the address keeps its host bits.
std::optional<Prefix> parse_prefix(std::string_view text);
std::string to_string(const MacAddress& mac);
std::string to_string(const IpAddress& address);  // IPv6 as RFC 5952 wants it
// "10.0.0.2:4000", "[fd77::2]:4000".
std::string to_string(const Endpoint& endpoint);
std::string to_string(const Prefix& prefix);

}  // namespace penstock::net
