// RouteTable: which neighbour on which interface leads to an address: on-link prefixes and static routes, longest first.
//
// It is filled at construction and fixed from then on. A look-up walks the rows of one interface and family; operators
// configure a handful, and established sessions skip even that by their path's hint. One core reads it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "base/arena.hpp"
#include "base/assert.hpp"
#include "net/address.hpp"
#include "net/stack.hpp"

namespace penstock::net {

// A neighbour to hand a packet to.
struct NextHop {
  IpAddress address;
  std::uint8_t prefix_length = 0;  // of the row that won, for the choice between interfaces
};

class RouteTable {
 public:
  RouteTable(Arena& arena, std::span<const InterfaceConfig> interfaces);
  static std::size_t cost(std::span<const InterfaceConfig> interfaces);

  // The next hop to `destination` out of `interface`; the destination itself when it is on-link. Nothing when no row holds
  // it. Of rows of one length the on-link one wins, then the one configured first.
  std::optional<NextHop> find(std::uint16_t interface, const IpAddress& destination) const;
  // The address of that next hop alone, or nullptr: for each datagram sent. It may be `destination` itself; `is_v4` says of
  // which family that is.
  const IpAddress* next_hop(std::uint16_t interface, const IpAddress& destination, bool is_v4) const {
    const auto words = destination.words();
    for (const Row& row : rows(interface, is_v4)) {
      if (row.holds(words)) return row.direct ? &destination : &row.via;
    }
    return nullptr;
  }
  // True when `address` is on the link of `interface`: inside one of its own prefixes, or IPv6 link-local.
  bool on_link(std::uint16_t interface, const IpAddress& address) const;

 private:
  struct Row {
    PrefixMask prefix;
    IpAddress via;
    bool direct = false;
    std::uint8_t length = 0;
    bool holds(const std::array<std::uint64_t, 2>& words) const { return prefix.holds(words); }
  };
  // Rows of one interface, longest first.
  struct Range {
    std::uint32_t v4_first = 0;
    std::uint32_t v6_first = 0;
    std::uint32_t end = 0;
  };
  void add_family(const InterfaceConfig& interface, bool v4);
  std::span<const Row> rows(std::uint16_t interface, bool v4) const {
    PENSTOCK_ASSERT(interface < ranges_.size());
    const Range& range = ranges_[interface];
    return v4 ? rows_.subspan(range.v4_first, range.v6_first - range.v4_first)
              : rows_.subspan(range.v6_first, range.end - range.v6_first);
  }

  std::span<Row> rows_;
  std::span<Range> ranges_;
  std::uint32_t count_ = 0;
};

}  // namespace penstock::net
