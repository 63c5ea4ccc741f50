#include "nic/rss_setup.hpp"

#include <rte_ethdev.h>

#include <algorithm>
#include <array>

#include "base/assert.hpp"

namespace penstock::nic {

namespace {

constexpr std::uint8_t key_bytes_usual = 40;  // Toeplitz over an IPv6 4-tuple needs 36 + 4
constexpr std::size_t key_bytes_max = 255;    // rss_key_len has 8 bits

// UDP with its ports; plain IP for what is not UDP. The _EX kinds hash the home address of an extension header instead of
// the source address and are left out: software could not follow them.
constexpr std::uint64_t functions_wanted = RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_FRAG_IPV4 | RTE_ETH_RSS_NONFRAG_IPV4_UDP |
                                           RTE_ETH_RSS_NONFRAG_IPV4_OTHER | RTE_ETH_RSS_IPV6 | RTE_ETH_RSS_FRAG_IPV6 |
                                           RTE_ETH_RSS_NONFRAG_IPV6_UDP | RTE_ETH_RSS_NONFRAG_IPV6_OTHER;

using Reta = std::vector<rte_eth_rss_reta_entry64>;

std::uint16_t& entry(Reta& reta, std::size_t index) {
  return reta[index / RTE_ETH_RETA_GROUP_SIZE].reta[index % RTE_ETH_RETA_GROUP_SIZE];
}

// A table of `size` entries with every entry selected for reading or writing.
Reta make_reta(std::uint16_t size) {
  Reta reta((size + RTE_ETH_RETA_GROUP_SIZE - 1u) / RTE_ETH_RETA_GROUP_SIZE);
  for (std::size_t i = 0; i < size; ++i) {
    reta[i / RTE_ETH_RETA_GROUP_SIZE].mask |= std::uint64_t{1} << (i % RTE_ETH_RETA_GROUP_SIZE);
  }
  return reta;
}

// The hash in force: key and functions as the device tells, or as planned when it does not tell.
RssPlan hash_in_force(std::uint16_t port_id, const RssPlan& plan, std::vector<std::string>& notes) {
  RssPlan in_force = plan;
  rte_eth_rss_conf wanted = {.rss_key = in_force.key.data(),
                             .rss_key_len = static_cast<std::uint8_t>(in_force.key.size()),
                             .rss_hf = plan.functions};
  const bool updated = rte_eth_dev_rss_hash_update(port_id, &wanted) == 0;
  std::array<std::uint8_t, key_bytes_max> key{};
  rte_eth_rss_conf found = {
      .rss_key = key.data(), .rss_key_len = static_cast<std::uint8_t>(plan.key.size()), .rss_hf = 0};
  // A key of zeroes would send every flow to one queue: the driver left the array alone.
  const bool told = rte_eth_dev_rss_hash_conf_get(port_id, &found) == 0 &&
                    std::ranges::any_of(key, [](std::uint8_t byte) { return byte != 0; });
  if (!told) {
    notes.emplace_back(
        updated ? "The driver does not tell which RSS key is in force; ours was accepted."
                : "The driver tells of no RSS key and took ours only at configuration; the queue of a flow may "
                  "be another than we compute.");
    return in_force;
  }
  in_force.key.assign(key.begin(), key.begin() + static_cast<std::ptrdiff_t>(plan.key.size()));
  in_force.functions = found.rss_hf;
  if (in_force.key != plan.key) {
    notes.emplace_back(
        "The port keeps an RSS key of its own: if that is a public constant, a sender can choose his queue.");
  }
  return in_force;
}

// The queue of each entry after spreading; empty when the device does not tell.
std::vector<std::uint16_t> spread_reta(std::uint16_t port_id, std::uint16_t queues, std::vector<std::string>& notes) {
  // mlx5 knows the table's size only now that it runs.
  rte_eth_dev_info device_info = {};
  if (rte_eth_dev_info_get(port_id, &device_info) != 0 || device_info.reta_size == 0) return {};
  const std::uint16_t size = device_info.reta_size;
  Reta reta = make_reta(size);
  for (std::size_t i = 0; i < size; ++i) entry(reta, i) = static_cast<std::uint16_t>(i % queues);
  if (rte_eth_dev_rss_reta_update(port_id, reta.data(), size) != 0) {
    notes.emplace_back("The port keeps an RSS table of its own.");
  }
  Reta found = make_reta(size);
  if (rte_eth_dev_rss_reta_query(port_id, found.data(), size) != 0) return {};
  std::vector<std::uint16_t> queue_of(size);
  for (std::size_t i = 0; i < size; ++i) queue_of[i] = entry(found, i);
  if (std::ranges::any_of(queue_of, [&](std::uint16_t queue) { return queue >= queues; })) return {};
  return queue_of;
}

}  // namespace

std::expected<RssPlan, std::string> plan_rss(const std::string& device, const rte_eth_dev_info& device_info,
                                             std::uint16_t queues, std::span<const std::uint8_t> random) {
  RssPlan plan;
  if (queues < 2) return plan;
  plan.functions = device_info.flow_type_rss_offloads & functions_wanted;
  if (plan.functions == 0) return plan;
  const std::size_t length = device_info.hash_key_size == 0 ? key_bytes_usual : device_info.hash_key_size;
  if (random.size() < length) {
    return std::unexpected("The RSS key of " + device + " takes " + std::to_string(length) +
                           " random bytes, and only " + std::to_string(random.size()) + " were given.");
  }
  plan.key.assign(random.begin(), random.begin() + static_cast<std::ptrdiff_t>(length));
  return plan;
}

void apply_rss(std::uint16_t port_id, const RssPlan& plan, PortInfo& info, std::vector<std::string>& notes) {
  if (plan.functions == 0) {
    if (info.queues > 1) notes.emplace_back("The port has no RSS: packets reach their worker by hand-off.");
    return;
  }
  PENSTOCK_ASSERT(!plan.key.empty());
  RssPlan in_force = hash_in_force(port_id, plan, notes);
  info.rss_reta = spread_reta(port_id, info.queues, notes);
  if (info.rss_reta.empty()) {
    notes.emplace_back("The port's RSS table cannot be read: packets reach their worker by hand-off.");
    return;
  }
  info.rss_key = std::move(in_force.key);
  info.rss_udp4 = (in_force.functions & RTE_ETH_RSS_NONFRAG_IPV4_UDP) != 0;
  info.rss_udp6 = (in_force.functions & RTE_ETH_RSS_NONFRAG_IPV6_UDP) != 0;
}

}  // namespace penstock::nic
