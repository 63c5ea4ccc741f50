// Reply: what one statistics command answers, as plain data within the limits of DPDK's telemetry socket.
//
// The reports fill it, telemetry.cpp hands it to rte_telemetry, and tests read it. The limits are those of DPDK 22.11
// (rte_telemetry.h, lib/telemetry/telemetry.c): a dictionary of 256 entries, arrays of 512, strings of 127 bytes, 16 KiB in
// all; going beyond is our own mistake and asserts, so a report that may grow is paged or folded. Names are [A-Za-z0-9_/] and
// carry their unit. Used by one thread at a time, off the data path.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace penstock::control {

class Reply {
 public:
  static constexpr std::size_t entries_max = 256;
  static constexpr std::size_t elements_max = 512;       // of an array
  static constexpr std::size_t name_bytes_max = 64;      // our own bound; DPDK's is 127
  static constexpr std::size_t text_bytes_max = 127;     // longer texts are cut
  static constexpr std::size_t json_bytes_max = 16'384;  // of the whole reply
  // Kept free for the braces and the command that DPDK puts around the reply.
  static constexpr std::size_t frame_bytes = 128;

  using Value = std::variant<std::uint64_t, std::string, std::vector<std::uint64_t>, std::vector<std::string>>;
  struct Entry {
    std::string name;
    Value value;
  };

  // A reply with the one entry `error`.
  static Reply error(std::string_view sentence);

  void integer(std::string_view name, std::uint64_t value);
  // Characters that JSON would have to escape, and whatever is not printable ASCII, become '?'.
  void text(std::string_view name, std::string_view value);
  void integers(std::string_view name, std::span<const std::uint64_t> values);
  void texts(std::string_view name, std::span<const std::string> values);

  const std::vector<Entry>& entries() const { return entries_; }
  // The value called `name`, or nullptr.
  const Value* find(std::string_view name) const;
  // As DPDK's telemetry would write it, without the command around it.
  std::string json() const;
  // What it takes as JSON at most, without the frame.
  std::size_t json_bytes() const { return json_bytes_; }

 private:
  void add(std::string_view name, Value value, std::size_t json_bytes);

  std::vector<Entry> entries_;
  std::size_t json_bytes_ = 0;
};

}  // namespace penstock::control
