// Shows that a reply keeps what it is given, makes every text fit for JSON, reckons its size as JSON, and that each limit of
// DPDK's telemetry is asserted.
#include "control/reply.hpp"

#include <array>
#include <catch2/catch.hpp>

#include "aborts.hpp"

namespace penstock::control {

using test::aborts;

TEST_CASE("a reply keeps its entries in order") {
  Reply reply;
  reply.integer("rx_packets", 7);
  reply.text("name", "echo");
  reply.integers("upper", std::vector<std::uint64_t>{1, 2});
  reply.texts("ports", std::vector<std::string>{"a", "b"});
  REQUIRE(reply.entries().size() == 4);
  CHECK(reply.entries()[0].name == "rx_packets");
  CHECK(std::get<std::uint64_t>(*reply.find("rx_packets")) == 7);
  CHECK(std::get<std::string>(*reply.find("name")) == "echo");
  CHECK(std::get<std::vector<std::uint64_t>>(*reply.find("upper")).size() == 2);
  CHECK(std::get<std::vector<std::string>>(*reply.find("ports"))[1] == "b");
  CHECK(reply.find("nothing") == nullptr);
}

TEST_CASE("the size as JSON is not below the real one") {
  Reply reply;
  reply.integer("a", 12);
  CHECK(reply.json_bytes() >= std::string_view(R"("a":12,)").size());
  Reply arrays;
  arrays.integers("a", std::vector<std::uint64_t>{1, 22});
  arrays.texts("b", std::vector<std::string>{"x", "yy"});
  CHECK(arrays.json_bytes() >= std::string_view(R"("a":[1,22],"b":["x","yy"])").size());
}

TEST_CASE("texts are cut and made plain") {
  Reply reply;
  reply.text("a", "x\"\\\n\x1b\xc3\xa9y");
  CHECK(std::get<std::string>(*reply.find("a")) == "x??????y");
  reply.text("b", std::string(1'000, 'b'));
  CHECK(std::get<std::string>(*reply.find("b")).size() == Reply::text_bytes_max);
  reply.texts("c", std::vector<std::string>{"\"", std::string(1'000, 'c')});
  CHECK(std::get<std::vector<std::string>>(*reply.find("c"))[0] == "?");
  CHECK(std::get<std::vector<std::string>>(*reply.find("c"))[1].size() == Reply::text_bytes_max);
}

TEST_CASE("an error is a reply of one entry") {
  const Reply reply = Reply::error("busy");
  REQUIRE(reply.entries().size() == 1);
  CHECK(std::get<std::string>(*reply.find("error")) == "busy");
}

TEST_CASE("every limit of the socket is asserted") {
  Reply reply;
  reply.integer("a", 1);
  CHECK(aborts([&] { reply.integer("a", 1); }));
  CHECK(aborts([&] { reply.integer("", 1); }));
  CHECK(aborts([&] { reply.integer("a-b", 1); }));
  CHECK(aborts([&] { reply.integer(std::string(65, 'a'), 1); }));
  CHECK(aborts([&] { reply.integers("b", std::vector<std::uint64_t>(513)); }));
  CHECK(aborts([&] { reply.texts("b", std::vector<std::string>(513)); }));
  CHECK(aborts([&] { reply.texts("b", std::vector<std::string>(200, std::string(127, 'x'))); }));
  CHECK(aborts([] {
    Reply full;
    for (int i = 0; i < 257; ++i) full.integer(std::string("e").append(std::to_string(i)), 0);
  }));
}

TEST_CASE("reply: as JSON it is what DPDK would write") {
  CHECK(Reply().json() == "{}");
  Reply reply;
  reply.integer("count", 18'446'744'073'709'551'615u);
  reply.text("name", "a \"b\"\n");
  reply.integers("sums", std::array<std::uint64_t, 2>{1, 2});
  reply.integers("none", {});
  reply.texts("words", std::array<std::string, 2>{"x", "y"});
  CHECK(reply.json() == R"({"count":18446744073709551615,"name":"a ?b??","sums":[1,2],"none":[],"words":["x","y"]})");
  CHECK(reply.json().size() <= reply.json_bytes() + 2);
}

}  // namespace penstock::control
