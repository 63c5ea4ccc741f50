#include "packets/words.hpp"

#include <fmt/core.h>

#include <charconv>

namespace penstock::packets {

namespace {

constexpr std::size_t data_bytes_max = 100'000;

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

// "text" or hex:… from `text` on, `times` times.
sim::Bytes data_of(std::string_view text, std::size_t times) {
  sim::Bytes once;
  if (text.starts_with("hex:")) once = parse_hex(text.substr(4));
  else once.assign(text.begin() + 1, text.end() - 1);
  // `times` alone, too: it may be of nothing.
  if (times > data_bytes_max || once.size() * times > data_bytes_max) {
    throw ScriptError("more data than a script may hold");
  }
  sim::Bytes all;
  for (std::size_t i = 0; i < times; ++i) sim::append(all, once);
  return all;
}

std::uint32_t plain_number(std::string_view text) {
  const bool is_hex = text.starts_with("0x");
  const std::string_view digits = is_hex ? text.substr(2) : text;
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, is_hex ? 16 : 10);
  if (error != std::errc() || end != digits.data() + digits.size() || digits.empty()) {
    throw ScriptError(fmt::format("'{}' is not a number", text));
  }
  return value;
}

Word word_of(const std::string& text) {
  const std::size_t star = text.find("*");
  const bool repeated = star != std::string::npos && star > 0 && text.find_first_not_of("0123456789") == star;
  const std::string_view body = repeated ? std::string_view(text).substr(star + 1) : std::string_view(text);
  if (body.starts_with("hex:") || (body.size() >= 2 && body.front() == '"' && body.back() == '"')) {
    return {"", "", data_of(body, repeated ? plain_number(std::string_view(text).substr(0, star)) : 1)};
  }
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos) return {text, "", {}};
  if (equals == 0 || equals + 1 == text.size()) throw ScriptError(fmt::format("'{}' lacks a side of its =", text));
  return {text.substr(0, equals), text.substr(equals + 1), {}};
}

}  // namespace

std::vector<Word> split(std::string_view line) {
  std::vector<Word> words;
  std::string text;
  bool quoted = false;
  for (const char c : line) {
    if (c == '"') quoted = !quoted;
    if (!quoted && (c == ' ' || c == '\t')) {
      if (!text.empty()) words.push_back(word_of(text));
      text.clear();
    } else {
      text += c;
    }
  }
  if (quoted) throw ScriptError("a quotation mark is not closed");
  if (!text.empty()) words.push_back(word_of(text));
  return words;
}

sim::Bytes parse_hex(std::string_view text) {
  sim::Bytes bytes;
  if (text.size() % 2 != 0) throw ScriptError("hex data has an odd number of digits");
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = hex_digit(text[i]);
    const int low = hex_digit(text[i + 1]);
    if (high < 0 || low < 0) throw ScriptError(fmt::format("'{}' is not hex data in small letters", text.substr(i, 2)));
    bytes.push_back(static_cast<std::uint8_t>(high << 4 | low));
  }
  return bytes;
}

std::uint32_t number(const std::string& text, const Variables& variables) {
  const std::size_t sign = text.find_first_of("+-", 1);
  const std::string base = text.substr(0, sign);
  std::uint32_t value = 0;
  if (base.starts_with("$")) {
    const auto found = variables.find(base);
    if (found == variables.end()) throw ScriptError(fmt::format("nothing has set {}", base));
    value = found->second;
  } else {
    value = plain_number(base);
  }
  if (sign == std::string::npos) return value;
  const std::uint32_t step = plain_number(std::string_view(text).substr(sign + 1));
  return text[sign] == '+' ? value + step : value - step;
}

std::optional<std::int64_t> seconds_as_us(std::string_view text) {
  std::int64_t whole = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), whole);
  if (error != std::errc() || whole < 0 || whole > 1'000'000) return std::nullopt;
  std::string_view rest(end, static_cast<std::size_t>(text.data() + text.size() - end));
  if (rest.empty()) return whole * 1'000'000;
  if (rest.size() < 2 || rest.size() > 7 || rest[0] != '.') return std::nullopt;
  std::int64_t parts = 0;
  for (std::size_t i = 1; i < 7; ++i) {
    const char c = i < rest.size() ? rest[i] : '0';
    if (c < '0' || c > '9') return std::nullopt;
    parts = parts * 10 + (c - '0');
  }
  return whole * 1'000'000 + parts;
}

std::string compare(const std::string& field, const std::string& expected, std::uint32_t actual, Variables& variables) {
  if (expected == "~") return "";
  if (expected.starts_with("$") && expected.find_first_of("+-.") == std::string::npos &&
      !variables.contains(expected)) {
    variables[expected] = actual;
    return "";
  }
  const std::size_t dots = expected.find("..");
  const std::uint32_t low = number(expected.substr(0, dots), variables);
  const std::uint32_t high = dots == std::string::npos ? low : number(expected.substr(dots + 2), variables);
  if (actual - low <= high - low) return "";
  if (low == high) return fmt::format("{} is {}, not {} ({})", field, actual, low, expected);
  return fmt::format("{} is {}, not {} to {} ({})", field, actual, low, high, expected);
}

}  // namespace penstock::packets
