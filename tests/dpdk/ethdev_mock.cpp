#include "ethdev_mock.hpp"

#include <dlfcn.h>

#include <catch2/catch.hpp>

namespace penstock::nic::test {

namespace {

EthdevMock* in_force = nullptr;

// The library's own definition, behind the one of this executable.
template <class Function>
Function* library(Function*, const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

}  // namespace

EthdevMock::EthdevMock() {
  REQUIRE(in_force == nullptr);
  in_force = this;
}

EthdevMock::~EthdevMock() { in_force = nullptr; }

}  // namespace penstock::nic::test

using penstock::nic::test::in_force;
using penstock::nic::test::library;

extern "C" {

int rte_eth_dev_info_get(uint16_t port_id, struct rte_eth_dev_info* info) {
  static const auto real = library(&rte_eth_dev_info_get, "rte_eth_dev_info_get");
  const int code = real(port_id, info);
  if (code == 0 && in_force != nullptr && in_force->info) in_force->info(*info);
  return code;
}

int rte_eth_link_get_nowait(uint16_t port_id, struct rte_eth_link* link) {
  static const auto real = library(&rte_eth_link_get_nowait, "rte_eth_link_get_nowait");
  const int code = real(port_id, link);
  if (code == 0 && in_force != nullptr && in_force->link) in_force->link(*link);
  return code;
}

int rte_eth_dev_get_mtu(uint16_t port_id, uint16_t* mtu) {
  static const auto real = library(&rte_eth_dev_get_mtu, "rte_eth_dev_get_mtu");
  const int code = real(port_id, mtu);
  if (code == 0 && in_force != nullptr && in_force->mtu) in_force->mtu(*mtu);
  return code;
}

int rte_eth_dev_rss_hash_conf_get(uint16_t port_id, struct rte_eth_rss_conf* conf) {
  static const auto real = library(&rte_eth_dev_rss_hash_conf_get, "rte_eth_dev_rss_hash_conf_get");
  const int code = real(port_id, conf);
  return in_force != nullptr && in_force->hash_conf ? in_force->hash_conf(*conf, code) : code;
}

int rte_eth_dev_rss_reta_update(uint16_t port_id, struct rte_eth_rss_reta_entry64* reta, uint16_t size) {
  static const auto real = library(&rte_eth_dev_rss_reta_update, "rte_eth_dev_rss_reta_update");
  if (in_force != nullptr && in_force->reta_update) return in_force->reta_update();
  return real(port_id, reta, size);
}

int rte_eth_dev_rss_reta_query(uint16_t port_id, struct rte_eth_rss_reta_entry64* reta, uint16_t size) {
  static const auto real = library(&rte_eth_dev_rss_reta_query, "rte_eth_dev_rss_reta_query");
  const int code = real(port_id, reta, size);
  return in_force != nullptr && in_force->reta_query ? in_force->reta_query(reta, code) : code;
}

int rte_eth_dev_configure(uint16_t port_id, uint16_t rx_queues, uint16_t tx_queues, const struct rte_eth_conf* conf) {
  static const auto real = library(&rte_eth_dev_configure, "rte_eth_dev_configure");
  if (in_force != nullptr && in_force->configure) {
    if (const int refused = in_force->configure(*conf); refused < 0) return refused;
  }
  return real(port_id, rx_queues, tx_queues, conf);
}

int rte_eth_tx_queue_setup(uint16_t port_id, uint16_t queue, uint16_t descriptors, unsigned int socket,
                           const struct rte_eth_txconf* conf) {
  static const auto real = library(&rte_eth_tx_queue_setup, "rte_eth_tx_queue_setup");
  if (in_force != nullptr && in_force->tx_queue) in_force->tx_queue(descriptors, conf->offloads);
  return real(port_id, queue, descriptors, socket, conf);
}

}  // extern "C"
