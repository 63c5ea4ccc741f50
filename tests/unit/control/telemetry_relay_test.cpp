// Shows that a socket is moved aside, asked over one connection, and put back; the other side is a thread that plays DPDK.
#include "control/telemetry_relay.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <filesystem>
#include <thread>

namespace penstock::control {

namespace {

// Answers one client after the other as DPDK does, until a client sends "end"; hangs up at "hang up".
struct FakeDpdk {
  FakeDpdk() {
    std::string name = std::filesystem::temp_directory_path() / "penstock-relay-XXXXXX";
    REQUIRE(mkdtemp(name.data()) != nullptr);
    folder = name;
    path = folder + "/dpdk_telemetry.v2";
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    listener = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    REQUIRE(bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
    REQUIRE(listen(listener, 1) == 0);
    thread = std::thread([this] { serve(); });
  }
  ~FakeDpdk() {
    thread.join();
    close(listener);
    std::filesystem::remove_all(folder);
  }
  void serve() const {
    for (bool ended = false; !ended;) {
      const int fd = accept(listener, nullptr, nullptr);
      send(fd, "hello", 5, 0);
      std::string command(1000, '\0');
      for (ssize_t bytes; (bytes = recv(fd, command.data(), command.size(), 0)) > 0;) {
        const std::string_view said(command.data(), static_cast<std::size_t>(bytes));
        if (said == "hang up") break;
        ended = said == "end";
        const std::string reply = "{\"" + std::string(said) + "\":1}";
        send(fd, reply.data(), reply.size(), MSG_NOSIGNAL);
      }
      close(fd);
    }
  }

  std::string folder;
  std::string path;
  int listener = -1;
  std::thread thread;
};

}  // namespace

TEST_CASE("telemetry_relay: the socket is moved aside and asked, and put back") {
  FakeDpdk dpdk;
  {
    auto relay = TelemetryRelay::take_over(dpdk.path);
    REQUIRE(relay);
    CHECK_FALSE(std::filesystem::exists(dpdk.path));
    CHECK((*relay)->greeting() == "hello");
    CHECK((*relay)->exchange("/a") == R"({"/a":1})");
    CHECK((*relay)->exchange("/b,2") == R"({"/b,2":1})");
    CHECK((*relay)->exchange("end") == R"({"end":1})");
  }
  CHECK(std::filesystem::exists(dpdk.path));
}

TEST_CASE("telemetry_relay: when the other side hangs up, the next command has a new connection") {
  FakeDpdk dpdk;
  auto relay = TelemetryRelay::take_over(dpdk.path);
  REQUIRE(relay);
  CHECK_THAT((*relay)->exchange("hang up"), Catch::Contains("busy"));
  CHECK((*relay)->exchange("/a") == R"({"/a":1})");
  (*relay)->exchange("end");
}

TEST_CASE("telemetry_relay: no socket is an error") {
  const auto none = TelemetryRelay::take_over("/nowhere/dpdk_telemetry.v2");
  REQUIRE_FALSE(none);
  CHECK_THAT(none.error(), Catch::Contains("/nowhere/dpdk_telemetry.v2 cannot be renamed"));
}

}  // namespace penstock::control
