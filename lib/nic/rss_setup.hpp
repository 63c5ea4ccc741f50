// rss_setup: a random RSS key, the flows it covers and the redirection table, set and read back.
//
// A driver's default key is a public constant, with which anybody can choose the queue that his packets land on (THREATS,
// F8). What counts afterwards is what the device says it has: the engine computes a flow's owner from it. Main thread.
#pragma once

#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <vector>

#include "engine/port.hpp"

struct rte_eth_dev_info;

namespace penstock::nic {

// What the device is to be asked for.
struct RssPlan {
  std::uint64_t functions = 0;    // RTE_ETH_RSS_… that it offers and we want; 0: it shall not hash
  std::vector<std::uint8_t> key;  // of the device's length
};

// `random` must be as long as the device's key; the error names both lengths. One queue needs no hash.
std::expected<RssPlan, std::string> plan_rss(const std::string& device, const rte_eth_dev_info& device_info,
                                             std::uint16_t queues, std::span<const std::uint8_t> random);

// After the device started: sets key and table, reads both back into `info`, and notes where they differ from the plan. When
// the table cannot be known, `info` says that the port does not hash.
void apply_rss(std::uint16_t port_id, const RssPlan& plan, PortInfo& info, std::vector<std::string>& notes);

}  // namespace penstock::nic
