#include "control/eal_values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <bitset>
#include <charconv>
#include <cstdint>
#include <initializer_list>

namespace penstock::control::eal {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
bool is_word(char c) { return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

std::optional<std::uint32_t> number(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Cuts the part before `separator` off `rest`; false once nothing is left. "a," yields "a" and "".
bool next_part(std::optional<std::string_view>& rest, char separator, std::string_view& part) {
  if (!rest) return false;
  const std::size_t at = rest->find(separator);
  part = rest->substr(0, at);
  rest = at == std::string_view::npos ? std::nullopt : std::optional(rest->substr(at + 1));
  return true;
}

template <class Check>
bool all_parts(std::string_view value, char separator, Check check) {
  std::optional<std::string_view> rest = value;
  std::string_view part;
  while (next_part(rest, separator, part)) {
    if (!check(part)) return false;
  }
  return true;
}

bool is_core(std::string_view text) {
  const auto value = number(text);
  return value && *value < lcores_max;
}

bool is_core_range(std::string_view text) {
  const std::size_t dash = text.find('-');
  if (dash == std::string_view::npos) return is_core(text);
  const std::string_view first = text.substr(0, dash);
  const std::string_view last = text.substr(dash + 1);
  return is_core(first) && is_core(last) && *number(first) <= *number(last);
}

Complaint one_of(std::string_view value, std::initializer_list<std::string_view> words) {
  if (std::ranges::find(words, value) != words.end()) return std::nullopt;
  std::string all;
  for (const std::string_view word : words) all += fmt::format("{}{}", all.empty() ? "" : ", ", word);
  return fmt::format("is none of {}", all);
}

bool is_hex_field(std::string_view text, std::size_t digits_max) {
  return !text.empty() && text.size() <= digits_max && std::ranges::all_of(text, is_hex);
}

// [domain:]bus:device.function, all hexadecimal but the function, an octal digit.
bool is_pci_address(std::string_view text) {
  const std::size_t dot = text.rfind('.');
  if (dot == std::string_view::npos || dot + 2 != text.size() || text[dot + 1] < '0' || text[dot + 1] > '7')
    return false;
  std::array<std::string_view, 3> fields{};
  std::size_t count = 0;
  std::optional<std::string_view> rest = text.substr(0, dot);
  std::string_view part;
  while (next_part(rest, ':', part)) {
    if (count == fields.size()) return false;
    fields[count++] = part;
  }
  if (count < 2) return false;
  return is_hex_field(fields[count - 1], 2) && is_hex_field(fields[count - 2], 2) &&
         (count == 2 || is_hex_field(fields[0], 8));
}

}  // namespace

Complaint any(std::string_view value) {
  if (value.empty()) return "is empty";
  return std::nullopt;
}

Complaint core_list(std::string_view value) {
  if (all_parts(value, ',', is_core_range)) return std::nullopt;
  return fmt::format("is no list of cores below {}, such as 0-3,5", lcores_max);
}

Complaint core_mask(std::string_view value) {
  if (value.starts_with("0x") || value.starts_with("0X")) value.remove_prefix(2);
  const bool some = std::ranges::any_of(value, [](char c) { return c != '0'; });
  if (some && is_hex_field(value, lcores_max / 4)) return std::nullopt;
  return "is no mask of cores, such as 0x2f";
}

std::uint32_t core_list_count(std::string_view value) {
  std::bitset<lcores_max> cores;
  std::optional<std::string_view> rest = value;
  std::string_view part;
  while (next_part(rest, ',', part)) {
    const std::size_t dash = part.find('-');
    const std::uint32_t first = number(part.substr(0, dash)).value_or(0);
    const std::uint32_t last = dash == std::string_view::npos ? first : number(part.substr(dash + 1)).value_or(0);
    for (std::uint32_t core = first; core <= last && core < lcores_max; ++core) cores.set(core);
  }
  return static_cast<std::uint32_t>(cores.count());
}

std::uint32_t core_mask_count(std::string_view value) {
  if (value.starts_with("0x") || value.starts_with("0X")) value.remove_prefix(2);
  std::uint32_t count = 0;
  for (const char digit : value) {
    std::uint32_t bits = 0;
    std::from_chars(&digit, &digit + 1, bits, 16);
    count += static_cast<std::uint32_t>(std::popcount(bits));
  }
  return count;
}

Complaint core_map(std::string_view value) {
  int depth = 0;
  bool good = !value.empty();
  for (const char c : value) {
    if (c == '(') ++depth;
    if (c == ')') --depth;
    good = good && depth >= 0 && depth <= 1 &&
           (is_digit(c) || std::string_view("()-,@").find(c) != std::string_view::npos);
  }
  if (good && depth == 0) return std::nullopt;
  return "is no map of cores, such as 0@1,2@(3-5)";
}

Complaint core(std::string_view value) {
  if (is_core(value)) return std::nullopt;
  return fmt::format("is no core below {}", lcores_max);
}

Complaint positive(std::string_view value) {
  const auto found = number(value);
  if (found && *found >= 1 && *found <= 0x7fff'ffff) return std::nullopt;
  return "is no number from 1 on";
}

Complaint ranks(std::string_view value) {
  const auto found = number(value);
  if (found && *found >= 1 && *found <= 16) return std::nullopt;
  return "is no number from 1 to 16";
}

Complaint megabyte_list(std::string_view value) {
  if (all_parts(value, ',', [](std::string_view part) { return number(part).has_value(); })) return std::nullopt;
  return "is no list of megabytes per NUMA node, such as 1024,0";
}

Complaint hexadecimal(std::string_view value) {
  if (value.starts_with("0x") || value.starts_with("0X")) value.remove_prefix(2);
  if (is_hex_field(value, 16)) return std::nullopt;
  return "is no hexadecimal number";
}

Complaint file_prefix(std::string_view value) {
  const bool plain = std::ranges::all_of(value, [](char c) { return is_word(c) || c == '-' || c == '.'; });
  if (plain && !value.empty() && value.size() <= 64 && value[0] != '.') return std::nullopt;
  return "is no plain name of at most 64 letters, digits, _, - and .";
}

Complaint device(std::string_view value) {
  const std::string_view name = device_name(value);
  const bool looks_like_pci = std::ranges::all_of(name, [](char c) { return is_hex(c) || c == ':' || c == '.'; });
  if (looks_like_pci && !is_pci_address(name)) return "is no PCI address, such as 0000:3b:00.0";
  return std::nullopt;
}

Complaint virtual_device(std::string_view value) {
  const std::string_view name = device_name(value);
  if (!name.empty() && name.size() < 64 && !is_digit(name[0]) && std::ranges::all_of(name, is_word))
    return std::nullopt;
  return "is no virtual device, such as net_tap0,iface=penstock0";
}

Complaint iova_mode(std::string_view value) { return one_of(value, {"pa", "va"}); }
Complaint huge_unlink(std::string_view value) { return one_of(value, {"existing", "always", "never"}); }
Complaint vfio_interrupt(std::string_view value) { return one_of(value, {"legacy", "msi", "msix"}); }
Complaint trace_mode(std::string_view value) { return one_of(value, {"o", "overwrite", "d", "discard"}); }

Complaint process_type(std::string_view value) {
  if (value == "primary") return std::nullopt;
  return "is not primary, the only kind of process penstock runs as";
}

Complaint simd_width(std::string_view value) {
  const auto found = number(value);
  if (found && (*found == 0 || (*found >= 64 && *found <= 32'768 && std::has_single_bit(*found)))) return std::nullopt;
  return "is neither 0 nor a power of two from 64 on";
}

Complaint log_level(std::string_view value) {
  // EAL prints its log types for "help" and exits, which a server does not.
  if (value.empty() || value == "help") return "is no level, such as debug or lib.eal:debug";
  return std::nullopt;
}

std::string_view device_name(std::string_view value) { return value.substr(0, value.find(',')); }

}  // namespace penstock::control::eal
