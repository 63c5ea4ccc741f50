#include "control/toml_value.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <tuple>

// toml++ 3.3 asserts that a key follows `[` before it finds that none does and says so: the operator's mistake, which must
// not abort. With NDEBUG it would do worse and assume the fact, so its assertions are made to check nothing.
#undef NDEBUG
#ifndef TOML_ASSERT
#define TOML_ASSERT(fact) static_assert(true)
#endif
#define TOML_EXCEPTIONS 0
#define TOML_HEADER_ONLY 1
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

#include "base/assert.hpp"

namespace penstock::control {

namespace {

constexpr std::size_t quoted_bytes_max = 60;

// Walks the text by line and by string, as far as needed to count dots and to see what toml++ must not get. Strings end
// with their line, because multi-line ones are refused.
class Scan {
 public:
  explicit Scan(std::string_view text) : text_(text) {}

  std::optional<TomlError> run() {
    while (at_ < text_.size() && reason_.empty()) step();
    if (reason_.empty()) return std::nullopt;
    return TomlError{line_, reason_};
  }

 private:
  enum class State : std::uint8_t { plain, comment, basic, literal };

  void step() {
    const char c = text_[at_++];
    if (c == '\0') {
      reason_ = "a NUL byte";
    } else if (c == '\n') {
      ++line_;
      dots_ = 0;
      state_ = State::plain;
    } else if (state_ == State::plain) {
      step_plain(c);
    } else if (state_ == State::basic) {
      if (c == '\\' && at_ < text_.size() && text_[at_] != '\n' && text_[at_] != '\0') ++at_;
      if (c == '"') state_ = State::plain;
    } else if (state_ == State::literal && c == '\'') {
      state_ = State::plain;
    }
  }

  void step_plain(char c) {
    if (c == '#') state_ = State::comment;
    if (c == '"') state_ = State::basic;
    if (c == '\'') state_ = State::literal;
    if (c == '.' && ++dots_ > dots_per_line_max)
      reason_ = fmt::format("more than {} dots in a line", dots_per_line_max);
    if (static_cast<unsigned char>(c) >= 0x80 && !is_byte_order_mark()) reason_ = "a letter that is not ASCII";
    const std::string_view next = text_.substr(at_ - 1, 3);
    if (next == "\"\"\"" || next == "'''") reason_ = "a multi-line string, which no key takes";
  }

  // Of the three bytes that may open a UTF-8 file.
  bool is_byte_order_mark() const { return at_ <= 3 && text_.starts_with("\xEF\xBB\xBF"); }

  std::string_view text_;
  std::size_t at_ = 0;  // of the next byte
  std::uint32_t line_ = 1;
  std::uint32_t dots_ = 0;  // in this line, outside of strings
  State state_ = State::plain;
  std::string reason_;
};

TomlValue convert(const toml::node& node);

TomlValue convert_table(const toml::table& table) {
  TomlValue value;
  value.kind = TomlValue::Kind::table;
  for (const auto& [key, node] : table) {
    TomlValue member = convert(node);
    const std::uint32_t line = key.source().begin.line;
    value.members.push_back({std::string(key.str()), line != 0 ? line : member.line, std::move(member)});
  }
  // toml++ orders members by name; errors are to be found in the order of the file. Not by stable_sort, whose scratch
  // memory in libstdc++ 12 clang warns of.
  std::ranges::sort(value.members, {}, [](const TomlMember& m) { return std::tie(m.line, m.key); });
  return value;
}

TomlValue convert_array(const toml::array& array) {
  TomlValue value;
  value.kind = TomlValue::Kind::array;
  for (const toml::node& item : array) value.items.push_back(convert(item));
  return value;
}

TomlValue convert(const toml::node& node) {
  TomlValue value;
  if (const auto* table = node.as_table()) value = convert_table(*table);
  if (const auto* array = node.as_array()) value = convert_array(*array);
  if (const auto* text = node.as_string()) {
    value.kind = TomlValue::Kind::text;
    value.text = text->get();
  }
  if (const auto* integer = node.as_integer()) {
    value.kind = TomlValue::Kind::integer;
    value.integer = integer->get();
  }
  if (const auto* real = node.as_floating_point()) {
    value.kind = TomlValue::Kind::real;
    value.real = real->get();
  }
  if (const auto* boolean = node.as_boolean()) {
    value.kind = TomlValue::Kind::boolean;
    value.boolean = boolean->get();
  }
  if (node.is_date() || node.is_time() || node.is_date_time()) value.kind = TomlValue::Kind::date;
  value.line = node.source().begin.line;
  return value;
}

}  // namespace

const TomlMember* TomlValue::find(std::string_view key) const {
  PENSTOCK_ASSERT(kind == Kind::table);
  const auto found = std::ranges::find(members, key, &TomlMember::key);
  return found == members.end() ? nullptr : &*found;
}

std::string_view name_of(TomlValue::Kind kind) {
  switch (kind) {
    case TomlValue::Kind::boolean: return "a boolean";
    case TomlValue::Kind::integer: return "an integer";
    case TomlValue::Kind::real: return "a float";
    case TomlValue::Kind::text: return "a string";
    case TomlValue::Kind::date: return "a date or time";
    case TomlValue::Kind::array: return "an array";
    case TomlValue::Kind::table: return "a table";
  }
  PENSTOCK_ASSERT(false);
}

std::expected<TomlValue, TomlError> parse_toml(std::string_view text) {
  if (std::optional<TomlError> error = Scan(text).run()) return std::unexpected(*error);
  const toml::parse_result result = toml::parse(text);
  if (result.failed()) {
    const toml::parse_error& error = result.error();
    std::string reason;
    // The description may quote the file's own bytes.
    for (const char c : error.description()) reason += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
    return std::unexpected(TomlError{error.source().begin.line, reason});
  }
  return convert_table(result.table());
}

std::string in_quotes(std::string_view text) {
  std::string out = "\"";
  for (const char c : text.substr(0, quoted_bytes_max)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte >= 0x7f) out += fmt::format("\\x{:02x}", byte);
    else if (c == '"' || c == '\\') out += std::string{'\\', c};
    else out += c;
  }
  return out + (text.size() > quoted_bytes_max ? "...\"" : "\"");
}

}  // namespace penstock::control
