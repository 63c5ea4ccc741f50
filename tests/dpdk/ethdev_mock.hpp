// EthdevMock: lets a test give a device capabilities and habits that no driver on a plain machine has.
//
// The test executable defines some functions of librte_ethdev itself and passes them on to the library, changed as the mock
// in force says. Objects do not nest.
#pragma once

#include <rte_ethdev.h>

#include <cstdint>
#include <functional>

namespace penstock::nic::test {

class EthdevMock {
 public:
  EthdevMock();
  ~EthdevMock();
  EthdevMock(const EthdevMock&) = delete;
  EthdevMock& operator=(const EthdevMock&) = delete;

  // Each gets what the library said and may change it; where none is set, the library has its way.
  std::function<void(rte_eth_dev_info&)> info;
  std::function<void(rte_eth_link&)> link;               // after rte_eth_link_get_nowait
  std::function<void(std::uint16_t&)> mtu;               // after rte_eth_dev_get_mtu
  std::function<int(rte_eth_rss_conf&, int)> hash_conf;  // after rte_eth_dev_rss_hash_conf_get; returns its result
  std::function<int()> reta_update;                      // instead of rte_eth_dev_rss_reta_update
  std::function<int(rte_eth_rss_reta_entry64*, int)> reta_query;  // after rte_eth_dev_rss_reta_query
  std::function<int(const rte_eth_conf&)> configure;  // before rte_eth_dev_configure; a result below 0 is its refusal
  // Before rte_eth_tx_queue_setup: the descriptors and the offloads that the queue is set up with.
  std::function<void(std::uint16_t, std::uint64_t)> tx_queue;
};

}  // namespace penstock::nic::test
