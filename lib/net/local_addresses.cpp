#include "net/local_addresses.hpp"

#include <algorithm>
#include <bit>

#include "net/headers.hpp"

namespace penstock::net {

namespace {

// Each address brings at most itself and a broadcast or group; each interface all-nodes.
std::size_t entries_max(std::span<const InterfaceConfig> interfaces) {
  std::size_t count = 0;
  for (const InterfaceConfig& interface : interfaces) count += 1 + 2 * interface.addresses.size();
  return count;
}

std::size_t prefix_count(std::span<const InterfaceConfig> interfaces) {
  std::size_t count = 0;
  for (const InterfaceConfig& interface : interfaces) count += interface.local_prefixes.size();
  return count;
}

std::size_t bucket_count(std::size_t entries) { return std::bit_ceil(4 * entries + 1); }

IpAddress directed_broadcast(const Prefix& prefix) {
  auto quad = prefix.address.v4_bytes();
  for (std::size_t bit = prefix.length; bit < 32; ++bit) quad[bit / 8] |= static_cast<std::uint8_t>(0x80u >> (bit % 8));
  return IpAddress::v4(quad);
}

}  // namespace

LocalAddresses::LocalAddresses(Arena& arena, std::span<const InterfaceConfig> interfaces, bool announces)
    : local_prefixes_(arena.make<LocalPrefix>(prefix_count(interfaces))),
      entries_(arena.make<LocalAddress>(entries_max(interfaces))),
      buckets_(arena.make<std::uint32_t>(bucket_count(entries_.size()))),
      announces_(announces) {
  for (std::uint16_t i = 0; i < interfaces.size(); ++i) {
    for (const Prefix& prefix : interfaces[i].addresses) {
      LocalAddress own;
      own.address = prefix.address;
      own.interface = i;
      own.prefix_length = prefix.length;
      own.state = prefix.address.is_v4() ? AddressState::preferred : AddressState::tentative;
      add(own);
    }
  }
  own_count_ = count_;
  std::size_t place = 0;
  for (std::uint16_t i = 0; i < interfaces.size(); ++i) {
    for (const Prefix& prefix : interfaces[i].local_prefixes) local_prefixes_[place++] = {PrefixMask::of(prefix), i};
  }
  for (std::uint16_t i = 0; i < interfaces.size(); ++i) {
    LocalAddress other;
    other.interface = i;
    other.kind = AddressKind::group;
    other.address = all_nodes();
    add(other);
    for (const Prefix& prefix : interfaces[i].addresses) {
      const bool is_v4 = prefix.address.is_v4();
      // A link of two addresses or one has no broadcast (RFC 3021).
      if (is_v4 && prefix.length > 30) continue;
      other.kind = is_v4 ? AddressKind::broadcast : AddressKind::group;
      other.address = is_v4 ? directed_broadcast(prefix) : solicited_node(prefix.address);
      add(other);
    }
  }
  refresh();
}

std::size_t LocalAddresses::cost(std::span<const InterfaceConfig> interfaces) {
  const std::size_t entries = entries_max(interfaces);
  return Arena::cost<LocalPrefix>(prefix_count(interfaces)) + Arena::cost<LocalAddress>(entries) +
         Arena::cost<std::uint32_t>(bucket_count(entries));
}

const LocalAddress* LocalAddresses::find(std::uint16_t interface, const IpAddress& address) const {
  return find_entry(interface, address);
}

bool LocalAddresses::usable_further(std::uint16_t interface, const IpAddress& address) const {
  const LocalAddress* entry = find_entry(interface, address);
  if (entry == nullptr) return in_local_prefix(interface, address);
  return entry->kind == AddressKind::own && entry->state == AddressState::preferred;
}

bool LocalAddresses::forbidden_from(std::size_t bucket, std::uint16_t interface, const IpAddress& address) const {
  const std::size_t mask = buckets_.size() - 1;
  for (std::size_t b = bucket; buckets_[b] != 0; b = (b + 1) & mask) {
    const LocalAddress& entry = entries_[buckets_[b] - 1];
    if (entry.address == address && (entry.kind == AddressKind::own || entry.interface == interface)) return true;
  }
  return false;
}

std::optional<IpAddress> LocalAddresses::source_for(std::uint16_t interface, const IpAddress& target) const {
  const LocalAddress* best = nullptr;
  int best_rank = -1;
  for (const LocalAddress& entry : entries_.first(own_count_)) {
    if (entry.interface != interface || entry.state != AddressState::preferred) continue;
    if (entry.address.is_v4() != target.is_v4()) continue;
    const bool on_link = Prefix{entry.address, entry.prefix_length}.contains(target);
    const int rank = on_link ? 2 : (entry.address.is_link_local() == target.is_link_local() ? 1 : 0);
    if (rank > best_rank) best = &entry;
    best_rank = std::max(best_rank, rank);
  }
  if (best == nullptr) return std::nullopt;
  return best->address;
}

void LocalAddresses::on_link(std::uint16_t interface, bool up, Instant now) {
  for (LocalAddress& entry : entries_.first(own_count_)) {
    if (entry.interface != interface) continue;
    if (entry.owed != OwedFrame::none) --owed_count_;
    entry.owed = OwedFrame::none;
    entry.deadline = Instant::never();
    if (!up) continue;
    const bool is_v4 = entry.address.is_v4();
    entry.state = is_v4 ? AddressState::preferred : AddressState::tentative;
    entry.steps_left = is_v4 ? announcements : probes;
    owe(entry, is_v4 ? OwedFrame::announcement : OwedFrame::probe, now);
  }
  refresh();
}

bool LocalAddresses::on_conflict(std::uint16_t interface, const IpAddress& address) {
  const LocalAddress* own = find_own(interface, address);
  if (own == nullptr || own->state != AddressState::tentative) return false;
  mark_duplicate(interface, address);
  return true;
}

void LocalAddresses::mark_duplicate(std::uint16_t interface, const IpAddress& address) {
  LocalAddress* own = find_own(interface, address);
  if (own == nullptr) return;
  own->state = AddressState::duplicate;
  own->deadline = Instant::never();
  if (own->owed != OwedFrame::none) --owed_count_;
  own->owed = OwedFrame::none;
  refresh();
}

void LocalAddresses::on_timeout(Instant now) {
  if (now < earliest_) return;
  for (LocalAddress& entry : entries_.first(own_count_)) {
    if (entry.deadline > now) continue;
    entry.deadline = Instant::never();
    if (entry.state == AddressState::tentative && entry.steps_left == 0) {
      entry.state = AddressState::preferred;
      entry.steps_left = announcements;
    }
    owe(entry, entry.state == AddressState::tentative ? OwedFrame::probe : OwedFrame::announcement, now);
  }
  refresh();
}

const LocalAddress* LocalAddresses::next_owed() const { return owed_count_ == 0 ? nullptr : &first_owed(); }

void LocalAddresses::sent(Instant now) {
  LocalAddress& entry = first_owed();
  --owed_count_;
  step(entry, now);
  refresh();
}

void LocalAddresses::lost(Instant now) {
  LocalAddress& entry = first_owed();
  --owed_count_;
  entry.owed = OwedFrame::none;
  entry.deadline = now + probe_wait;
  refresh();
}

LocalAddress& LocalAddresses::first_owed() const {
  PENSTOCK_ASSERT(owed_count_ > 0);
  const auto own = entries_.first(own_count_);
  const auto found =
      std::find_if(own.begin(), own.end(), [](const LocalAddress& e) { return e.owed != OwedFrame::none; });
  PENSTOCK_ASSERT(found != own.end());
  return *found;
}

LocalAddress* LocalAddresses::find_entry(std::uint16_t interface, const IpAddress& address) const {
  const std::size_t mask = buckets_.size() - 1;
  for (std::size_t b = bucket_of(address); buckets_[b] != 0; b = (b + 1) & mask) {
    LocalAddress& entry = entries_[buckets_[b] - 1];
    if (entry.address == address && entry.interface == interface) return &entry;
  }
  return nullptr;
}

LocalAddress* LocalAddresses::find_own(std::uint16_t interface, const IpAddress& address) const {
  LocalAddress* entry = find_entry(interface, address);
  return entry != nullptr && entry->kind == AddressKind::own ? entry : nullptr;
}

// The same address twice on an interface (two addresses may share a solicited-node group) is kept once.
void LocalAddresses::add(const LocalAddress& entry) {
  if (find(entry.interface, entry.address) != nullptr) return;
  std::size_t b = bucket_of(entry.address);
  while (buckets_[b] != 0) b = (b + 1) & (buckets_.size() - 1);
  PENSTOCK_ASSERT(count_ < entries_.size());
  entries_[count_] = entry;
  buckets_[b] = ++count_;
}

void LocalAddresses::owe(LocalAddress& entry, OwedFrame frame, Instant now) {
  if (!announces_) return step(entry, now);
  entry.owed = frame;
  ++owed_count_;
}

// The frame is out, or another worker's to send.
void LocalAddresses::step(LocalAddress& entry, Instant now) {
  PENSTOCK_ASSERT(entry.steps_left > 0);
  entry.owed = OwedFrame::none;
  --entry.steps_left;
  if (entry.state == AddressState::tentative) entry.deadline = now + probe_wait;
  else entry.deadline = entry.steps_left > 0 ? now + announce_wait : Instant::never();
}

// Sums up over all own addresses after one of them changed.
void LocalAddresses::refresh() {
  earliest_ = Instant::never();
  all_usable_ = true;
  for (const LocalAddress& entry : entries_.first(own_count_)) {
    earliest_ = earlier(earliest_, entry.deadline);
    all_usable_ = all_usable_ && entry.state == AddressState::preferred;
  }
}

}  // namespace penstock::net
