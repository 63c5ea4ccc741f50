#include "top/reply.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace penstock::top {

namespace {

// Keeps the order in which penstock tells.
using Json = nlohmann::ordered_json;

template <class T>
const T* find(const std::vector<std::pair<std::string, T>>& entries, std::string_view name) {
  const auto found = std::ranges::find(entries, name, &std::pair<std::string, T>::first);
  return found == entries.end() ? nullptr : &found->second;
}

std::unexpected<Fault> strange(std::string_view command) {
  return std::unexpected(
      Fault{Fault::Kind::strange, fmt::format("the answer to {} is none that penstock gives", printable(command))});
}

// The elements of an array that all are numbers, or all texts; anything else is left out as a whole, since the n-th
// elements of several arrays belong together.
void add_array(Reply& reply, const std::string& name, const Json& array) {
  if (array.size() > Reply::elements_max) return;
  if (std::ranges::all_of(array, [](const Json& one) { return one.is_number_unsigned(); })) {
    reply.columns.emplace_back(name, array.get<std::vector<std::uint64_t>>());
    return;
  }
  if (!std::ranges::all_of(array, [](const Json& one) { return one.is_string(); })) return;
  std::vector<std::string> texts;
  for (const Json& one : array) texts.push_back(printable(one.get_ref<const std::string&>()));
  reply.text_columns.emplace_back(name, std::move(texts));
}

}  // namespace

std::string_view Reply::text(std::string_view name) const {
  const std::string* found = find(texts, name);
  return found == nullptr ? std::string_view() : std::string_view(*found);
}

const std::vector<std::uint64_t>& Reply::column(std::string_view name) const {
  static const std::vector<std::uint64_t> none;
  const auto* found = find(columns, name);
  return found == nullptr ? none : *found;
}

const std::vector<std::string>& Reply::text_column(std::string_view name) const {
  static const std::vector<std::string> none;
  const auto* found = find(text_columns, name);
  return found == nullptr ? none : *found;
}

std::expected<Reply, Fault> read_reply(std::string_view command, std::string_view text) {
  const Json whole = Json::parse(text, nullptr, false);
  const std::string_view name = command.substr(0, command.find(','));
  if (!whole.is_object() || whole.size() != 1 || whole.begin().key() != name) return strange(command);
  const Json& inner = whole.begin().value();
  // DPDK's answer when nobody registered the command.
  if (inner.is_null())
    return std::unexpected(
        Fault{Fault::Kind::unknown, fmt::format("there is no {} here: no penstock, or an older one", name)});
  if (!inner.is_object()) return strange(command);
  Reply reply;
  for (const auto& [key, value] : inner.items()) {
    const std::string known = printable(key);
    if (value.is_number_unsigned()) reply.numbers.add(known, value.get<std::uint64_t>());
    else if (value.is_string()) reply.texts.emplace_back(known, printable(value.get_ref<const std::string&>()));
    else if (value.is_array()) add_array(reply, known, value);
  }
  if (const std::string_view error = reply.text("error"); !error.empty())
    return std::unexpected(Fault{Fault::Kind::refused, std::string(error)});
  return reply;
}

std::expected<Greeting, Fault> read_greeting(std::string_view text) {
  const Json whole = Json::parse(text, nullptr, false);
  if (!whole.is_object() || !whole.contains("version") || !whole["version"].is_string()) {
    return std::unexpected(Fault{Fault::Kind::strange, "the socket is none of DPDK's telemetry"});
  }
  Greeting greeting{.dpdk = printable(whole["version"].get_ref<const std::string&>())};
  if (whole.contains("pid") && whole["pid"].is_number_unsigned()) greeting.process_id = whole["pid"];
  return greeting;
}

std::string printable(std::string_view text) {
  std::string clean(text.substr(0, Reply::text_bytes_max));
  for (char& c : clean) {
    if (c < 0x20 || c > 0x7e) c = '?';
  }
  return clean;
}

}  // namespace penstock::top
