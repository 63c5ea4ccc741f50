// Trace: everything that happened in a world, in order, as one hash; readable on demand.
//
// Each frame that enters or leaves a link and each event of an application goes in with its time. Two runs of one seed must
// end with the same hash; the first line in which two printed traces differ is where chance or memory order leaked in.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/siphash.hpp"
#include "base/time.hpp"

namespace penstock::sim {

enum class TraceKind : std::uint8_t {
  frame_sent,     // a host's port gave a frame to its link; `a` is the fate
  frame_arrived,  // a link gave a frame to a host's port; `a` is what became of it there
  opened,         // an application's session; `a` is the conversation
  received,       // `b` bytes of conversation `a`
  sent,           // `b` bytes of conversation `a`
  writable,
  closed,  // `b` is the reason
  fault,   // an episode began or ended
};

class Trace {
 public:
  explicit Trace(bool print) : print_(print) {}

  void frame(Instant now, TraceKind kind, std::uint32_t host, std::uint64_t a, std::span<const std::uint8_t> bytes);
  void event(Instant now, TraceKind kind, std::uint32_t host, std::uint64_t a, std::uint64_t b);
  // The same with words for a human.
  void fault(Instant now, std::uint32_t host, std::string_view what, std::uint64_t amount);

  std::uint64_t hash() const { return hash_; }
  std::uint64_t events() const { return events_; }

 private:
  void mix(Instant now, TraceKind kind, std::uint32_t host, std::uint64_t a, std::uint64_t b);

  bool print_;
  std::uint64_t hash_ = 0;
  std::uint64_t events_ = 0;
};

}  // namespace penstock::sim
