// TomlValue: a TOML file as a plain tree whose every node knows its line. The one room where toml++ is included.
//
// parse_toml() takes any bytes, also hostile ones: what it yields is bounded in depth, so that whoever walks the tree may
// recurse. Main thread, at start and at a reload.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::control {

struct TomlMember;

struct TomlValue {
  enum class Kind : std::uint8_t { boolean, integer, real, text, date, array, table };
  Kind kind = Kind::table;
  std::uint32_t line = 0;  // where it begins, from 1; a table's is its header's
  bool boolean = false;
  std::int64_t integer = 0;
  double real = 0;
  std::string text;                 // without control characters but \n and \t
  std::vector<TomlValue> items;     // of an array
  std::vector<TomlMember> members;  // of a table, in the order of the file

  // The member called `key`, or nullptr.
  const TomlMember* find(std::string_view key) const;
};

struct TomlMember {
  std::string key;
  std::uint32_t line = 0;  // of the key
  TomlValue value;
};

// Why a text is no TOML, or none that we take.
struct TomlError {
  std::uint32_t line = 0;
  std::string reason;
};

// "a string", "an integer": what an operator calls a value of this kind.
std::string_view name_of(TomlValue::Kind kind);

// The whole text as one table. Refused besides what TOML forbids, as no key of ours takes it and toml++ 3.3 does not stand it:
//   - lines with more than `dots_per_line_max` dots outside of strings and comments. toml++ bounds the nesting of values but
//     not of dotted keys, whose tables it frees recursively: "a.a.a…" of half a megabyte would overflow the stack.
//   - letters that are not ASCII, outside of strings and comments: some reach an unreachable point of its tables of Unicode.
//   - multi-line strings, so that a string ends with its line, and NUL bytes.
std::expected<TomlValue, TomlError> parse_toml(std::string_view text);

inline constexpr std::uint32_t dots_per_line_max = 16;

// Text as it may stand in an error sentence: in quotes, whatever is not printable ASCII escaped, cut after 60 bytes.
std::string in_quotes(std::string_view text);

}  // namespace penstock::control
