// Words: a line of a packet script cut into words, and the values in them.
//
// A word is `name`, `key=value`, or data: "text", 300*"x", hex:0a0b. A value of a field is a number (decimal or 0x…), a
// variable `$name`, or either with `+n` or `-n`; in an expectation also `~` (anything), `low..high`, and `$name` for a
// variable that nobody has set yet, which then takes what came. Everything counts modulo 2^32, as KCP does.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "sim/frames.hpp"

namespace penstock::packets {

// What is wrong with a line, or what did not happen; the player adds file and line.
class ScriptError : public std::runtime_error {
 public:
  explicit ScriptError(const std::string& sentence) : std::runtime_error(sentence) {}
};

struct Word {
  std::string key;    // "" for data
  std::string value;  // "" without "="
  std::optional<sim::Bytes> data;
  bool is(std::string_view name) const { return !data && value.empty() && key == name; }
};

using Variables = std::map<std::string, std::uint32_t>;

// Throws ScriptError.
std::vector<Word> split(std::string_view line);
sim::Bytes parse_hex(std::string_view text);
std::uint32_t number(const std::string& text, const Variables& variables);
// Seconds, such as 0.250.
std::optional<std::int64_t> seconds_as_us(std::string_view text);
// Empty when `actual` is what `expected` says; else a sentence about the field.
std::string compare(const std::string& field, const std::string& expected, std::uint32_t actual, Variables& variables);

}  // namespace penstock::packets
