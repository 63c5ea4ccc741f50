// Shows that the client gives back what the socket says, an error as a sentence, and names the socket that it cannot reach
// or that does not answer.
#include "control/admin_client.hpp"

#include <catch2/catch.hpp>
#include <filesystem>
#include <thread>

#include "control/stats_socket.hpp"

namespace penstock::control {

namespace {

struct Folder {
  Folder() {
    std::string name = std::filesystem::temp_directory_path() / "penstock-admin-XXXXXX";
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string path;
};

}  // namespace

TEST_CASE("admin_client: a reply is given back, an error as its sentence") {
  const Folder folder;
  const std::string path = folder.path + "/socket";
  const auto answer = [](std::string_view command, const StatsSocket::Peer&) {
    return command == "good" ? std::string(R"({"/x":{"loss_ppm":1}})")
                             : std::string(R"({"/x":{"error":"loss: is bad"}})");
  };
  auto socket = StatsSocket::open(path, R"({"version":"x"})", answer, {});
  REQUIRE(socket);
  std::thread thread([&] { (*socket)->run(); });
  const auto good = ask_admin(path, "good");
  const auto bad = ask_admin(path, "other");
  (*socket)->stop();
  thread.join();
  REQUIRE(good);
  CHECK(*good == R"({"/x":{"loss_ppm":1}})");
  REQUIRE_FALSE(bad);
  CHECK(bad.error() == "--admin: loss: is bad");
}

TEST_CASE("admin_client: a socket that is not there is named") {
  const Folder folder;
  const auto absent = ask_admin(folder.path + "/none", "x");
  REQUIRE_FALSE(absent);
  CHECK(absent.error() == "--admin: " + folder.path + "/none cannot be reached: No such file or directory");
  const auto longer = ask_admin(std::string(200, 'x'), "x");
  REQUIRE_FALSE(longer);
  CHECK(longer.error().ends_with("has more than 107 characters"));
}

}  // namespace penstock::control
