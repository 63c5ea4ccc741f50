// TableReader: reads the keys of one TOML table, strictly: a wrong type, a value out of range, a missing key and, once all
// known keys were asked for, a key that nobody asked for are errors with their line.
//
// A section of the configuration is a function that takes a TableReader and the struct to fill, and calls one verb a key;
// the struct's initialiser is the default. The same function run with a describing scan lists its keys, ranges and defaults,
// so that documentation and reader have one source. No verb throws or stops the reading: the scan keeps the error that an
// operator should see first. Main thread only.
#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "control/config.hpp"
#include "control/toml_value.hpp"

namespace penstock::control {

// What the reading of one file gathers.
class ConfigScan {
 public:
  // Reading `file`, or describing when `keys` is given.
  explicit ConfigScan(std::string file, Role role = Role::server) : file_(std::move(file)), role_(role) {}
  explicit ConfigScan(std::vector<ConfigKey>& keys) : keys_(&keys) {}

  Role role() const { return role_; }
  bool describes() const { return keys_ != nullptr; }
  void describe(ConfigKey key) { keys_->push_back(std::move(key)); }

  // Notes an error. The first in the file is kept; a missing key yields to every other kind, since it often is one of these.
  void fail(std::uint32_t line, std::string key, std::string reason);
  void fail_missing(std::uint32_t line, std::string key, std::string reason);
  const std::optional<ConfigError>& error() const { return error_; }

  // The line of a key within the table that begins at `table_line`, for checks made later; the table's own when absent.
  void note_line(std::uint32_t table_line, std::string key, std::uint32_t line);
  std::uint32_t line_of(std::uint32_t table_line, const std::string& key) const;

 private:
  std::string file_;
  Role role_ = Role::server;
  std::vector<ConfigKey>* keys_ = nullptr;
  std::optional<ConfigError> error_;
  bool missing_ = false;  // error_ tells of a missing key
  std::map<std::pair<std::uint32_t, std::string>, std::uint32_t> lines_;
};

// May a key be absent?
enum class Need : std::uint8_t { optional, required };

template <class E>
struct Choice {
  std::string_view name;
  E value;
};

class TableReader {
 public:
  // What became of one text: nothing, or why it will not do.
  using Verdict = std::optional<std::string>;
  using TakeText = std::function<Verdict(std::string_view)>;
  using ReadTable = std::function<void(TableReader&)>;

  // Reads a whole document: `read` asks for its keys, what remains is unknown. `document` is a table, or nullptr when the
  // scan describes.
  static void read(const TomlValue* document, ConfigScan& scan, const ReadTable& read);

  std::uint32_t line() const { return table_ == nullptr ? 0 : table_->line; }
  ConfigScan& scan() { return scan_; }

  template <std::unsigned_integral T>
  void integer(std::string_view name, T& value, std::uint64_t min, std::uint64_t max, Need need = Need::optional) {
    static_assert(sizeof(T) <= sizeof(std::uint64_t));
    value = static_cast<T>(integer_in(name, value, min, max, need));
  }
  void flag(std::string_view name, bool& value);
  // A float from 0 to 1, kept as parts per million. As a default of the configuration it is one of the two.
  void fraction(std::string_view name, std::uint32_t& ppm);
  // A string of 1 … bytes_max bytes that `take` understands; `form` and `preset` describe it.
  void text(std::string_view name, std::string_view form, std::string_view preset, std::size_t bytes_max,
            const TakeText& take, Need need = Need::optional);
  // An array of at most count_max such strings.
  void texts(std::string_view name, std::string_view form, std::size_t count_max, std::size_t bytes_max,
             const TakeText& take, Need need = Need::optional);
  // An array of count_min … count_max integers; nothing when it is absent or wrong.
  std::optional<std::vector<std::uint32_t>> integers(std::string_view name, std::string_view preset,
                                                     std::pair<std::size_t, std::size_t> count,
                                                     std::pair<std::uint32_t, std::uint32_t> range, Need need);
  template <class E>
  void choice(std::string_view name, E& value, std::initializer_list<Choice<E>> choices, Need need = Need::optional) {
    std::vector<std::string_view> names;
    std::string_view preset;
    for (const Choice<E>& c : choices) {
      names.push_back(c.name);
      if (c.value == value) preset = c.name;
    }
    const std::optional<std::size_t> chosen = choice_of(name, names, preset, need);
    if (chosen) value = std::data(choices)[*chosen].value;
  }
  // [name], at most once.
  void table(std::string_view name, const ReadTable& read);
  // [[name]] or an array of inline tables, `count_min` to `count_max` of them.
  void tables(std::string_view name, std::size_t count_min, std::size_t count_max, const ReadTable& read);

  // Notes an error about a key of this table, at the key's line.
  void fail(std::string_view name, std::string reason);
  // "listener.mtu" for "mtu".
  std::string path_of(std::string_view name) const;

 private:
  TableReader(const TomlValue* table, std::string path, ConfigScan& scan)
      : table_(table), path_(std::move(path)), scan_(scan) {}

  std::uint64_t integer_in(std::string_view name, std::uint64_t preset, std::uint64_t min, std::uint64_t max,
                           Need need);
  std::optional<std::size_t> choice_of(std::string_view name, const std::vector<std::string_view>& names,
                                       std::string_view preset, Need need);
  // The member, when it is there; notes that it was asked for, and fails when it is required and absent.
  const TomlMember* ask(std::string_view name, std::string range, std::string_view preset, Need need);
  bool expect(const TomlValue& value, TomlValue::Kind kind, std::string_view name);
  bool expect_size(std::string_view name, const TomlValue& value, std::size_t min, std::size_t max);
  void take_text(std::string_view name, const TomlValue& value, std::size_t bytes_max, const TakeText& take);
  void fail_at(std::uint32_t line, std::string_view name, std::string reason);
  void check_range(std::uint32_t line, std::string_view name, std::int64_t value, std::uint64_t min, std::uint64_t max);
  // Whatever was not asked for is unknown.
  void finish();

  const TomlValue* table_;  // nullptr when the scan describes
  std::string path_;
  ConfigScan& scan_;
  std::vector<std::string> asked_;
};

}  // namespace penstock::control
