// Addresses: what an operator may write and what reports print, by tables of text in both directions; the kinds of address
// and the prefix test, at their borders. Malformed text is fed as often as valid text.
#include <catch2/catch.hpp>

#include "net/address.hpp"

using namespace penstock::net;

TEST_CASE("addresses print as RFC 5952 wants and read back as themselves", "[net][address]") {
  const auto text = GENERATE("0.0.0.0", "10.0.0.2", "255.255.255.255", "::", "::1", "fd77::2", "2001:db8::1:0:0:1",
                             "2001:db8:0:1:1:1:1:1", "1:2:3:4:5:6:7:8", "1::", "::2:0:0:0:3", "fe80::aa:bbcc:ddee",
                             "0:1:2:3:4:5:6:7", "ff02::1:ff00:2");
  const auto address = parse_ip(text);
  REQUIRE(address);
  CHECK(to_string(*address) == text);
}

TEST_CASE("IPv6 text that is not canonical is read, and printed canonically", "[net][address]") {
  const auto [written, printed] =
      GENERATE(table<const char*, const char*>({{"FD77:0:0:0:0:0:0:2", "fd77::2"},
                                                {"0:0:0:0:0:0:0:0", "::"},
                                                {"2001:0db8::0001", "2001:db8::1"},
                                                {"64:ff9b::192.0.2.33", "64:ff9b::c000:221"},
                                                {"1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"},
                                                {"1:0:0:2:0:0:0:3", "1:0:0:2::3"},
                                                {"1:0:0:2:0:0:3:4", "1::2:0:0:3:4"},
                                                {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"}}));
  REQUIRE(parse_ip(written));
  CHECK(to_string(*parse_ip(written)) == printed);
}

TEST_CASE("text that is no address yields nothing", "[net][address]") {
  const auto text = GENERATE(
      "", " ", "10.0.0", "10.0.0.2.3", "10.0.0.02", "010.0.0.2", "10.0.0.256", "10.0.0.-1", "10.0.0.+1", "10.0.0.2 ",
      " 10.0.0.2", "10..0.2", "0x0a.0.0.2", "10.0.0.1000", ":", ":::", "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9",
      "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8", "12345::", "g::", "fe80::1%eth0", ":1::", "1::2:", "[::1]",
      "1.2.3.4::", "::1.2.3", "::1.2.3.4:5", "::ffff:10.0.0.2", "1:2:3:4:5:6:7:1.2.3.4", "::-1", "::0x1", "localhost");
  CHECK_FALSE(parse_ip(text));
}

TEST_CASE("MAC addresses are six pairs of digits", "[net][address]") {
  const auto mac = parse_mac("02:00:5E:10:00:0f");
  REQUIRE(mac);
  CHECK(to_string(*mac) == "02:00:5e:10:00:0f");
  CHECK_FALSE(mac->is_multicast());
  CHECK(parse_mac("01:00:5e:00:00:01")->is_multicast());
  CHECK(MacAddress::broadcast().is_multicast());
  CHECK(parse_mac("00:00:00:00:00:00")->is_zero());
  const auto bad = GENERATE("", "02:00:5e:10:00", "02:00:5e:10:00:0", "02-00-5e-10-00-0f", "02:00:5e:10:00:0g",
                            "02:00:5e:10:00:0f:", "0:200:5e:10:00:0f", "02:00:5e:10:00:-f", "02:00:5e:10:00: f");
  CHECK_FALSE(parse_mac(bad));
}

TEST_CASE("prefixes keep their host bits and refuse what does not fit", "[net][address]") {
  CHECK(to_string(*parse_prefix("10.0.0.2/24")) == "10.0.0.2/24");
  CHECK(to_string(*parse_prefix("fd77::2/64")) == "fd77::2/64");
  CHECK(parse_prefix("0.0.0.0/0"));
  CHECK(parse_prefix("::/0"));
  CHECK(parse_prefix("fd77::2/128"));
  const auto bad = GENERATE("10.0.0.2", "10.0.0.2/", "10.0.0.2/33", "10.0.0.2/024", "10.0.0.2/2 4", "fd77::2/129",
                            "/24", "10.0.0.2/-1", "10.0.0.2/24/24", "fd77::2/+64", "10.0.0.2/4294967320");
  CHECK_FALSE(parse_prefix(bad));
}

TEST_CASE("a prefix contains exactly its block and only its family", "[net][address]") {
  const auto [prefix, address, inside] =
      GENERATE(table<const char*, const char*, bool>({{"10.0.0.2/24", "10.0.0.0", true},
                                                      {"10.0.0.2/24", "10.0.0.255", true},
                                                      {"10.0.0.2/24", "10.0.1.0", false},
                                                      {"10.0.0.2/31", "10.0.0.3", true},
                                                      {"10.0.0.2/31", "10.0.0.1", false},
                                                      {"10.0.0.2/32", "10.0.0.2", true},
                                                      {"10.0.0.2/32", "10.0.0.3", false},
                                                      {"10.128.0.0/9", "10.255.0.1", true},
                                                      {"10.128.0.0/9", "10.127.0.1", false},
                                                      {"0.0.0.0/0", "203.0.113.9", true},
                                                      {"0.0.0.0/0", "fd77::2", false},
                                                      {"::/0", "fd77::2", true},
                                                      {"::/0", "10.0.0.2", false},
                                                      {"fd77::/65", "fd77::7fff:0:0:1", true},
                                                      {"fd77::/65", "fd77::8000:0:0:1", false},
                                                      {"fd77::2/128", "fd77::2", true},
                                                      {"fd77::2/128", "fd77::3", false}}));
  CHECK(parse_prefix(prefix)->contains(*parse_ip(address)) == inside);
}

TEST_CASE("kinds of address at their borders", "[net][address]") {
  CHECK(IpAddress{}.is_unspecified());
  CHECK(IpAddress::v4(0, 0, 0, 0).is_unspecified());
  CHECK_FALSE(IpAddress::v4(0, 0, 0, 1).is_unspecified());
  CHECK(IpAddress::v4(224, 0, 0, 0).is_multicast());
  CHECK(IpAddress::v4(239, 255, 255, 255).is_multicast());
  CHECK_FALSE(IpAddress::v4(223, 255, 255, 255).is_multicast());
  CHECK_FALSE(IpAddress::v4(240, 0, 0, 0).is_multicast());
  CHECK(parse_ip("ff02::1")->is_multicast());
  CHECK(parse_ip("127.9.9.9")->is_loopback());
  CHECK(parse_ip("::1")->is_loopback());
  CHECK(parse_ip("169.254.1.1")->is_link_local());
  CHECK(parse_ip("fe80::1")->is_link_local());
  CHECK(parse_ip("febf::1")->is_link_local());
  CHECK_FALSE(parse_ip("fec0::1")->is_link_local());
  const auto valid = GENERATE("1.0.0.1", "223.255.255.254", "169.254.0.1", "fd77::2", "fe80::1", "2001:db8::1", "::2");
  CHECK(parse_ip(valid)->is_valid_source());
  const auto invalid =
      GENERATE("0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::", "::1", "ff02::1");
  CHECK_FALSE(parse_ip(invalid)->is_valid_source());
}

TEST_CASE("endpoints print with brackets around IPv6", "[net][address]") {
  CHECK(to_string(Endpoint{*parse_ip("10.0.0.2"), 4000}) == "10.0.0.2:4000");
  CHECK(to_string(Endpoint{*parse_ip("fd77::2"), 65535}) == "[fd77::2]:65535");
}

TEST_CASE("a mask holds what its prefix contains, up to its last address", "[net][address]") {
  const auto [text, last, beyond] =
      GENERATE(table<const char*, const char*, const char*>({{"10.128.0.0/9", "10.255.255.255", "11.0.0.0"},
                                                             {"10.0.0.7/32", "10.0.0.7", "10.0.0.8"},
                                                             {"fd99::/64", "fd99::ffff:ffff:ffff:ffff", "fd99:0:0:1::"},
                                                             {"fd99::8/125", "fd99::f", "fd99::10"}}));
  const Prefix prefix = *parse_prefix(text);
  const PrefixMask mask = PrefixMask::of(prefix);
  CHECK(mask.holds(prefix.address.words()));
  CHECK(mask.last() == *parse_ip(last));
  CHECK(mask.holds(mask.last().words()));
  CHECK_FALSE(mask.holds(parse_ip(beyond)->words()));
}
