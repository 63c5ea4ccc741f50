// Options by name: each can be set, and what is no option or no value of one is refused with a sentence.
#include "path/option_names.hpp"

#include <catch2/catch.hpp>

namespace penstock::path {

TEST_CASE("an option is set by its name") {
  kcp::Options options;
  CHECK(!set_option(options, "nodelay=2"));
  CHECK(!set_option(options, "no_congestion_window=1"));
  CHECK(!set_option(options, "rto_max_ms=70000"));
  CHECK(options.nodelay == 2);
  CHECK(options.no_congestion_window);
  CHECK(options.rto_max_ms == 70'000);
}

TEST_CASE("every name can be set") {
  for (const std::string_view name : option_names()) {
    kcp::Options options;
    const std::string value = name == "recovery" ? "rack" : name == "congestion" ? "bbr" : "1";
    CHECK(!set_option(options, std::string(name) + "=" + value));
  }
}

TEST_CASE("what is no setting changes nothing and is told") {
  for (const char* setting : {"nodelay", "=1", "nodelay=", "nodelay=x", "nodelay=256", "nodelay=-1", "nodelay=1 ",
                              "no_congestion_window=2", "speed=1", "rto_max_ms=4294967296"}) {
    kcp::Options options;
    const auto fault = set_option(options, setting);
    INFO(setting);
    REQUIRE(fault);
    CHECK(!fault->empty());
    CHECK(options.nodelay == 0);
    CHECK(!options.no_congestion_window);
  }
  kcp::Options options;
  CHECK(set_option(options, "speed=1")->find("nodelay, ") != std::string::npos);
}

}  // namespace penstock::path
