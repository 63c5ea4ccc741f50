#include "net/address.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/assert.hpp"

namespace penstock::net {

namespace {

// A decimal number of at most `digits_max` digits without sign, blanks or leading zeros.
std::optional<std::uint32_t> parse_decimal(std::string_view text, std::size_t digits_max) {
  if (text.empty() || text.size() > digits_max || (text.size() > 1 && text[0] == '0')) return std::nullopt;
  std::uint32_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<std::uint32_t>(c - '0');
  }
  return value;
}

std::optional<std::uint16_t> parse_hex(std::string_view text, std::size_t digits_max) {
  if (text.empty() || text.size() > digits_max) return std::nullopt;
  std::uint16_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Takes the text up to `separator` off the front of `rest`; all of it when there is none.
std::string_view take_field(std::string_view& rest, char separator) {
  const std::size_t end = rest.find(separator);
  const std::string_view field = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
  return field;
}

std::optional<std::array<std::uint8_t, 4>> parse_quad(std::string_view text) {
  if (std::count(text.begin(), text.end(), '.') != 3) return std::nullopt;
  std::array<std::uint8_t, 4> quad{};
  for (std::uint8_t& byte : quad) {
    const auto value = parse_decimal(take_field(text, '.'), 3);
    if (!value || *value > 255) return std::nullopt;
    byte = static_cast<std::uint8_t>(*value);
  }
  return quad;
}

// Groups of one side of "::": pairs of bytes in order. A dotted quad may stand at the end of the last side.
struct Groups {
  std::array<std::uint8_t, 16> bytes{};
  std::size_t count = 0;  // bytes

  bool add(std::uint8_t high, std::uint8_t low) {
    if (count + 2 > bytes.size()) return false;
    bytes[count++] = high;
    bytes[count++] = low;
    return true;
  }
};

bool parse_groups(std::string_view text, bool quad_allowed, Groups& groups) {
  if (text.empty()) return true;
  while (true) {
    const bool last = text.find(':') == std::string_view::npos;
    const std::string_view field = take_field(text, ':');
    if (last && quad_allowed && field.find('.') != std::string_view::npos) {
      const auto quad = parse_quad(field);
      return quad && groups.add((*quad)[0], (*quad)[1]) && groups.add((*quad)[2], (*quad)[3]);
    }
    const auto value = parse_hex(field, 4);
    if (!value || !groups.add(static_cast<std::uint8_t>(*value >> 8), static_cast<std::uint8_t>(*value & 0xff)))
      return false;
    if (last) return true;
  }
}

std::optional<IpAddress> parse_v6(std::string_view text) {
  Groups front;
  Groups back;
  const std::size_t gap = text.find("::");
  if (gap == std::string_view::npos) {
    if (!parse_groups(text, true, front) || front.count != 16) return std::nullopt;
  } else {
    const std::string_view behind = text.substr(gap + 2);
    if (!parse_groups(text.substr(0, gap), false, front) || !parse_groups(behind, true, back)) return std::nullopt;
    // "::" stands for at least one group (RFC 5952, 4.2.2 advises two; RFC 4291 reads one).
    if (front.count + back.count > 14) return std::nullopt;
  }
  std::array<std::uint8_t, 16> bytes{};
  std::copy_n(front.bytes.begin(), front.count, bytes.begin());
  std::copy_n(back.bytes.begin(), back.count, bytes.end() - static_cast<std::ptrdiff_t>(back.count));
  const IpAddress address = IpAddress::v6(bytes);
  if (address.is_v4()) return std::nullopt;
  return address;
}

void append_hex(std::string& text, std::uint32_t value) {
  char digits[8];
  const auto [end, error] = std::to_chars(digits, digits + sizeof digits, value, 16);
  static_cast<void>(error);
  text.append(digits, end);
}

// The longest run of at least two zero groups, the first of equals (RFC 5952, 4.2).
struct ZeroRun {
  std::size_t start = 8;
  std::size_t length = 0;
};

ZeroRun longest_zero_run(const std::array<std::uint16_t, 8>& groups) {
  ZeroRun best;
  for (std::size_t i = 0; i < groups.size();) {
    std::size_t end = i;
    while (end < groups.size() && groups[end] == 0) ++end;
    if (end - i >= 2 && end - i > best.length) best = {i, end - i};
    i = end == i ? i + 1 : end;
  }
  return best;
}

std::string v6_text(const std::array<std::uint8_t, 16>& bytes) {
  std::array<std::uint16_t, 8> groups{};
  for (std::size_t i = 0; i < 8; ++i) groups[i] = static_cast<std::uint16_t>(bytes[2 * i] << 8 | bytes[2 * i + 1]);
  const ZeroRun run = longest_zero_run(groups);
  std::string text;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (i == run.start) {
      text += "::";
      i += run.length - 1;
      continue;
    }
    if (!text.empty() && text.back() != ':') text += ':';
    append_hex(text, groups[i]);
  }
  return text;
}

}  // namespace

bool IpAddress::is_unspecified() const { return *this == IpAddress{} || *this == v4(0, 0, 0, 0); }
bool IpAddress::is_multicast() const { return is_v4() ? (bytes_[12] & 0xf0) == 0xe0 : bytes_[0] == 0xff; }
bool IpAddress::is_loopback() const {
  static constexpr IpAddress loopback6{std::array<std::uint8_t, 16>{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
  return is_v4() ? bytes_[12] == 127 : *this == loopback6;
}
bool IpAddress::is_link_local() const {
  if (is_v4()) return bytes_[12] == 169 && bytes_[13] == 254;
  return bytes_[0] == 0xfe && (bytes_[1] & 0xc0) == 0x80;
}

bool Prefix::contains(const IpAddress& other) const {
  if (address.is_v4() != other.is_v4()) return false;
  const std::size_t bits = address.is_v4() ? 96u + length : length;
  const std::size_t whole = bits / 8;
  if (std::memcmp(address.bytes().data(), other.bytes().data(), whole) != 0) return false;
  if (bits % 8 == 0) return true;
  const auto mask = static_cast<std::uint8_t>(0xff00u >> (bits % 8));
  return ((address.bytes()[whole] ^ other.bytes()[whole]) & mask) == 0;
}

PrefixMask PrefixMask::of(const Prefix& prefix) {
  std::array<std::uint8_t, 16> mask{};
  const std::size_t bits = prefix.address.is_v4() ? 96u + prefix.length : prefix.length;
  PENSTOCK_ASSERT(bits <= 128);
  for (std::size_t bit = 0; bit < bits; ++bit) mask[bit / 8] |= static_cast<std::uint8_t>(0x80u >> (bit % 8));
  PrefixMask made;
  made.mask = std::bit_cast<std::array<std::uint64_t, 2>>(mask);
  const auto words = prefix.address.words();
  made.value = {words[0] & made.mask[0], words[1] & made.mask[1]};
  return made;
}

IpAddress PrefixMask::last() const {
  const std::array<std::uint64_t, 2> words{value[0] | ~mask[0], value[1] | ~mask[1]};
  return IpAddress::v6(std::bit_cast<std::array<std::uint8_t, 16>>(words));
}

std::optional<MacAddress> parse_mac(std::string_view text) {
  if (text.size() != 17) return std::nullopt;
  MacAddress mac;
  for (std::size_t i = 0; i < 6; ++i) {
    if (i > 0 && text[3 * i - 1] != ':') return std::nullopt;
    const auto value = parse_hex(text.substr(3 * i, 2), 2);
    if (!value) return std::nullopt;
    mac.bytes[i] = static_cast<std::uint8_t>(*value);
  }
  return mac;
}

std::optional<IpAddress> parse_ip(std::string_view text) {
  if (text.find(':') != std::string_view::npos) return parse_v6(text);
  const auto quad = parse_quad(text);
  if (!quad) return std::nullopt;
  return IpAddress::v4(*quad);
}

std::optional<Prefix> parse_prefix(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto address = parse_ip(text.substr(0, slash));
  const auto length = parse_decimal(text.substr(slash + 1), 3);
  if (!address || !length || *length > (address->is_v4() ? 32u : 128u)) return std::nullopt;
  return Prefix{*address, static_cast<std::uint8_t>(*length)};
}

std::string to_string(const MacAddress& mac) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (const std::uint8_t byte : mac.bytes) {
    if (!text.empty()) text += ':';
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

std::string to_string(const IpAddress& address) {
  if (!address.is_v4()) return v6_text(address.bytes());
  std::string text;
  for (const std::uint8_t byte : address.v4_bytes()) {
    if (!text.empty()) text += '.';
    text += std::to_string(byte);
  }
  return text;
}

std::string to_string(const Endpoint& endpoint) {
  const std::string host = to_string(endpoint.address);
  return (endpoint.address.is_v4() ? host : "[" + host + "]") + ":" + std::to_string(endpoint.port);
}

std::string to_string(const Prefix& prefix) { return to_string(prefix.address) + "/" + std::to_string(prefix.length); }

}  // namespace penstock::net
