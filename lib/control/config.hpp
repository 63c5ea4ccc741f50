// Config: what the operator's TOML file says, checked and with every default filled in.
//
// Plain data: runtime maps it onto ports, stacks, listeners and pools. load_config() and parse_config() are called at start,
// at a reload and by --check-config, on the main thread only; nothing here is on the data path. A Config that they return
// keeps every rule of docs/config.md, so that a reader of it need not check again. Names are those of the keys, with their
// units; fractions are whole parts per million, as no floating point lives below this room.
//
// The member initialisers below are the one place where defaults stand; docs/config.md repeats them and a test compares.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/impairment.hpp"
#include "net/address.hpp"

namespace penstock::control {

// [limits]: bounds of the whole node and of one worker.
struct LimitsConfig {
  std::uint32_t sessions_max = 65'536;                 // whole node, 1 … 16,777,216
  std::uint32_t rx_descriptors = 1'024;                // per queue, 32 … 32,768
  std::uint32_t tx_descriptors = 1'024;                // per queue, 32 … 32,768
  std::uint32_t mbufs = 0;                             // per worker; 0 = computed by engine/capacity
  std::uint32_t drain_timeout_s = 10;                  // seconds that SIGTERM waits for sessions, 0 … 3,600
  std::uint32_t window_memory_mb = 0;                  // MiB per worker for windows and reorder rings; 0 = computed
  std::array<std::uint32_t, 3> small_blocks{0, 0, 0};  // blocks per worker of 128, 512 and 2,176 B; 0 = computed
  std::uint32_t neighbors_max = 4'096;                 // next hops in the neighbour cache, 16 … 1,048,576
};

enum class Poll : std::uint8_t {
  busy,      // a worker never rests: the lowest latency, a whole core
  adaptive,  // a worker without work pauses, then sleeps
};

// [workers]: how each worker's loop behaves.
struct WorkersConfig {
  std::uint32_t poll_line = 0;  // of the key `poll`; 0 when the file has none
  Poll poll = Poll::busy;
  bool strict_bypass = false;  // a system call of a worker ends the process
};

// [port.impair]: what to do to frames on purpose. Fractions are parts per million of the frames.
struct ImpairConfig {
  std::uint32_t loss_ppm = 0;                // key `loss`, 0 … 1,000,000
  std::uint32_t burst_begin_ppm = 0;         // key `burst_begin`
  std::uint32_t burst_end_ppm = 0;           // key `burst_end`; not 0 where burst_begin_ppm is not
  std::uint32_t burst_loss_ppm = 1'000'000;  // key `burst_loss`
  std::uint32_t duplicate_ppm = 0;           // key `duplicate`
  std::uint32_t reorder_ppm = 0;             // key `reorder`
  std::uint32_t corrupt_ppm = 0;             // key `corrupt`
  std::uint32_t blackhole_bytes = 0;         // longer IP packets vanish, 0 … 9,000; 0 = none
  std::uint32_t delay_ms = 0;                // one way, 0 … 60,000
  std::uint32_t jitter_ms = 0;               // added at random to the delay, 0 … 60,000
  std::uint32_t rate_mbit = 0;               // Mbit/s of each direction, 0 … 400,000; 0 = no limit
  std::uint32_t queue_packets = 1'024;       // frames that wait for the rate or the delay, 1 … 1,048,576
  std::uint32_t ecn_ms = 0;                  // frames that wait longer for the rate are marked, 0 … 60,000; 0 = none
  std::uint32_t hold_every_ms = 0;  // from the beginning of one hold to the next, 0 … 60,000; 0 = there are none
  std::uint32_t hold_ms = 0;        // how long one lasts; less than hold_every_ms
  impair::Ways direction = impair::Ways::both;  // in which all this is done; never `none`
  impair::Ways partition = impair::Ways::none;  // directions in which nothing passes
  std::uint64_t seed = 1;                       // of the chance it rolls, 0 … 2^63 − 1
};

// A static route: destinations in `prefix` go to the next hop `via`, which is on the interface's link.
struct RouteConfig {
  net::Prefix prefix;  // host bits are zero
  net::IpAddress via;
};

// Addresses on one port under one stack of VLAN tags; the untagged interface has tags.count = 0.
struct InterfaceConfig {
  std::uint32_t line = 0;  // where the file names it: its [[port]] or [[port.vlan]]
  net::TagStack tags;
  std::vector<net::Prefix> addresses;      // own addresses with their on-link prefix; never empty in a checked Config
  std::optional<net::IpAddress> gateway;   // default next hop for IPv4
  std::optional<net::IpAddress> gateway6;  // default next hop for IPv6
  std::vector<RouteConfig> routes;
  std::vector<net::Prefix> local_prefixes;  // every address in them is ours; peers route them to one of `addresses`
};

enum class RxChecksum : std::uint8_t {
  verify,       // every checksum is verified, by the NIC where it can, else in software
  trust_local,  // a frame whose checksum is still to be filled in by its sender on this host is taken as it is
};

enum class TxMode : std::uint8_t {
  copy,  // payload is copied behind the headers into one buffer
  link,  // payload above the copy-break is linked where the port can send several segments
};

// [[port]]: one DPDK device.
struct PortConfig {
  std::uint32_t line = 0;     // of its [[port]]
  std::string device;         // DPDK device name ("net_af_packet0") or PCI address; unique
  std::uint32_t mtu = 1'500;  // bytes of an IP packet, 576 … 9,000; at least 1,280 with an IPv6 address
  RxChecksum rx_checksum = RxChecksum::verify;
  TxMode tx_mode = TxMode::copy;
  // The untagged one first when it has addresses, then the VLANs in the order of the file; at least one.
  std::vector<InterfaceConfig> interfaces;
  std::optional<ImpairConfig> impair;
};

enum class Protocol : std::uint8_t { kcp };
// `load` is penstock-load's one service, the others are penstock's: each program counts its own from 0.
enum class Service : std::uint8_t { echo, discard, sink, load = 0 };
// What tells one session from another: the peer's endpoint and conversation number, the endpoint, or the number alone.
enum class SessionKey : std::uint8_t { address_conv, address, conv };
enum class Mode : std::uint8_t { message, stream };
// How a sender finds what was lost: by ikcp's timeouts and skips, or by time, as RFC 8985 does.
enum class Recovery : std::uint8_t { ikcp, rack };
enum class Congestion : std::uint8_t { none, kcp, newreno, cubic, bbr };

// [[listener]]: a UDP port, the protocol spoken there and the service behind it. The protocol's defaults are those of ikcp.
struct ListenerConfig {
  std::uint32_t line = 0;  // of its [[listener]]
  std::string name;        // [A-Za-z0-9_-]{1,32}, unique
  Protocol protocol = Protocol::kcp;
  std::optional<net::IpAddress> address;  // only on this own address; all of them when absent
  std::uint16_t port = 0;                 // 1 … 65,535
  Service service = Service::echo;        // no default: the file must name it
  SessionKey key = SessionKey::address_conv;
  Mode mode = Mode::message;

  // 0: the RTO is at least 100 ms and doubles; 1: at least 30 ms, grows by half; 2: the same, by half of the measured RTO
  std::uint32_t nodelay = 0;
  std::uint32_t interval_ms = 100;  // flush interval the peer's RTO reckons with, 10 … 5,000
  std::uint32_t ack_delay_ms =
      0;                     // how long an owed acknowledgement waits for data to ride on, 0 … 1,000; 0 = not at all
  std::uint32_t resend = 0;  // later acknowledgements that trigger a fast retransmit, 0 … 255; 0 = never
  bool nc = false;           // no congestion control
  Recovery recovery = Recovery::ikcp;
  // `none` whenever nc is true; preset bbr with recovery by time, which the last three require
  Congestion congestion = Congestion::kcp;
  std::uint32_t loss_percent = 2;  // of what is sent, that bbr bears without yielding, 1 … 50
  bool search_mtu = false;         // key `path_mtu`; with recovery by time
  std::uint32_t snd_wnd = 32;      // segments, 1 … 32,768; preset 1,024 with recovery by time
  std::uint32_t rcv_wnd = 128;     // segments, 1 … 32,768
  std::uint32_t mtu = 1'400;       // bytes of UDP payload, 50 … 9,000; fits the ports it listens on
  std::uint32_t dead_link = 20;    // transmissions of one segment after which the link is dead, 2 … 255
  std::uint32_t probe_ms = 7'000;  // first zero-window probe, 100 … 120,000 (ikcp 1.7: 7,000; 2.0: 5,000)
  bool fastack_conserve = false;  // count an acknowledgement for fast retransmit only when it is newer than the segment

  bool roaming = false;             // with key "address+conv": a client may change its address once it has proven it
  std::uint32_t sessions_max = 0;   // sessions of this listener; 0 = limits.sessions_max
  bool challenge = true;            // strangers prove their address before they get a session
  std::uint32_t half_open_max = 0;  // strangers remembered; 0 = a quarter of sessions_max, at most 65,536
  std::uint32_t half_open_per_prefix_max = 1'024;  // … of them per IPv4 /24 or IPv6 /56; 0 = no limit
  std::uint32_t per_prefix_max = 0;                // sessions per IPv4 /24 or IPv6 /56; 0 = no limit
  std::uint32_t idle_timeout_s = 30;               // nothing from the peer for so long ends the session, 1 … 86,400
  std::uint32_t liveness_probes = 3;               // questions to a silent peer before that, 0 … 8
  std::uint32_t half_open_timeout_s = 10;          // a stranger is remembered for so long, 1 … 3,600
  std::uint32_t stall_timeout_s = 120;             // a window shut or a gap left for so long ends it, 1 … 3,600
  std::uint32_t quarantine_s = 5;  // a closed session's late datagrams are ignored for so long, 0 … 300
};

struct Config {
  std::string file;                   // as it was named
  std::vector<std::string> eal_args;  // [eal] args, word by word; the command line wins over them
  LimitsConfig limits;
  WorkersConfig workers;
  std::vector<PortConfig> ports;          // at least one
  std::vector<ListenerConfig> listeners;  // at least one
};

// Why a file is no configuration.
struct ConfigError {
  std::string file;
  std::uint32_t line = 0;  // 0 when no line is to blame
  std::string key;         // "listener.mtu"; "syntax" for what is no TOML; empty when no key is to blame
  std::string reason;      // without a full stop: "9001 is above 9000"
  // One line for a human: "penstock.toml:12: listener.mtu: 9001 is above 9000".
  std::string sentence() const;
};

// Whose configuration it is: penstock's, or penstock-load's, which has one listener with service = "load".
enum class Role : std::uint8_t { server, load };

// Largest file that is read at all.
inline constexpr std::size_t config_bytes_max = 1U << 20;

// Reads and checks a file; opens it for reading only and never blocks on a pipe or device.
std::expected<Config, ConfigError> load_config(const std::filesystem::path& path, Role role = Role::server);
// Checks the text of a file; `file` is only for the sentences.
std::expected<Config, ConfigError> parse_config(std::string_view text, std::string_view file, Role role = Role::server);

// Has `config` run under strict bypass, as --strict-bypass says whatever the file does. The error names what of the file
// is in its way.
std::expected<void, ConfigError> demand_strict_bypass(Config& config);

// A key that the reader knows, as docs/config.md lists it.
struct ConfigKey {
  std::string name;    // "listener.mtu"
  std::string range;   // "50..9000", "\"copy\" or \"link\""
  std::string preset;  // its value when the file does not name it: "1400", "none"; "required" when it must
};
// Every key, in the order in which it is read. It comes from the reader's own code, so it cannot differ from it.
std::vector<ConfigKey> config_keys();

}  // namespace penstock::control
