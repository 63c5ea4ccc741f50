#include "session/ownership.hpp"

#include <algorithm>
#include <array>

#include "base/assert.hpp"
#include "base/cursor.hpp"

namespace penstock {

// For each input bit that is set, the 32 key bits that begin at its place are added (exclusive or). The window slides
// over the key a bit at a time.
std::uint32_t toeplitz(std::span<const std::uint8_t> key, std::span<const std::uint8_t> input) {
  PENSTOCK_ASSERT(key.size() >= input.size() + 4);
  ByteReader first(key);
  std::uint32_t window = first.u32_be();
  std::uint32_t result = 0;
  for (std::size_t i = 0; i < input.size(); ++i) {
    for (std::uint32_t bit = 8; bit-- > 0;) {
      if ((input[i] >> bit & 1) != 0) result ^= window;
      window = window << 1 | (std::uint32_t{key[i + 4]} >> bit & 1);
    }
  }
  return result;
}

std::uint32_t rss_hash(std::span<const std::uint8_t> key, const net::Endpoint& source, const net::Endpoint& destination,
                       bool ports) {
  PENSTOCK_ASSERT(source.address.is_v4() == destination.address.is_v4());
  std::array<std::uint8_t, 36> tuple{};
  ByteWriter writer(tuple);
  const std::size_t skipped =
      source.address.is_v4() ? 12 : 0;  // of the mapped form only the IPv4 bytes are on the wire
  writer.bytes(std::span(source.address.bytes()).subspan(skipped));
  writer.bytes(std::span(destination.address.bytes()).subspan(skipped));
  if (ports) {
    writer.u16_be(source.port);
    writer.u16_be(destination.port);
  }
  return toeplitz(key, writer.written());
}

FlowOwnership::FlowOwnership(Arena& arena, const RssView& rss, std::uint32_t workers, SipKey key)
    : rss_key_(arena.make<std::uint8_t>(rss.key.size())),
      reta_(arena.make<std::uint16_t>(rss.reta.size())),
      ports_v4_(rss.ports_v4),
      ports_v6_(rss.ports_v6),
      workers_(workers),
      key_{key.k0 ^ domain, key.k1} {
  PENSTOCK_ASSERT(workers > 0);
  PENSTOCK_ASSERT(rss.key.empty() == rss.reta.empty());
  PENSTOCK_ASSERT(rss.key.empty() || rss.key.size() >= rss_key_bytes_min);
  std::ranges::copy(rss.key, rss_key_.begin());
  std::ranges::copy(rss.reta, reta_.begin());
  for (const std::uint16_t queue : reta_) PENSTOCK_ASSERT(queue < workers);
}

std::size_t FlowOwnership::cost(const RssView& rss) {
  return Arena::cost<std::uint8_t>(rss.key.size()) + Arena::cost<std::uint16_t>(rss.reta.size());
}

std::uint32_t FlowOwnership::owner_of_path(const net::Path& path) const {
  if (uses_rss()) return queue_of(expected_rss_hash(path));
  return spread(hash(flow_key(SessionKeyMode::address, path, 0), key_));
}

std::uint32_t FlowOwnership::owner_of_conv(std::uint32_t conv) const {
  const std::array<std::uint64_t, 1> words{conv};
  return spread(siphash13_words(key_, words));
}

std::uint32_t FlowOwnership::expected_rss_hash(const net::Path& path) const {
  PENSTOCK_ASSERT(uses_rss());
  return rss_hash(rss_key_, path.remote, path.local, path.remote.address.is_v4() ? ports_v4_ : ports_v6_);
}

// Scales the upper half instead of dividing.
std::uint32_t FlowOwnership::spread(std::uint64_t hashed) const {
  return static_cast<std::uint32_t>(((hashed >> 32) * workers_) >> 32);
}

}  // namespace penstock
