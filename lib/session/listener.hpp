// Listener: one address and port on which sessions are taken in, its limits and its counts; and ListenerTable.
//
// Limits hold per worker: `capacity` shares the node's out. The order of admission is the order of the drop reasons:
// listener_full, listener_half_open_full, listener_prefix_full; then the caller goes on to the session and flow tables.
// A worker has its own ListenerTable; only its core uses it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "base/arena.hpp"
#include "base/time.hpp"
#include "net/address.hpp"
#include "net/drop_reason.hpp"
#include "proto/protocol.hpp"
#include "session/flow_key.hpp"
#include "session/prefix_quota.hpp"

namespace penstock {

// The reliable-UDP protocols that a listener can speak.
enum class Protocol : std::uint8_t { kcp };

struct ListenerConfig {
  std::string name;                       // the operator's name for it, [A-Za-z0-9_]
  std::optional<net::IpAddress> address;  // one of our addresses; without, all of them
  std::uint16_t port = 0;                 // UDP port, 1 … 65535
  Protocol protocol = Protocol::kcp;
  SessionKeyMode key_mode = SessionKeyMode::address_conv;
  std::uint16_t service = 0;                      // index of the service that its sessions are handed to
  bool challenge = true;                          // strangers prove their address before they get a session
  bool roaming = false;                           // with mode address_conv: as conv, a client may move
  std::uint32_t sessions_max = 0;                 // sessions at a time, unproven ones included
  std::uint32_t half_open_max = 0;                // strangers remembered, or unproven sessions, at a time; at least 1
  std::uint32_t half_open_per_prefix_max = ~0u;   // strangers remembered per IPv4 /24 or IPv6 /56
  std::uint32_t per_prefix_max = 0;               // sessions at a time per IPv4 /24 or IPv6 /56
  Duration idle_timeout = Duration::seconds(60);  // a proven session that hears nothing for so long is closed
  std::uint32_t liveness_probes = 0;              // how often it is asked for a sign of life before, 0 … 8
  Duration half_open_timeout =
      Duration::seconds(5);                    // a stranger is forgotten, an unproven session closed; up to an hour
  Duration quarantine = Duration::seconds(3);  // late datagrams of a closed session are dropped for so long

  // A client may change its address: the conv alone tells who owns its session.
  bool roams() const { return key_mode == SessionKeyMode::conv || roaming; }
  // False when all of its sessions may come from one prefix, so that nobody need count.
  bool bounds_prefixes() const { return per_prefix_max < sessions_max; }
};

struct ListenerCounters {
  std::uint64_t opened = 0;                                // sessions taken in
  std::uint64_t proven = 0;                                // of these, peers that proved their address
  std::array<std::uint64_t, close_reason_count> closed{};  // sessions that ended, by CloseReason
  std::uint64_t refused_full = 0;                          // listener_full
  std::uint64_t refused_half_open_full = 0;                // listener_half_open_full
  std::uint64_t refused_prefix_full = 0;                   // listener_prefix_full
  std::uint64_t withdrawn = 0;                             // admitted, then given up by withdraw()

  std::uint64_t of(CloseReason reason) const { return closed[static_cast<std::size_t>(reason)]; }
};

class Listener {
 public:
  // `index` is its place in the ListenerTable; `quota` is the worker's and outlives it.
  Listener(std::uint16_t index, ListenerConfig config, PrefixQuota& quota);

  // Takes one more unproven session from `remote` in, or says why not and counts it. What it takes is given back by
  // withdraw() or on_closed().
  std::optional<net::DropReason> admit(const net::IpAddress& remote);
  // Undoes admit() of a session that is still unproven: a table had no room, or its first datagram was refused.
  void withdraw(const net::IpAddress& remote);
  // The peer of an admitted session proved its address.
  void on_proven();
  // A session moves from one remote address to another; or why it may not.
  std::optional<net::DropReason> move(const net::IpAddress& from, const net::IpAddress& to);
  // A session ended; `was_unproven` when on_proven() was never called for it, `remote` as at admit().
  void on_closed(CloseReason reason, bool was_unproven, const net::IpAddress& remote);

  const ListenerConfig& config() const { return config_; }
  std::uint16_t index() const { return index_; }
  const ListenerCounters& counters() const { return counters_; }
  // Sessions open now, unproven ones included; and the unproven ones alone.
  std::uint32_t sessions() const { return sessions_; }
  std::uint32_t half_open() const { return half_open_; }

 private:
  void leave(bool was_unproven, const net::IpAddress& remote);

  std::uint32_t sessions_ = 0;
  std::uint32_t half_open_ = 0;
  std::uint16_t index_;
  PrefixQuota& quota_;
  ListenerConfig config_;
  ListenerCounters counters_;
};

class ListenerTable {
 public:
  // Listeners keep the order, and so the index, of `configs`; 65,535 at the most, no two on the same address and port.
  ListenerTable(Arena& arena, std::span<const ListenerConfig> configs, PrefixQuota& quota);
  ~ListenerTable();
  ListenerTable(const ListenerTable&) = delete;
  ListenerTable& operator=(const ListenerTable&) = delete;
  static std::size_t cost(std::size_t listener_count);
  // True when two configurations cannot stand together: same port, and the same address or none in both.
  static bool same_place(const ListenerConfig& a, const ListenerConfig& b);

  // The listener for datagrams to `local`: the one of that very address before the one of all addresses; nullptr when
  // there is none (udp_no_listener).
  Listener* find(const net::Endpoint& local) {
    // A burst mostly goes to one listener.
    if (recent_local_.port == local.port && (recent_takes_all_ || recent_local_ == local)) return recent_;
    return find_place(local);
  }
  Listener& operator[](std::uint16_t index) { return listeners_[index]; }
  const Listener& operator[](std::uint16_t index) const { return listeners_[index]; }
  std::uint16_t count() const { return static_cast<std::uint16_t>(listeners_.size()); }
  std::span<Listener> all() { return listeners_; }

 private:
  struct Place {
    std::uint16_t port;
    bool any_address;  // sorts after the listeners of one address
    net::IpAddress address;
    std::uint16_t listener;
    constexpr auto operator<=>(const Place&) const = default;
  };

  Listener* find_place(const net::Endpoint& local);

  std::span<Listener> listeners_;
  std::span<Place> places_;        // sorted
  net::Endpoint recent_local_;     // where the last datagram went; port 0 before the first …
  Listener* recent_ = nullptr;     // … and its listener …
  bool recent_takes_all_ = false;  // … which is the only one of its port, whatever the address
};

}  // namespace penstock
