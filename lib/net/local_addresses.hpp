// LocalAddresses: whose address is it – our own, a group we listen to, a broadcast of our links – and may we use it yet.
//
// One hash table for all interfaces of a stack, filled at construction and fixed from then on, so that each packet's
// addresses are judged in two look-ups however many addresses there are. Strangers cannot add to it, so the hash has no key.
// What no entry names may still lie in a local prefix: a few compares, none where there are no such prefixes.
//
// It also runs each own address through its life when a link comes up: IPv6 duplicate address detection (RFC 4862, 5.4: one
// probe, one second) and two announcements a second apart (RFC 5227, 2.3; RFC 4861, 7.2.6). What has to be sent is *owed*
// until sent() or lost() tells what became of it. One core owns it; time is an argument.
#pragma once

#include <bit>
#include <cstdint>
#include <optional>
#include <span>

#include "base/arena.hpp"
#include "base/time.hpp"
#include "net/address.hpp"
#include "net/stack.hpp"

namespace penstock::net {

enum class AddressKind : std::uint8_t {
  own,        // ours
  group,      // an IPv6 multicast group in which neighbour discovery reaches us
  broadcast,  // the directed broadcast address of an IPv4 on-link prefix; nobody's source
};
enum class AddressState : std::uint8_t {
  tentative,  // IPv6, not yet known to be unique: not ours for packets
  preferred,  // in use
  duplicate,  // another node has it: not used until the link comes up anew
};
enum class OwedFrame : std::uint8_t { none, probe, announcement };

struct LocalAddress {
  IpAddress address;
  Instant deadline = Instant::never();  // when the next step of its life is due
  std::uint16_t interface = 0;
  AddressKind kind = AddressKind::own;
  AddressState state = AddressState::preferred;
  OwedFrame owed = OwedFrame::none;
  std::uint8_t prefix_length = 0;  // of the on-link prefix; own addresses only
  std::uint8_t steps_left = 0;     // probes while tentative, announcements once preferred
};

class LocalAddresses {
 public:
  static constexpr Duration probe_wait = Duration::seconds(1);  // RetransTimer, RFC 4861, 10
  static constexpr Duration announce_wait = Duration::seconds(1);
  static constexpr std::uint8_t probes = 1;  // DupAddrDetectTransmits
  static constexpr std::uint8_t announcements = 2;

  // With `announces` unset nothing is ever owed; states move all the same.
  LocalAddresses(Arena& arena, std::span<const InterfaceConfig> interfaces, bool announces);
  static std::size_t cost(std::span<const InterfaceConfig> interfaces);

  // The entry of `address` on `interface`, or nothing.
  const LocalAddress* find(std::uint16_t interface, const IpAddress& address) const;
  // True when every own address is in use, so that nobody need ask for one of them.
  bool all_usable() const { return all_usable_; }
  // True for an own address in use, and for every address of a local prefix.
  bool usable(std::uint16_t interface, const IpAddress& address) const {
    const std::uint32_t at = buckets_[bucket_of(address)];
    if (at == 0) return in_local_prefix(interface, address);
    const LocalAddress& entry = entries_[at - 1];
    if (entry.address != address || entry.interface != interface) return usable_further(interface, address);
    return entry.kind == AddressKind::own && entry.state == AddressState::preferred;
  }
  // True for an own address in use that neighbours may ask the link for; the peers find a local prefix by their routes.
  bool answers_for(std::uint16_t interface, const IpAddress& address) const {
    const LocalAddress* own = find_own(interface, address);
    return own != nullptr && own->state == AddressState::preferred;
  }
  // True when a packet that arrives on `interface` must not come from `address`: it is ours on some interface, or the
  // link's broadcast address.
  bool forbidden_source(std::uint16_t interface, const IpAddress& address) const {
    const std::size_t bucket = bucket_of(address);
    if (buckets_[bucket] != 0 && forbidden_from(bucket, interface, address)) return true;
    return !local_prefixes_.empty() && in_local_prefix(any_interface, address);
  }
  // An own address in use from which to reach `target` on `interface`: one whose prefix holds it, else one of the same
  // scope, else any of the family.
  std::optional<IpAddress> source_for(std::uint16_t interface, const IpAddress& target) const;

  void on_link(std::uint16_t interface, bool up, Instant now);
  // Another node has, or wants, our address. True when it was tentative and is a duplicate now.
  bool on_conflict(std::uint16_t interface, const IpAddress& address);
  // Another worker of ours found that out: the address is a duplicate, whatever we thought.
  void mark_duplicate(std::uint16_t interface, const IpAddress& address);
  void on_timeout(Instant now);
  Instant next_deadline() const { return earliest_; }

  // An address for which a frame is owed, or nothing; the same one until sent() or lost().
  const LocalAddress* next_owed() const;
  bool owes() const { return owed_count_ != 0; }
  // The frame of next_owed() left, or could not be made and is tried again a second later.
  void sent(Instant now);
  void lost(Instant now);

 private:
  LocalAddress& first_owed() const;
  LocalAddress* find_entry(std::uint16_t interface, const IpAddress& address) const;
  LocalAddress* find_own(std::uint16_t interface, const IpAddress& address) const;
  std::size_t bucket_of(const IpAddress& address) const {
    const auto halves = address.words();
    const std::uint64_t mixed = (halves[0] ^ std::rotl(halves[1], 29)) * 0x9e3779b97f4a7c15u;
    return static_cast<std::size_t>(mixed >> 32) & (buckets_.size() - 1);
  }
  static constexpr std::uint32_t any_interface = ~0u;
  bool in_local_prefix(std::uint32_t interface, const IpAddress& address) const {
    const auto words = address.words();
    for (const LocalPrefix& prefix : local_prefixes_) {
      if (prefix.prefix.holds(words) && (interface == any_interface || interface == prefix.interface)) return true;
    }
    return false;
  }
  // What the look-ups do when the first bucket does not decide.
  bool usable_further(std::uint16_t interface, const IpAddress& address) const;
  bool forbidden_from(std::size_t bucket, std::uint16_t interface, const IpAddress& address) const;
  void add(const LocalAddress& entry);
  void owe(LocalAddress& entry, OwedFrame frame, Instant now);
  void step(LocalAddress& entry, Instant now);
  void refresh();

  struct LocalPrefix {
    PrefixMask prefix;
    std::uint32_t interface = 0;
  };

  std::span<LocalPrefix> local_prefixes_;
  std::span<LocalAddress> entries_;   // own addresses first, in the order of the configuration
  std::span<std::uint32_t> buckets_;  // entry index + 1, or 0; linear probing, at most a quarter full
  std::uint32_t count_ = 0;
  std::uint32_t own_count_ = 0;
  std::uint32_t owed_count_ = 0;
  Instant earliest_ = Instant::never();
  bool all_usable_ = false;
  bool announces_;
};

}  // namespace penstock::net
