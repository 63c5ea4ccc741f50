// Reply: what one statistics command answered, taken out of its JSON without trusting it.
//
// Whatever comes over the socket is a peer's input: names and texts are made printable ASCII and cut, numbers that are no
// unsigned 64 bit integers are left out, arrays are bounded, and what is no JSON object with one key is a Fault. Pure; any
// thread.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "top/counters.hpp"
#include "top/fault.hpp"

namespace penstock::top {

struct Reply {
  static constexpr std::size_t text_bytes_max = 128;
  static constexpr std::size_t elements_max = 512;  // DPDK's own bound of arrays and, doubled, of dictionaries

  Counters numbers;
  std::vector<std::pair<std::string, std::string>> texts;
  std::vector<std::pair<std::string, std::vector<std::uint64_t>>> columns;
  std::vector<std::pair<std::string, std::vector<std::string>>> text_columns;

  // Empty when there is none of that name.
  std::string_view text(std::string_view name) const;
  const std::vector<std::uint64_t>& column(std::string_view name) const;
  const std::vector<std::string>& text_column(std::string_view name) const;
};

// What `command` answered: `text` is one message of the socket.
std::expected<Reply, Fault> read_reply(std::string_view command, std::string_view text);
// DPDK's first message to a client.
struct Greeting {
  std::string dpdk;  // its version
  std::uint64_t process_id = 0;
};
std::expected<Greeting, Fault> read_greeting(std::string_view text);
// Printable ASCII, '?' for the rest, cut to text_bytes_max: safe for any terminal.
std::string printable(std::string_view text);

}  // namespace penstock::top
