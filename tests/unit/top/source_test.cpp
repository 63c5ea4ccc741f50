// Shows that a source takes samples over one connection, comes back after its penstock did, and which sockets are penstocks'.
#include "top/source.hpp"

#include <catch2/catch.hpp>

#include "socket_folder.hpp"
#include "told.hpp"

using namespace penstock::top;
using namespace penstock::top::test;

namespace {

void serve(int client, Told& told, int commands) {
  say(client, greeting);
  for (int i = 0; i < commands; ++i) {
    const std::string command = hear(client);
    if (command.empty()) return;
    const auto answer = told.answers.find(command);
    say(client, answer == told.answers.end() ? "{}" : answer->second);
  }
}

}  // namespace

TEST_CASE("samples come over one connection, and over a new one when it broke") {
  const SocketFolder folder;
  Told told;
  int clients = 0;
  Source source({"edge1", folder.socket_of("edge1")});
  {
    // A sample without wishes takes seven commands: two samples, and then it is over.
    const Server server(source.instance().path, 1, [&](int client) { ++clients, serve(client, told, 14); });
    CHECK(source.take({})->process_id == 7);
    CHECK(source.take({})->workers.size() == 2);
    CHECK_FALSE(source.take({}).has_value());
  }
  CHECK(clients == 1);
  CHECK(source.take({}).error().kind == Fault::Kind::ended);
  std::filesystem::remove(source.instance().path);
  CHECK(source.take({}).error().kind == Fault::Kind::no_socket);
  const Server server(source.instance().path, 1, [&](int client) { serve(client, told, 7); });
  CHECK(source.take({}).has_value());
}

TEST_CASE("a client that was sent away for another one comes back within the same sample") {
  const SocketFolder folder;
  Told told;
  Source source({"edge1", folder.socket_of("edge1")});
  // The first is served for a sample and half of the next one.
  int clients = 0;
  const Server server(source.instance().path, 2, [&](int client) { serve(client, told, clients++ == 0 ? 10 : 7); });
  CHECK(source.take({}).has_value());
  CHECK(source.take({}).has_value());
  CHECK(clients == 2);
}

TEST_CASE("other programs and what ended are no penstocks") {
  const SocketFolder folder;
  Told told;
  ::close(listen_at(folder.socket_of("ended")));
  const Server penstock(folder.socket_of("edge1"), 1, [&](int client) { serve(client, told, 1); });
  const Server full(folder.socket_of("full"), 1, [](int) {});
  const Server other(folder.socket_of("testpmd"), 1, [](int client) {
    say(client, greeting);
    hear(client);
    say(client, R"({"/penstock/info":null})");
  });
  const std::vector<std::string> dirs = {folder.path};
  const auto found = find_instances(dirs);
  REQUIRE(found.size() == 4);
  const auto penstocks = penstocks_among(found);
  REQUIRE(penstocks.size() == 2);
  CHECK(penstocks[0].name == "edge1");
  CHECK(penstocks[1].name == "full");
}
