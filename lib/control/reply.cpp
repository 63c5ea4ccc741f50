#include "control/reply.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/assert.hpp"

namespace penstock::control {

namespace {

constexpr std::size_t entry_bytes = 4;  // quotes around the name, a colon, a comma

bool is_name(std::string_view name) {
  return !name.empty() && name.size() <= Reply::name_bytes_max && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '/';
  });
}

std::string plain(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, Reply::text_bytes_max))
    out += c < 0x20 || c > 0x7e || c == '"' || c == '\\' ? '?' : c;
  return out;
}

std::string json_of(std::uint64_t value) { return std::to_string(value); }
std::string json_of(const std::string& text) { return fmt::format("\"{}\"", text); }
template <class T>
std::string json_of(const std::vector<T>& values) {
  std::string text;
  for (const T& value : values) {
    if (!text.empty()) text += ',';
    text += json_of(value);
  }
  return fmt::format("[{}]", text);
}

std::size_t digits(std::uint64_t value) { return std::to_string(value).size(); }

}  // namespace

Reply Reply::error(std::string_view sentence) {
  Reply reply;
  reply.text("error", sentence);
  return reply;
}

void Reply::integer(std::string_view name, std::uint64_t value) { add(name, value, digits(value)); }

void Reply::text(std::string_view name, std::string_view value) {
  std::string clean = plain(value);
  const std::size_t bytes = clean.size() + 2;
  add(name, std::move(clean), bytes);
}

void Reply::integers(std::string_view name, std::span<const std::uint64_t> values) {
  PENSTOCK_ASSERT(values.size() <= elements_max);
  std::size_t bytes = 2;
  for (const std::uint64_t value : values) bytes += digits(value) + 1;
  add(name, std::vector(values.begin(), values.end()), bytes);
}

void Reply::texts(std::string_view name, std::span<const std::string> values) {
  PENSTOCK_ASSERT(values.size() <= elements_max);
  std::vector<std::string> clean;
  std::size_t bytes = 2;
  for (const std::string& value : values) {
    clean.push_back(plain(value));
    bytes += clean.back().size() + 3;
  }
  add(name, std::move(clean), bytes);
}

std::string Reply::json() const {
  std::string text;
  for (const Entry& entry : entries_) {
    if (!text.empty()) text += ',';
    text +=
        fmt::format("\"{}\":{}", entry.name, std::visit([](const auto& value) { return json_of(value); }, entry.value));
  }
  return fmt::format("{{{}}}", text);
}

const Reply::Value* Reply::find(std::string_view name) const {
  const auto found = std::ranges::find(entries_, name, &Entry::name);
  return found == entries_.end() ? nullptr : &found->value;
}

void Reply::add(std::string_view name, Value value, std::size_t json_bytes) {
  PENSTOCK_ASSERT(is_name(name));
  PENSTOCK_ASSERT(find(name) == nullptr);
  PENSTOCK_ASSERT(entries_.size() < entries_max);
  json_bytes_ += name.size() + entry_bytes + json_bytes;
  PENSTOCK_ASSERT(json_bytes_ + frame_bytes <= json_bytes_max);
  entries_.push_back({std::string(name), std::move(value)});
}

}  // namespace penstock::control
