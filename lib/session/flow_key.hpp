// FlowKey: what tells the sessions of a worker apart, and its keyed hash.
//
// A listener says by SessionKeyMode which parts of a datagram count (PROTOCOLS, "Session identification in the field").
// flow_key() leaves the others zero, so that equal keys are equal byte for byte. Pure functions, callable from any core.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

#include "base/siphash.hpp"
#include "net/address.hpp"
#include "net/path.hpp"

namespace penstock {

enum class SessionKeyMode : std::uint8_t {
  address,       // one session per remote address and port, whatever the conv (kcp-go, kcp2k)
  address_conv,  // several conversations per remote address and port
  conv,          // the conv alone, so that a client may change its address (roaming)
};

struct FlowKey {
  std::uint32_t conv = 0;       // conversation id; 0 in mode `address`
  std::uint16_t interface = 0;  // index into StackConfig::interfaces
  net::Endpoint local;          // the listener's side; a roaming client keeps to it
  net::Endpoint remote;         // the peer; all zero in mode `conv`

  constexpr bool operator==(const FlowKey&) const = default;
};
static_assert(std::is_trivially_copyable_v<FlowKey>);

// A 64-bit SipHash-1-3 of a key. Unequal keys share one by chance only (2^-64), as long as the SipKey is secret.
using FlowHash = std::uint64_t;

// The key of a datagram that came by `path` with conversation id `conv`.
constexpr FlowKey flow_key(SessionKeyMode mode, const net::Path& path, std::uint32_t conv) {
  FlowKey key{.conv = conv, .interface = path.interface, .local = path.local, .remote = path.remote};
  if (mode == SessionKeyMode::address) key.conv = 0;
  if (mode == SessionKeyMode::conv) key.remote = {};
  return key;
}

namespace detail {

inline std::uint32_t last_word(const net::IpAddress& address) {
  std::uint32_t word = 0;
  std::memcpy(&word, address.bytes().data() + 12, sizeof(word));
  return word;
}

inline std::array<std::uint64_t, 2> words_of(const net::IpAddress& address) {
  std::array<std::uint64_t, 2> words{};
  std::memcpy(words.data(), address.bytes().data(), sizeof(words));
  return words;
}

}  // namespace detail

namespace detail {

// Fields are packed into words, so that no padding is hashed: three words when the local address is IPv4 (the remote then is
// IPv4 or zero), six otherwise. SipHash takes the length in, so the two forms do not meet.
inline FlowHash hash_of(std::uint32_t conv, std::uint16_t interface, const net::Endpoint& local,
                        const net::Endpoint& remote, SipKey sip) {
  const std::uint64_t head =
      std::uint64_t{interface} | std::uint64_t{local.port} << 16 | std::uint64_t{remote.port} << 32;
  if (local.address.is_v4()) {
    const std::uint64_t addresses = std::uint64_t{last_word(local.address)} | std::uint64_t{last_word(remote.address)}
                                                                                  << 32;
    return siphash13_words(sip, std::array<std::uint64_t, 3>{head, addresses, conv});
  }
  const auto here = words_of(local.address);
  const auto there = words_of(remote.address);
  return siphash13_words(sip, std::array<std::uint64_t, 6>{head, here[0], here[1], there[0], there[1], conv});
}

}  // namespace detail

// The keyed hash of a key.
inline FlowHash hash(const FlowKey& key, SipKey sip) {
  return detail::hash_of(key.conv, key.interface, key.local, key.remote, sip);
}
// The hash of flow_key(mode, path, conv), without making the key.
inline FlowHash flow_hash(SessionKeyMode mode, const net::Path& path, std::uint32_t conv, SipKey sip) {
  static constexpr net::Endpoint nobody{};
  return detail::hash_of(mode == SessionKeyMode::address ? 0 : conv, path.interface, path.local,
                         mode == SessionKeyMode::conv ? nobody : path.remote, sip);
}

}  // namespace penstock
