// NeighborState: the life of a neighbour entry as a table, after RFC 4861, 7.3.2 and appendix C, for ARP as well.
//
// DELAY is left out: no upper layer tells us of forward progress, so a stale entry that is used is probed at once. What is
// ours: a MAC address that was confirmed is never replaced by a statement that nobody asked for; it makes us ask the old
// address first (THREATS: spoofing).
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace penstock::net {

enum class NeighborState : std::uint8_t {
  none,        // no entry
  incomplete,  // being asked for; its frames wait
  reachable,   // confirmed a short while ago
  stale,       // known, but not confirmed lately, or only by hearsay
  probe,       // in use while it is asked for again
};

enum class NeighborEvent : std::uint8_t {
  wanted,        // a frame is to be sent to it
  answered,      // it answered our question
  mentioned,     // it told its MAC address unasked, and that is news or what we have
  contradicted,  // unasked, another MAC address was told than we have
  expired,       // the reachable time since the last confirmation is over
  unanswered,    // the last question stayed without answer
  link_down,     // the port lost its link
};

inline constexpr std::array neighbor_state_names = {std::string_view{"none"}, std::string_view{"incomplete"},
                                                    std::string_view{"reachable"}, std::string_view{"stale"},
                                                    std::string_view{"probe"}};
inline constexpr std::array neighbor_event_names = {std::string_view{"wanted"},    std::string_view{"answered"},
                                                    std::string_view{"mentioned"}, std::string_view{"contradicted"},
                                                    std::string_view{"expired"},   std::string_view{"unanswered"},
                                                    std::string_view{"link_down"}};

// Rows are states, columns events, both in the order of their declaration.
inline constexpr auto neighbor_transitions = [] {
  using enum NeighborState;
  return std::array<std::array<NeighborState, neighbor_event_names.size()>, neighbor_state_names.size()>{{
      // wanted    answered   mentioned   contradicted expired     unanswered link_down
      {incomplete, none, stale, none, none, none, none},                         // none
      {incomplete, reachable, stale, incomplete, incomplete, none, incomplete},  // incomplete
      {reachable, reachable, reachable, probe, stale, reachable, stale},         // reachable
      {probe, reachable, stale, probe, stale, stale, stale},                     // stale
      {probe, reachable, probe, probe, probe, none, probe},                      // probe
  }};
}();

constexpr NeighborState after(NeighborState state, NeighborEvent event) {
  return neighbor_transitions[static_cast<std::size_t>(state)][static_cast<std::size_t>(event)];
}

}  // namespace penstock::net
