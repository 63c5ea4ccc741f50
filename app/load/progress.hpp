// Progress: how far a load run is, written by the worker's core and read by the control thread, which may print.
//
// Every value stands for itself; none is read together with another, so relaxed stores will do.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>

namespace penstock::load {

enum class Phase : std::uint8_t {
  connecting,  // every session is begun, and its first message answered
  checking,    // every session's second message
  warming,     // the shape, not measured yet
  measuring,   // the shape
  settling,    // nothing new is asked; what is in flight is waited for
  over,
};
inline constexpr std::array<std::string_view, 6> phase_names = {"connecting", "checking", "warming up",
                                                                "measuring",  "settling", "over"};

struct Progress {
  std::atomic<Phase> phase{Phase::connecting};
  std::atomic<std::uint64_t> connections{0};  // now
  std::atomic<std::uint64_t> answered{0};     // messages, of all phases
  std::atomic<std::uint64_t> in_flight{0};
  std::atomic<std::uint64_t> mismatches{0};
};

}  // namespace penstock::load
