#include "session/listener.hpp"

#include <algorithm>
#include <iterator>
#include <memory>
#include <utility>

#include "base/assert.hpp"

namespace penstock {

Listener::Listener(std::uint16_t index, ListenerConfig config, PrefixQuota& quota)
    : index_(index), quota_(quota), config_(std::move(config)) {
  PENSTOCK_ASSERT(config_.port != 0);
}

std::optional<net::DropReason> Listener::admit(const net::IpAddress& remote) {
  if (sessions_ >= config_.sessions_max) {
    ++counters_.refused_full;
    return net::DropReason::listener_full;
  }
  if (half_open_ >= config_.half_open_max) {
    ++counters_.refused_half_open_full;
    return net::DropReason::listener_half_open_full;
  }
  if (config_.bounds_prefixes() && !quota_.acquire(index_, remote, config_.per_prefix_max)) {
    ++counters_.refused_prefix_full;
    return net::DropReason::listener_prefix_full;
  }
  ++sessions_;
  ++half_open_;
  ++counters_.opened;
  return std::nullopt;
}

void Listener::withdraw(const net::IpAddress& remote) {
  leave(true, remote);
  --counters_.opened;
  ++counters_.withdrawn;
}

void Listener::on_proven() {
  PENSTOCK_ASSERT(half_open_ > 0);
  --half_open_;
  ++counters_.proven;
}

// The new prefix first, as the old one's count may be wanted back by then; within one prefix nothing changes.
std::optional<net::DropReason> Listener::move(const net::IpAddress& from, const net::IpAddress& to) {
  if (!config_.bounds_prefixes() || quota_.same_prefix(from, to)) return std::nullopt;
  if (!quota_.acquire(index_, to, config_.per_prefix_max)) {
    ++counters_.refused_prefix_full;
    return net::DropReason::listener_prefix_full;
  }
  quota_.release(index_, from);
  return std::nullopt;
}

void Listener::on_closed(CloseReason reason, bool was_unproven, const net::IpAddress& remote) {
  leave(was_unproven, remote);
  ++counters_.closed[static_cast<std::size_t>(reason)];
}

void Listener::leave(bool was_unproven, const net::IpAddress& remote) {
  PENSTOCK_ASSERT(sessions_ > 0);
  --sessions_;
  if (was_unproven) {
    PENSTOCK_ASSERT(half_open_ > 0);
    --half_open_;
  }
  if (config_.bounds_prefixes()) quota_.release(index_, remote);
}

ListenerTable::ListenerTable(Arena& arena, std::span<const ListenerConfig> configs, PrefixQuota& quota)
    : listeners_(reinterpret_cast<Listener*>(arena.allocate(configs.size() * sizeof(Listener))), configs.size()),
      places_(arena.make<Place>(configs.size())) {
  PENSTOCK_ASSERT(configs.size() <= 65'535);
  for (std::size_t i = 0; i < configs.size(); ++i) {
    const ListenerConfig& config = configs[i];
    const auto index = static_cast<std::uint16_t>(i);
    std::construct_at(&listeners_[i], index, config, quota);
    places_[i] = {config.port, !config.address.has_value(), config.address.value_or(net::IpAddress{}), index};
  }
  std::ranges::sort(places_);
  for (std::size_t i = 1; i < places_.size(); ++i) {
    PENSTOCK_ASSERT(!same_place(configs[places_[i - 1].listener], configs[places_[i].listener]));
  }
}

ListenerTable::~ListenerTable() { std::ranges::destroy(listeners_); }

std::size_t ListenerTable::cost(std::size_t listener_count) {
  return Arena::cost<Listener>(listener_count) + Arena::cost<Place>(listener_count);
}

bool ListenerTable::same_place(const ListenerConfig& a, const ListenerConfig& b) {
  return a.port == b.port && a.address == b.address;
}

Listener* ListenerTable::find_place(const net::Endpoint& local) {
  const Place exact{local.port, false, local.address, 0};
  const Place any{local.port, true, {}, 0};
  for (const Place& sought : {exact, any}) {
    const auto found = std::ranges::lower_bound(places_, sought);
    if (found == places_.end()) return nullptr;
    if (found->port == sought.port && found->any_address == sought.any_address && found->address == sought.address) {
      // Those of one address stand before the one of all.
      const bool alone = found == places_.begin() || std::prev(found)->port != found->port;
      recent_local_ = local;
      recent_takes_all_ = found->any_address && alone;
      return recent_ = &listeners_[found->listener];
    }
  }
  return nullptr;
}

}  // namespace penstock
