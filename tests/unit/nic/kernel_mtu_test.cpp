// Shows that an interface's MTU is asked for by its index; the loopback device is always there.
#include "nic/kernel_mtu.hpp"

#include <net/if.h>

#include <catch2/catch.hpp>
#include <fstream>

using namespace penstock::nic;

TEST_CASE("kernel_mtu: the loopback's is what sysfs says") {
  std::ifstream in("/sys/class/net/lo/mtu");
  std::uint32_t expected = 0;
  REQUIRE(in >> expected);
  CHECK(kernel_mtu(if_nametoindex("lo")) == expected);
}

TEST_CASE("kernel_mtu: no interface has none") {
  CHECK_FALSE(kernel_mtu(0).has_value());
  CHECK_FALSE(kernel_mtu(0x7fffffff).has_value());
}
