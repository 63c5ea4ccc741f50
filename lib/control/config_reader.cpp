#include "control/config_reader.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "base/assert.hpp"
#include "control/suggest.hpp"

namespace penstock::control {

void ConfigScan::fail(std::uint32_t line, std::string key, std::string reason) {
  if (error_ && !missing_ && error_->line <= line) return;
  error_ = ConfigError{file_, line, std::move(key), std::move(reason)};
  missing_ = false;
}

void ConfigScan::fail_missing(std::uint32_t line, std::string key, std::string reason) {
  if (error_) return;
  error_ = ConfigError{file_, line, std::move(key), std::move(reason)};
  missing_ = true;
}

void ConfigScan::note_line(std::uint32_t table_line, std::string key, std::uint32_t line) {
  lines_[{table_line, std::move(key)}] = line;
}

std::uint32_t ConfigScan::line_of(std::uint32_t table_line, const std::string& key) const {
  const auto found = lines_.find({table_line, key});
  return found == lines_.end() ? table_line : found->second;
}

void TableReader::read(const TomlValue* document, ConfigScan& scan, const ReadTable& read) {
  PENSTOCK_ASSERT((document == nullptr) == scan.describes());
  TableReader reader(document, "", scan);
  read(reader);
  reader.finish();
}

void TableReader::flag(std::string_view name, bool& value) {
  const TomlMember* member = ask(name, "true or false", value ? "true" : "false", Need::optional);
  if (member == nullptr || !expect(member->value, TomlValue::Kind::boolean, name)) return;
  value = member->value.boolean;
}

void TableReader::fraction(std::string_view name, std::uint32_t& ppm) {
  PENSTOCK_ASSERT(!scan_.describes() || ppm == 0 || ppm == 1'000'000);  // no other default has a text yet
  const TomlMember* member = ask(name, "0.0..1.0", ppm == 0 ? "0.0" : "1.0", Need::optional);
  if (member == nullptr) return;
  double value = member->value.real;
  if (member->value.kind == TomlValue::Kind::integer) value = static_cast<double>(member->value.integer);
  else if (!expect(member->value, TomlValue::Kind::real, name)) return;
  // Written so that NaN fails.
  if (!(value >= 0.0 && value <= 1.0)) return fail(name, fmt::format("{} is not between 0 and 1", value));
  ppm = static_cast<std::uint32_t>(std::lround(value * 1e6));
}

void TableReader::text(std::string_view name, std::string_view form, std::string_view preset, std::size_t bytes_max,
                       const TakeText& take, Need need) {
  const TomlMember* member = ask(name, std::string(form), preset, need);
  if (member != nullptr) take_text(name, member->value, bytes_max, take);
}

void TableReader::texts(std::string_view name, std::string_view form, std::size_t count_max, std::size_t bytes_max,
                        const TakeText& take, Need need) {
  const TomlMember* member = ask(name, fmt::format("up to {} of {}", count_max, form), "[]", need);
  if (member == nullptr || !expect(member->value, TomlValue::Kind::array, name)) return;
  if (!expect_size(name, member->value, need == Need::required ? 1 : 0, count_max)) return;
  for (const TomlValue& item : member->value.items) take_text(name, item, bytes_max, take);
}

std::optional<std::vector<std::uint32_t>> TableReader::integers(std::string_view name, std::string_view preset,
                                                                std::pair<std::size_t, std::size_t> count,
                                                                std::pair<std::uint32_t, std::uint32_t> range,
                                                                Need need) {
  const std::string how_many =
      count.first == count.second ? fmt::format("{}", count.first) : fmt::format("{} to {}", count.first, count.second);
  const TomlMember* member = ask(name, fmt::format("{} of {}..{}", how_many, range.first, range.second), preset, need);
  if (member == nullptr || !expect(member->value, TomlValue::Kind::array, name)) return std::nullopt;
  if (!expect_size(name, member->value, count.first, count.second)) return std::nullopt;
  std::vector<std::uint32_t> values;
  for (const TomlValue& item : member->value.items) {
    if (!expect(item, TomlValue::Kind::integer, name)) return std::nullopt;
    check_range(item.line, name, item.integer, range.first, range.second);
    values.push_back(static_cast<std::uint32_t>(item.integer));
  }
  return values;
}

void TableReader::table(std::string_view name, const ReadTable& read) {
  const TomlMember* member = nullptr;
  if (scan_.describes()) asked_.emplace_back(name);
  else member = ask(name, "", "", Need::optional);
  if (!scan_.describes() && (member == nullptr || !expect(member->value, TomlValue::Kind::table, name))) return;
  TableReader reader(member == nullptr ? nullptr : &member->value, path_of(name), scan_);
  read(reader);
  reader.finish();
}

void TableReader::tables(std::string_view name, std::size_t count_min, std::size_t count_max, const ReadTable& read) {
  if (scan_.describes()) {
    TableReader reader(nullptr, path_of(name), scan_);
    return read(reader);
  }
  const TomlMember* member = ask(name, "", "", count_min == 0 ? Need::optional : Need::required);
  if (member == nullptr) return;
  if (member->value.kind == TomlValue::Kind::table)
    return fail(name, fmt::format("there may be several, so it is written [[{}]]", path_of(name)));
  if (!expect(member->value, TomlValue::Kind::array, name)) return;
  if (!expect_size(name, member->value, count_min, count_max)) return;
  for (const TomlValue& item : member->value.items) {
    if (!expect(item, TomlValue::Kind::table, name)) return;
    TableReader reader(&item, path_of(name), scan_);
    read(reader);
    reader.finish();
  }
}

void TableReader::fail(std::string_view name, std::string reason) {
  fail_at(scan_.line_of(line(), path_of(name)), name, std::move(reason));
}

std::string TableReader::path_of(std::string_view name) const {
  return path_.empty() ? std::string(name) : fmt::format("{}.{}", path_, name);
}

std::uint64_t TableReader::integer_in(std::string_view name, std::uint64_t preset, std::uint64_t min, std::uint64_t max,
                                      Need need) {
  PENSTOCK_ASSERT(min <= max);
  PENSTOCK_ASSERT(max <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()));
  const TomlMember* member = ask(name, fmt::format("{}..{}", min, max), std::to_string(preset), need);
  if (member == nullptr || !expect(member->value, TomlValue::Kind::integer, name)) return preset;
  check_range(member->line, name, member->value.integer, min, max);
  return static_cast<std::uint64_t>(member->value.integer);
}

std::optional<std::size_t> TableReader::choice_of(std::string_view name, const std::vector<std::string_view>& names,
                                                  std::string_view preset, Need need) {
  // Joined by hand: g++ 12 sees an overflow in fmt::join's parser at -O3 that is not there.
  std::string range;
  for (const std::string_view known : names) range += fmt::format("{}\"{}\"", range.empty() ? "" : " or ", known);
  const TomlMember* member = ask(name, range, fmt::format("\"{}\"", preset), need);
  if (member == nullptr || !expect(member->value, TomlValue::Kind::text, name)) return std::nullopt;
  const auto found = std::ranges::find(names, std::string_view(member->value.text));
  if (found == names.end()) {
    fail(name, fmt::format("must be {}, not {}", range, in_quotes(member->value.text)));
    return std::nullopt;
  }
  return static_cast<std::size_t>(found - names.begin());
}

const TomlMember* TableReader::ask(std::string_view name, std::string range, std::string_view preset, Need need) {
  PENSTOCK_ASSERT(std::ranges::find(asked_, name) == asked_.end());
  asked_.emplace_back(name);
  if (scan_.describes()) {
    scan_.describe({path_of(name), std::move(range), need == Need::required ? "required" : std::string(preset)});
    return nullptr;
  }
  const TomlMember* member = table_->find(name);
  if (member != nullptr) scan_.note_line(line(), path_of(name), member->line);
  else if (need == Need::required) scan_.fail_missing(line(), path_of(name), "is missing");
  return member;
}

bool TableReader::expect(const TomlValue& value, TomlValue::Kind kind, std::string_view name) {
  if (value.kind == kind) return true;
  fail_at(value.line, name, fmt::format("must be {}, not {}", name_of(kind), name_of(value.kind)));
  return false;
}

bool TableReader::expect_size(std::string_view name, const TomlValue& value, std::size_t min, std::size_t max) {
  const std::size_t size = value.items.size();
  if (size >= min && size <= max) return true;
  const std::uint32_t line = size > max ? value.items[max].line : scan_.line_of(this->line(), path_of(name));
  fail_at(line, name,
          size > max ? fmt::format("{} entries are more than {}", size, max)
                     : fmt::format("{} entries are fewer than {}", size, min));
  return false;
}

void TableReader::take_text(std::string_view name, const TomlValue& value, std::size_t bytes_max,
                            const TakeText& take) {
  if (!expect(value, TomlValue::Kind::text, name)) return;
  if (value.text.empty()) return fail_at(value.line, name, "is empty");
  if (value.text.size() > bytes_max)
    return fail_at(value.line, name, fmt::format("{} bytes are more than {}", value.text.size(), bytes_max));
  if (Verdict wrong = take(value.text)) fail_at(value.line, name, std::move(*wrong));
}

void TableReader::fail_at(std::uint32_t line, std::string_view name, std::string reason) {
  scan_.fail(line, path_of(name), std::move(reason));
}

void TableReader::check_range(std::uint32_t line, std::string_view name, std::int64_t value, std::uint64_t min,
                              std::uint64_t max) {
  if (value < static_cast<std::int64_t>(min)) fail_at(line, name, fmt::format("{} is below {}", value, min));
  if (value > static_cast<std::int64_t>(max)) fail_at(line, name, fmt::format("{} is above {}", value, max));
}

void TableReader::finish() {
  if (scan_.describes()) return;
  for (const TomlMember& member : table_->members) {
    if (std::ranges::find(asked_, member.key) != asked_.end()) continue;
    // A key may hold any byte; only those that could be a mistyped one of ours are printed as they are.
    const bool plain = !member.key.empty() && member.key.size() <= 60 && std::ranges::all_of(member.key, [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
    });
    scan_.fail(member.line, path_of(plain ? member.key : in_quotes(member.key)),
               "unknown key" + suggest(member.key, asked_));
  }
}

}  // namespace penstock::control
