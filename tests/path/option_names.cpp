#include "path/option_names.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <limits>
#include <type_traits>

namespace penstock::path {

namespace {

using kcp::Options;

// Whether `word` is a value of the field, which then has it.
template <auto field>
bool set_number(Options& options, std::string_view word) {
  using Value = std::remove_reference_t<decltype(options.*field)>;
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc() || end != word.data() + word.size()) return false;
  if (value > std::uint32_t{std::numeric_limits<Value>::max()}) return false;
  options.*field = static_cast<Value>(value);
  return true;
}

bool set_recovery(Options& options, std::string_view word) {
  if (word != "ikcp" && word != "rack") return false;
  options.recovery = word == "rack" ? kcp::Recovery::rack : kcp::Recovery::ikcp;
  return true;
}

bool set_congestion(Options& options, std::string_view word) {
  const auto kind = congestion::kind_named(word);
  if (kind) options.congestion = *kind;
  return kind.has_value();
}

struct Row {
  std::string_view name;
  bool (*set)(Options& options, std::string_view word);
};

constexpr Row rows[] = {
    {"recovery", set_recovery},
    {"congestion", set_congestion},
    {"loss_percent", set_number<&Options::loss_percent>},
    {"nodelay", set_number<&Options::nodelay>},
    {"no_congestion_window", set_number<&Options::no_congestion_window>},
    {"fastack_conserve", set_number<&Options::fastack_conserve>},
    {"resend", set_number<&Options::resend>},
    {"fastack_limit", set_number<&Options::fastack_limit>},
    {"dead_link", set_number<&Options::dead_link>},
    {"mtu", set_number<&Options::mtu>},
    {"interval_ms", set_number<&Options::interval_ms>},
    {"ack_delay_ms", set_number<&Options::ack_delay_ms>},
    {"snd_wnd", set_number<&Options::snd_wnd>},
    {"send_queue_segments_max", set_number<&Options::send_queue_segments_max>},
    {"rto_initial_ms", set_number<&Options::rto_initial_ms>},
    {"rto_min_ms", set_number<&Options::rto_min_ms>},
    {"rto_min_nodelay_ms", set_number<&Options::rto_min_nodelay_ms>},
    {"rto_max_ms", set_number<&Options::rto_max_ms>},
};

}  // namespace

std::optional<std::string> set_option(Options& options, std::string_view setting) {
  const std::size_t equals = setting.find('=');
  if (equals == std::string_view::npos) return fmt::format("'{}' is not of the form name=value", setting);
  const std::string_view name = setting.substr(0, equals);
  const std::string_view word = setting.substr(equals + 1);
  const auto row = std::ranges::find(rows, name, &Row::name);
  if (row == std::end(rows)) {
    std::string all;
    for (const Row& one : rows) all += fmt::format("{}{}", all.empty() ? "" : ", ", one.name);
    return fmt::format("there is no option '{}'; there are {}", name, all);
  }
  if (!row->set(options, word)) return fmt::format("'{}' is no value of {}", word, name);
  return std::nullopt;
}

std::vector<std::string_view> option_names() {
  std::vector<std::string_view> names;
  std::ranges::transform(rows, std::back_inserter(names), &Row::name);
  return names;
}

}  // namespace penstock::path
