// Shows that replies are taken apart in their order, and that each kind of answer that is none becomes a Fault with a sentence.
#include "top/reply.hpp"

#include <catch2/catch.hpp>

using namespace penstock::top;

namespace {

Fault::Kind fault_of(std::string_view text) {
  const auto reply = read_reply("/penstock/worker,0", text);
  REQUIRE_FALSE(reply.has_value());
  CHECK_FALSE(reply.error().sentence.empty());
  return reply.error().kind;
}

}  // namespace

TEST_CASE("a reply's numbers, texts and columns come in its order") {
  const auto reply = read_reply(
      "/penstock/x,0,1", R"({"/penstock/x":{"b":2,"a":1,"name":"echo","ids":[7,8],"peers":["p","q"],"none":[]}})");
  REQUIRE(reply);
  REQUIRE(reply->numbers.all().size() == 2);
  CHECK(reply->numbers.all()[0].first == "b");
  CHECK(reply->numbers.of("a") == 1);
  CHECK_FALSE(reply->numbers.find("c"));
  CHECK(reply->text("name") == "echo");
  CHECK(reply->text("nobody").empty());
  CHECK(reply->column("ids") == std::vector<std::uint64_t>{7, 8});
  CHECK(reply->column("none").empty());
  CHECK(reply->text_column("peers") == std::vector<std::string>{"p", "q"});
  CHECK(reply->text_column("ids").empty());
}

TEST_CASE("what penstock says as an error is its sentence") {
  const auto reply = read_reply("/penstock/worker,9", R"({"/penstock/worker":{"error":"worker is out of range"}})");
  REQUIRE_FALSE(reply.has_value());
  CHECK(reply.error().kind == Fault::Kind::refused);
  CHECK(reply.error().sentence == "worker is out of range");
}

TEST_CASE("a command that nobody registered") {
  CHECK(fault_of(R"({"/penstock/worker":null})") == Fault::Kind::unknown);
}

TEST_CASE("what penstock never says") {
  CHECK(fault_of("") == Fault::Kind::strange);
  CHECK(fault_of("{") == Fault::Kind::strange);
  CHECK(fault_of("[]") == Fault::Kind::strange);
  CHECK(fault_of("{}") == Fault::Kind::strange);
  CHECK(fault_of("7") == Fault::Kind::strange);
  CHECK(fault_of(R"({"/penstock/worker":7})") == Fault::Kind::strange);
  CHECK(fault_of(R"({"/penstock/worker":{"a":1})") == Fault::Kind::strange);
  // The late answer to another question.
  CHECK(fault_of(R"({"/penstock/drops":{"a":1}})") == Fault::Kind::strange);
  CHECK(fault_of(R"({"/penstock/worker":{},"more":{}})") == Fault::Kind::strange);
  // A text that is no UTF-8.
  CHECK(fault_of("{\"/penstock/worker\":{\"name\":\"\xff\xfe\"}}") == Fault::Kind::strange);
}

TEST_CASE("values that are none are left out, and arrays of both kinds as a whole") {
  const auto reply =
      read_reply("/x", R"({"/x":{"minus":-1,"real":1.5,"yes":true,"no":null,"deep":{"a":1},"mixed":[1,"a"],
      "beyond":99999999999999999999,"most":18446744073709551615,"minus_one_of":[1,-1]}})");
  REQUIRE(reply);
  REQUIRE(reply->numbers.all().size() == 1);
  CHECK(reply->numbers.of("most") == 18'446'744'073'709'551'615u);
  CHECK(reply->columns.empty());
  CHECK(reply->text_columns.empty());
}

TEST_CASE("texts are safe for a terminal") {
  CHECK(printable("a\x1b[2Jb\n\x7f\xc3\xa9") == "a?[2Jb????");
  CHECK(printable(std::string(1000, 'x')).size() == Reply::text_bytes_max);
  const auto reply = read_reply("/x", "{\"/x\":{\"na\\u001bme\":\"\\u001b]0;evil\\u0007\",\"l\":[\"\\u0000\"]}}");
  REQUIRE(reply);
  CHECK(reply->text("na?me") == "?]0;evil?");
  CHECK(reply->text_column("l") == std::vector<std::string>{"?"});
}

TEST_CASE("arrays longer than any of DPDK's are left out") {
  std::string text = "{\"/x\":{\"long\":[0";
  for (std::size_t i = 0; i < Reply::elements_max; ++i) text += ",1";
  const auto reply = read_reply("/x", text + "]}}");
  REQUIRE(reply);
  CHECK(reply->columns.empty());
}

TEST_CASE("DPDK's greeting") {
  const auto greeting = read_greeting(R"({"version":"DPDK 22.11.11","pid":3616,"max_output_len":16384})");
  REQUIRE(greeting);
  CHECK(greeting->dpdk == "DPDK 22.11.11");
  CHECK(greeting->process_id == 3616);
  CHECK(read_greeting(R"({"version":"x","pid":-1})")->process_id == 0);
  for (const char* wrong : {"", "[]", "{}", "{\"version\":1}", "{\"pid\":1}"}) {
    REQUIRE_FALSE(read_greeting(wrong).has_value());
    CHECK(read_greeting(wrong).error().kind == Fault::Kind::strange);
  }
}
