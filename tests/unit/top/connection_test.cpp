// Shows that a command is answered over a real socket, and that each way in which it may not be is a Fault of its kind.
#include "top/connection.hpp"

#include <catch2/catch.hpp>

#include "socket_folder.hpp"

using namespace penstock::top;
using namespace penstock::top::test;

namespace {

// Long enough for a loaded machine where an answer comes; nothing is judged by it.
constexpr std::chrono::milliseconds long_wait{60'000}, short_wait{20};

Fault::Kind open_fault(const std::string& path, std::chrono::milliseconds patience = long_wait) {
  const auto connection = Connection::open(path, patience);
  REQUIRE_FALSE(connection.has_value());
  CHECK_FALSE(connection.error().sentence.empty());
  return connection.error().kind;
}

}  // namespace

TEST_CASE("commands and replies") {
  const SocketFolder folder;
  const std::string path = folder.socket_of("edge1");
  const Server server(path, 1, [](int client) {
    say(client, greeting);
    for (int i = 0; i < 2; ++i) say(client, "{\"" + hear(client) + "\":{\"a\":" + std::to_string(i) + "}}");
  });
  auto connection = Connection::open(path, long_wait);
  REQUIRE(connection);
  CHECK(connection->greeting().process_id == 7);
  CHECK(connection->ask("/x")->numbers.of("a") == 0);
  Connection moved = std::move(*connection);
  CHECK(moved.ask("/y")->numbers.of("a") == 1);
  const auto reply = moved.ask("/z");
  REQUIRE_FALSE(reply.has_value());
  CHECK((reply.error().kind == Fault::Kind::ended || reply.error().kind == Fault::Kind::hung_up));
}

TEST_CASE("no socket, and a socket whose process ended") {
  const SocketFolder folder;
  CHECK(open_fault(folder.path + "/nobody/dpdk_telemetry.v2") == Fault::Kind::no_socket);
  CHECK(open_fault("/" + std::string(200, 'x')) == Fault::Kind::no_socket);
  const std::string path = folder.socket_of("ended");
  ::close(listen_at(path));
  CHECK(open_fault(path) == Fault::Kind::ended);
}

TEST_CASE("a client without a place is hung up on before any greeting") {
  const SocketFolder folder;
  const std::string path = folder.socket_of("full");
  const Server server(path, 1, [](int) {});
  const auto connection = Connection::open(path, long_wait);
  REQUIRE_FALSE(connection.has_value());
  CHECK(connection.error().kind == Fault::Kind::full);
  CHECK(connection.error().sentence.find("all places") != std::string::npos);
}

TEST_CASE("somebody else's socket") {
  const SocketFolder folder;
  const std::string path = folder.socket_of("other");
  const Server server(path, 1, [](int client) { say(client, "HELLO"); });
  CHECK(open_fault(path) == Fault::Kind::strange);
}

TEST_CASE("who does not answer is not waited for any longer than that") {
  const SocketFolder folder;
  const std::string path = folder.socket_of("silent");
  const Server server(path, 2, [](int client) {
    static bool first = true;
    if (!first) say(client, greeting);
    first = false;
    while (!hear(client).empty()) {}
  });
  CHECK(open_fault(path, short_wait) == Fault::Kind::silent);
  auto connection = Connection::open(path, std::chrono::milliseconds(2000));
  REQUIRE(connection);
  const auto reply = connection->ask("/x");
  REQUIRE_FALSE(reply.has_value());
  CHECK(reply.error().kind == Fault::Kind::silent);
}

TEST_CASE("an answer longer than any of DPDK's") {
  const SocketFolder folder;
  const std::string path = folder.socket_of("long");
  const Server server(path, 1, [](int client) {
    say(client, greeting);
    hear(client);
    say(client, std::string(100'000, ' '));
  });
  auto connection = Connection::open(path, long_wait);
  REQUIRE(connection);
  CHECK(connection->ask("/x").error().kind == Fault::Kind::strange);
}
