#include "net/route.hpp"

#include <algorithm>

namespace penstock::net {

namespace {

constexpr Prefix link_local_prefix{IpAddress::v6({0xfe, 0x80}), 10};

// An interface's own prefixes, its routes, and link-local.
std::size_t rows_max(std::span<const InterfaceConfig> interfaces) {
  std::size_t count = 0;
  for (const InterfaceConfig& interface : interfaces) count += interface.addresses.size() + interface.routes.size() + 1;
  return count;
}

}  // namespace

RouteTable::RouteTable(Arena& arena, std::span<const InterfaceConfig> interfaces)
    : rows_(arena.make<Row>(rows_max(interfaces))), ranges_(arena.make<Range>(interfaces.size())) {
  for (std::size_t i = 0; i < interfaces.size(); ++i) {
    ranges_[i].v4_first = count_;
    add_family(interfaces[i], true);
    ranges_[i].v6_first = count_;
    add_family(interfaces[i], false);
    ranges_[i].end = count_;
  }
}

std::size_t RouteTable::cost(std::span<const InterfaceConfig> interfaces) {
  return Arena::cost<Row>(rows_max(interfaces)) + Arena::cost<Range>(interfaces.size());
}

std::optional<NextHop> RouteTable::find(std::uint16_t interface, const IpAddress& destination) const {
  const auto words = destination.words();
  for (const Row& row : rows(interface, destination.is_v4())) {
    if (row.holds(words)) return NextHop{row.direct ? destination : row.via, row.length};
  }
  return std::nullopt;
}

bool RouteTable::on_link(std::uint16_t interface, const IpAddress& address) const {
  const auto words = address.words();
  const auto candidates = rows(interface, address.is_v4());
  return std::any_of(candidates.begin(), candidates.end(),
                     [&](const Row& row) { return row.direct && row.holds(words); });
}

void RouteTable::add_family(const InterfaceConfig& interface, bool v4) {
  const std::uint32_t first = count_;
  for (const Prefix& prefix : interface.addresses) {
    if (prefix.address.is_v4() == v4) rows_[count_++] = {PrefixMask::of(prefix), {}, true, prefix.length};
  }
  if (!v4 && count_ > first) rows_[count_++] = {PrefixMask::of(link_local_prefix), {}, true, link_local_prefix.length};
  for (const Route& route : interface.routes) {
    if (route.prefix.address.is_v4() == v4)
      rows_[count_++] = {PrefixMask::of(route.prefix), route.via, false, route.prefix.length};
  }
  // Insertion sort keeps rows of equal length in order and takes no memory; std::stable_sort may.
  for (std::uint32_t i = first; i < count_; ++i) {
    for (std::uint32_t k = i; k > first && rows_[k].length > rows_[k - 1].length; --k)
      std::swap(rows_[k], rows_[k - 1]);
  }
}

}  // namespace penstock::net
