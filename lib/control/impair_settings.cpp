#include "control/impair_settings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "control/config_reader.hpp"
#include "control/config_sections.hpp"

namespace penstock::control {

namespace {

template <class T>
std::optional<T> number_of(std::string_view text) {
  T value{};
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || stop != text.data() + text.size()) return std::nullopt;
  return value;
}

// A word as the configuration's reader would have found it in a file.
TomlValue value_of(std::string_view word) {
  TomlValue value;
  if (const auto whole = number_of<std::int64_t>(word)) {
    value.kind = TomlValue::Kind::integer;
    value.integer = *whole;
    return value;
  }
  const bool percent = word.ends_with('%');
  if (const auto real = number_of<double>(word.substr(0, word.size() - (percent ? 1 : 0)))) {
    value.kind = TomlValue::Kind::real;
    value.real = percent ? *real / 100 : *real;
    return value;
  }
  value.kind = TomlValue::Kind::text;
  value.text = word;
  return value;
}

std::expected<TomlValue, std::string> table_of(std::string_view words) {
  TomlValue table;
  for (std::string_view rest = words;;) {
    const std::string_view word = rest.substr(0, rest.find(','));
    const std::size_t equals = word.find('=');
    if (equals == 0 || equals == std::string_view::npos)
      return std::unexpected(fmt::format("{} is not key=value", in_quotes(word)));
    const std::string key(word.substr(0, equals));
    if (table.find(key) != nullptr) return std::unexpected(fmt::format("{}: is there twice", key));
    table.members.push_back({key, 0, value_of(word.substr(equals + 1))});
    if (word.size() == rest.size()) return table;
    rest.remove_prefix(word.size() + 1);
  }
}

}  // namespace

impair::Impairment impairment_of(const ImpairConfig& from) {
  return {.loss_ppm = from.loss_ppm,
          .burst_begin_ppm = from.burst_begin_ppm,
          .burst_end_ppm = from.burst_end_ppm,
          .burst_loss_ppm = from.burst_loss_ppm,
          .duplicate_ppm = from.duplicate_ppm,
          .reorder_ppm = from.reorder_ppm,
          .corrupt_ppm = from.corrupt_ppm,
          .blackhole_bytes = from.blackhole_bytes,
          .delay = Duration::ms(from.delay_ms),
          .jitter = Duration::ms(from.jitter_ms),
          .rate_bits_per_second = std::uint64_t{from.rate_mbit} * 1'000'000,
          .queue_frames = from.queue_packets,
          .ecn = Duration::ms(from.ecn_ms),
          .hold_every = Duration::ms(from.hold_every_ms),
          .hold = Duration::ms(from.hold_ms),
          .direction = from.direction,
          .partition = from.partition,
          .seed = from.seed};
}

std::expected<ImpairConfig, std::string> change_impair(const ImpairConfig& now, const ImpairConfig& configured,
                                                       std::string_view words) {
  if (words == "off") {
    ImpairConfig none;
    none.queue_packets = configured.queue_packets;
    none.seed = configured.seed;
    return none;
  }
  const auto table = table_of(words);
  if (!table) return std::unexpected(table.error());
  ImpairConfig made = now;
  ConfigScan scan("");
  TableReader::read(&*table, scan, [&](TableReader& reader) {
    read_impair(reader, made);
    if (made.queue_packets > configured.queue_packets)
      reader.fail("queue_packets", fmt::format("{} is above {}, for which memory was taken at start",
                                               made.queue_packets, configured.queue_packets));
    if (made.seed != configured.seed) reader.fail("seed", "is set at start and stays");
  });
  if (scan.error()) return std::unexpected(fmt::format("{}: {}", scan.error()->key, scan.error()->reason));
  return made;
}

}  // namespace penstock::control
