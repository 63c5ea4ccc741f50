#include "net/stack.hpp"

#include <algorithm>
#include <type_traits>

#include "net/stack_impl.hpp"

namespace penstock::net {

static_assert(std::is_trivially_copyable_v<NeighborNews>);
static_assert(udp_headers_bytes_max <= headroom_bytes);

namespace {

NeighborLimits limits_of(const StackConfig& config) {
  return {config.neighbors_max, config.pending_frames_max, config.pending_per_hop_max};
}

// A tenth of a second's answers may leave at once.
TokenBucket icmp_bucket(const StackConfig& config) {
  return TokenBucket(config.icmp_per_second, std::max(config.icmp_per_second / 10, 1u));
}

}  // namespace

Stack::Impl::Impl(Arena& arena, const StackConfig& config, BlockPool& block_pool, DropCounters& drop_counters,
                  SipKey key, Rng rng)
    : pool(block_pool),
      drops(drop_counters),
      interfaces(arena.make<Interface>(config.interfaces.size())),
      keys(arena.make<Key>(config.interfaces.size())),
      recent_key{~std::uint64_t{0}, 0},
      rx_checksum(arena.make<RxChecksumPolicy>(config.ports.size())),
      untagged(arena.make<std::uint16_t>(config.ports.size())),
      addresses(arena, config.interfaces, config.announces),
      routes(arena, config.interfaces),
      neighbors(arena, limits_of(config), key, rng, drop_counters),
      echo_limit(icmp_bucket(config)),
      unreachable_limit(icmp_bucket(config)),
      too_big_limit(icmp_bucket(config)),
      fragment_id(static_cast<std::uint16_t>(rng.next())),
      answers(arena, answers_max),
      news(arena, news_max),
      shares_news(config.shares_news) {
  PENSTOCK_ASSERT(config.rx_checksum.size() == config.ports.size());
  PENSTOCK_ASSERT(config.interfaces.size() < 0xffff);
  std::copy(config.rx_checksum.begin(), config.rx_checksum.end(), rx_checksum.begin());
  std::fill(untagged.begin(), untagged.end(), no_interface);
  for (std::uint16_t i = 0; i < interfaces.size(); ++i) {
    const InterfaceConfig& from = config.interfaces[i];
    PENSTOCK_ASSERT(from.port < config.ports.size());
    const PortTraits& traits = config.ports[from.port];
    PENSTOCK_ASSERT(traits.mtu > udp_headers_bytes_max);
    const bool plain = from.tags.count == 0 && !traits.tx_ip_checksum && !traits.tx_udp_checksum;
    interfaces[i] = {from.mac, from.tags, from.port, plain, traits};
    keys[i] = {key_of(from.port, from.tags), i};
    if (from.tags.count == 0) untagged[from.port] = i;
  }
  const auto before = [](const Key& a, const Key& b) { return a.value < b.value; };
  std::sort(keys.begin(), keys.end(), before);
  const auto same = [](const Key& a, const Key& b) { return a.value == b.value; };
  PENSTOCK_ASSERT(std::adjacent_find(keys.begin(), keys.end(), same) == keys.end());
}

void Stack::Impl::tell(NeighborNews::Kind kind, std::uint16_t interface, const IpAddress& address,
                       const MacAddress& mac) {
  if (!shares_news) return;
  static_cast<void>(news.push(NeighborNews{kind, interface, address, mac}));
}

Stack::Stack(Arena& arena, const StackConfig& config, BlockPool& pool, DropCounters& drops, SipKey key, Rng rng)
    : impl_(std::make_unique<Impl>(arena, config, pool, drops, key, rng)) {}

Stack::~Stack() = default;

std::size_t Stack::cost(const StackConfig& config) {
  return Arena::cost<Impl::Interface>(config.interfaces.size()) + Arena::cost<Impl::Key>(config.interfaces.size()) +
         Arena::cost<RxChecksumPolicy>(config.ports.size()) + Arena::cost<std::uint16_t>(config.ports.size()) +
         LocalAddresses::cost(config.interfaces) + RouteTable::cost(config.interfaces) +
         NeighborCache::cost(limits_of(config)) + Ring<Impl::PortFrame>::cost(Impl::answers_max) +
         Ring<NeighborNews>::cost(Impl::news_max);
}

void Stack::refuse(const Packet& packet, Instant now) { impl_->refuse(packet, now); }

Stack::SendVerdict Stack::send_udp(Path& path, OutDatagram&& datagram, TxFrame& frame, std::uint16_t& port,
                                   Instant now) {
  return impl_->send_udp(path, std::move(datagram), frame, port, now);
}

std::uint16_t Stack::payload_max(const Path& path) const {
  return static_cast<std::uint16_t>(impl_->interfaces[path.interface].payload_max(path.remote.address.is_v4()));
}

bool Stack::wants_transmit() const {
  return !impl_->answers.empty() || impl_->neighbors.has_frames() || impl_->addresses.owes();
}

bool Stack::poll_transmit(TxFrame& frame, std::uint16_t& port, Instant now) {
  return impl_->poll_transmit(frame, port, now);
}

void Stack::on_timeout(Instant now) {
  impl_->addresses.on_timeout(now);
  impl_->neighbors.on_timeout(now);
}

Instant Stack::next_deadline() const {
  return earlier(impl_->addresses.next_deadline(), impl_->neighbors.next_deadline());
}

void Stack::on_link(std::uint16_t port, bool up, Instant now) {
  for (std::uint16_t i = 0; i < impl_->interfaces.size(); ++i) {
    if (impl_->interfaces[i].port != port) continue;
    impl_->addresses.on_link(i, up, now);
    if (!up) impl_->neighbors.on_link_down(i, now);
  }
}

std::optional<NeighborNews> Stack::poll_news() {
  if (impl_->news.empty()) return std::nullopt;
  return impl_->news.pop();
}

void Stack::apply(const NeighborNews& news, Instant now) {
  PENSTOCK_ASSERT(news.interface < impl_->interfaces.size());
  switch (news.kind) {
    case NeighborNews::Kind::resolved: impl_->neighbors.on_news(news.interface, news.address, news.mac, now); break;
    case NeighborNews::Kind::duplicate_address: impl_->addresses.mark_duplicate(news.interface, news.address); break;
  }
}

std::optional<Path> Stack::path_to(const Endpoint& remote, std::uint16_t local_port) const {
  if (!remote.address.is_valid_source()) return std::nullopt;
  std::optional<Path> best;
  std::uint8_t best_length = 0;
  for (std::uint16_t i = 0; i < impl_->interfaces.size(); ++i) {
    const auto hop = impl_->routes.find(i, remote.address);
    if (!hop || (best && hop->prefix_length <= best_length)) continue;
    const auto source = impl_->addresses.source_for(i, hop->address);
    if (!source || impl_->addresses.forbidden_source(i, remote.address)) continue;
    best = Path{{*source, local_port}, remote, i};
    best_length = hop->prefix_length;
  }
  return best;
}

bool Stack::owns(std::uint16_t interface, const IpAddress& address) const {
  return impl_->addresses.usable(interface, address);
}

std::vector<MacAddress> Stack::multicast_groups(const StackConfig& config, std::uint16_t port) {
  std::vector<MacAddress> groups;
  const auto join = [&](const IpAddress& group) {
    const MacAddress mac = multicast_mac(group);
    if (std::find(groups.begin(), groups.end(), mac) == groups.end()) groups.push_back(mac);
  };
  for (const InterfaceConfig& interface : config.interfaces) {
    if (interface.port != port) continue;
    for (const Prefix& prefix : interface.addresses) {
      if (prefix.address.is_v4()) continue;
      join(all_nodes());
      join(solicited_node(prefix.address));
    }
  }
  return groups;
}

std::span<const std::byte> Stack::memory() const { return std::as_bytes(std::span(impl_.get(), 1)); }

std::uint32_t Stack::pending_frames() const { return impl_->neighbors.pending_frames(); }

}  // namespace penstock::net
