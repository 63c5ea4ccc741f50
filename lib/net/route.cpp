#include "net/route.hpp"

#include <algorithm>
#include <bit>

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

RouteTable::Row RouteTable::row_of(const Prefix& prefix, const IpAddress& via, bool direct) {
  std::array<std::uint8_t, 16> mask{};
  const std::size_t bits = prefix.address.is_v4() ? 96u + prefix.length : prefix.length;
  PENSTOCK_ASSERT(bits <= 128);
  for (std::size_t bit = 0; bit < bits; ++bit) mask[bit / 8] |= static_cast<std::uint8_t>(0x80u >> (bit % 8));
  Row row;
  row.mask = std::bit_cast<std::array<std::uint64_t, 2>>(mask);
  const auto words = prefix.address.words();
  row.value = {words[0] & row.mask[0], words[1] & row.mask[1]};
  row.via = via;
  row.direct = direct;
  row.length = prefix.length;
  return row;
}

void RouteTable::add_family(const InterfaceConfig& interface, bool v4) {
  const std::uint32_t first = count_;
  for (const Prefix& prefix : interface.addresses) {
    if (prefix.address.is_v4() == v4) rows_[count_++] = row_of(prefix, {}, true);
  }
  if (!v4 && count_ > first) rows_[count_++] = row_of(link_local_prefix, {}, true);
  for (const Route& route : interface.routes) {
    if (route.prefix.address.is_v4() == v4) rows_[count_++] = row_of(route.prefix, route.via, false);
  }
  // Insertion sort keeps rows of equal length in order and takes no memory; std::stable_sort may.
  for (std::uint32_t i = first; i < count_; ++i) {
    for (std::uint32_t k = i; k > first && rows_[k].length > rows_[k - 1].length; --k)
      std::swap(rows_[k], rows_[k - 1]);
  }
}

}  // namespace penstock::net
