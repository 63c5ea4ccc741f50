// Plan: one world as drawn from its seed, before anything happens: hosts, conversations, faults and their times.
//
// Swarm testing: each kind of fault is on or off in a world, with an intensity of its own, so that combinations occur that
// nobody would write down. A third of the worlds are gentle: their faults cannot excuse a conversation that does not
// complete. Each part draws from a child of the seed's Rng, so one more draw here does not change everything there.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/time.hpp"
#include "engine/impairment.hpp"
#include "engine/node_config.hpp"
#include "net/address.hpp"
#include "proto/kcp/options.hpp"
#include "sim/coverage.hpp"

namespace penstock::sim {

// The listeners of a server, in this order, on UDP ports from server_port_first on.
enum class Target : std::uint8_t {
  echo_message,
  echo_stream,
  sink_message,  // a service that takes all and compares it
  discard_stream,
  echo_by_conv,     // sessions keyed by the conversation alone
  echo_by_address,  // … by the address alone
};
inline constexpr std::uint32_t target_count = 6;
inline constexpr std::uint16_t server_port_first = 4000;
// Each client host begins conversations from this many ports in message mode, and as many in stream mode.
inline constexpr std::uint32_t client_ports = 4;
inline constexpr std::uint16_t client_port_first = 5000;

constexpr bool is_stream(Target target) { return target == Target::echo_stream || target == Target::discard_stream; }
// Its listener follows a client whose address changes.
constexpr bool is_roaming(Target target) { return target == Target::echo_by_conv || target == Target::echo_message; }
constexpr bool is_echo(Target target) { return target != Target::sink_message && target != Target::discard_stream; }

struct Conversation {
  std::uint32_t conv = 0;    // unique in the world
  std::uint64_t key = 0;     // of its payload
  std::uint32_t client = 0;  // host that begins it
  std::uint32_t server = 0;  // host that answers
  Target target = Target::echo_message;
  bool ip6 = false;
  Instant start;
  std::vector<std::uint32_t> sizes;   // bytes of each message, or of each piece of a stream; may be 0
  std::uint32_t outstanding_max = 1;  // messages sent and not yet echoed
  bool impatient = false;             // closes as soon as all is sent, without waiting for the echo
  Duration linger;                    // waits so long before it closes, so that its last ACK arrives
  std::uint32_t pause_after = 0;      // after so many messages received it stops reading …
  Duration pause;                     // … for so long; zero: it does not
  bool never_reads = false;           // … for good
  bool reads_slowly = false;          // takes one message a turn
  std::uint32_t quits_after = 0;      // closes when so many messages were taken by send(); 0: it does not
  bool oversteps = false;             // tries to send a message that is too large for any peer first

  std::uint64_t bytes() const;
};

struct HostPlan {
  bool is_server = false;
  std::uint32_t workers = 1;
  bool rss = true;                 // the port hashes; else it spreads frames as it likes
  std::uint32_t missteer_ppm = 0;  // frames put on any queue
  bool checksum_offload = false;
  bool multi_segment = false;
  std::uint32_t rx_ring = 512;             // frames a receive ring holds
  std::uint32_t blocks = 2048;             // of each worker's pool
  Duration turn = Duration::us(20);        // between two turns of a worker at least
  std::int64_t clock_ppm = 0;              // by which its clock is too fast
  std::uint32_t neighbors_max = 64;        // that its stack remembers
  NodeConfig node;                         // stack and listeners are filled in by Host
  kcp::Options kcp;                        // of all its listeners but for `stream`
  ListenerConfig limits;                   // limits and timeouts of all its listeners
  impair::Impairment up;                   // host → switch until the heal
  impair::Impairment down;                 // switch → host
  std::optional<impair::Impairment> port;  // of an ImpairedPort around the host's port
};

// A fault with a beginning and an end on one host.
struct Episode {
  Fault kind = Fault::partition;
  std::uint32_t host = 0;
  std::uint32_t amount = 0;  // what it means depends on the kind
  Instant begin{};
  Instant end{};
};

inline constexpr std::uint64_t datagrams_min = 1000;

struct Plan {
  std::uint64_t seed = 0;
  bool gentle = false;  // every conversation has to complete
  bool dry_pools = false;
  Instant start;
  Instant heal;     // no fault after this, but for clients that vanished and servers that were stopped
  Instant give_up;  // every conversation has closed by then
  net::TagStack tags;
  std::vector<HostPlan> hosts;
  std::vector<Conversation> conversations;
  std::vector<Episode> episodes;            // by their beginning
  std::uint32_t strangers = 0;              // frames that strangers send
  std::uint32_t replay_ppm = 0;             // datagrams that somebody on the path says again later
  std::uint32_t mangle_ppm = 0;             // … and that he changes
  bool flood = false;                       // one burst to a stalled worker's neighbour
  std::uint64_t datagrams = datagrams_min;  // the world goes on until so many were sent

  bool has(Fault kind) const;
};

Plan draw_plan(std::uint64_t seed);

// Addresses of a host; `host` may be beyond the real ones, for strangers.
net::MacAddress mac_of(std::uint32_t host);
net::IpAddress address_of(std::uint32_t host, bool ip6);
inline constexpr std::uint8_t prefix_length4 = 24;
inline constexpr std::uint8_t prefix_length6 = 64;

}  // namespace penstock::sim
