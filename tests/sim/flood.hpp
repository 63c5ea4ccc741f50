// Flood: prepared frames that are sent again and again at a steady rate, whatever becomes of them: what a hostile sender
// does who listens to nothing.
//
// Frames are made once, at construction. Each kind is worth less to a server than the ones behind it.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "base/time.hpp"
#include "net/address.hpp"
#include "sim/frames.hpp"

namespace penstock::sim {

enum class FloodKind : std::uint8_t {
  none,
  invalid,    // the UDP checksum is wrong
  unknown,    // of conversations whose beginning the server never saw
  unproven,   // more and more data of sessions that it opens and never proves
  newcomers,  // each begins a session
  mixed,      // one of each in turn
  spoofed,    // new conversations of new sources, of sources that are connected, and junk in the name of living ones
};
std::string_view name_of(FloodKind kind);

class Flood {
 public:
  struct Way {
    net::MacAddress source_mac;
    net::MacAddress destination_mac;
    net::Endpoint server;
  };

  // `per_second` frames from `begin` on; 0: none.
  Flood(FloodKind kind, std::uint64_t per_second, const Way& way, Instant begin);

  // When the next frame is on the wire, in nanoseconds of virtual time.
  std::uint64_t next_ns() const { return next_ns_; }
  // That frame; its bytes stay where they are.
  std::span<const std::uint8_t> take();
  std::uint64_t sent() const { return sent_; }
  // A frame of a client is on its way to the server: of the kind `spoofed`, its source and conversation are forged from then on.
  void learn(std::span<const std::uint8_t> frame);

  // Of the kind `newcomers`: as many sessions as one flood can open.
  static constexpr std::uint32_t newcomers_max = 16'384;

 private:
  // A conversation that is alive, and where it comes from.
  struct Victim {
    net::Endpoint source;
    std::uint32_t conv;
  };
  void prepare(FloodKind kind, const Way& way);
  Bytes spoof(std::uint64_t number) const;
  Bytes in_the_name_of(const net::Endpoint& source, const Bytes& payload) const;

  FloodKind kind_;
  Way way_;
  std::vector<Victim> victims_;
  std::unordered_set<std::uint32_t> known_;  // their conversations
  Bytes spoofed_;
  std::vector<Bytes> frames_;
  std::vector<std::uint32_t> order_;  // of frames_, in which they are sent, from its beginning again when it is over
  std::uint64_t interval_ns_;
  std::uint64_t next_ns_;
  std::uint64_t sent_ = 0;
};

}  // namespace penstock::sim
