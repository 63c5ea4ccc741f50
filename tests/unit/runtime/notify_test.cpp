// Shows that lines reach the service manager's socket, by path and by abstract name, that the variables are gone afterwards,
// that the watchdog counts only when it means this process, and that a bad environment is told in one sentence.
// How: the test is the manager, with a datagram socket of its own.
#include "runtime/notify.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <cstring>
#include <filesystem>

using namespace penstock;
using namespace penstock::runtime;

namespace {

// What a manager hands to its service; taken back at the end.
struct Environment {
  Environment() { clear(); }
  ~Environment() { clear(); }
  static void clear() {
    for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) unsetenv(name);
  }
  static void set(const char* name, const std::string& value) { setenv(name, value.c_str(), 1); }
};

// A manager's end, bound to a path or, behind '@', to an abstract name.
class Manager {
 public:
  explicit Manager(std::string name) : name_(std::move(name)), socket_(socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, name_.data(), name_.size());
    const bool abstract = name_.front() == '@';
    if (abstract) address.sun_path[0] = '\0';
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name_.size() + (abstract ? 0 : 1));
    REQUIRE(bind(socket_, reinterpret_cast<const sockaddr*>(&address), length) == 0);
  }
  ~Manager() {
    close(socket_);
    if (name_.front() == '/') unlink(name_.c_str());
  }
  // The next datagram; empty when there is none.
  std::string heard() const {
    char buffer[512];
    const ssize_t got = recv(socket_, buffer, sizeof buffer, 0);
    return got < 0 ? "" : std::string(buffer, static_cast<std::size_t>(got));
  }
  const std::string& name() const { return name_; }

 private:
  std::string name_;
  int socket_;
};

std::string unique(const std::string& start) { return start + "penstock-notify-" + std::to_string(getpid()); }
std::string path() { return unique(std::filesystem::temp_directory_path().string() + "/"); }

}  // namespace

TEST_CASE("without a socket nobody listens", "[notify]") {
  Environment environment;
  environment.set("WATCHDOG_USEC", "1000000");
  const auto notify = Notify::from_environment();
  REQUIRE(notify.has_value());
  CHECK_FALSE(notify->listens());
  CHECK(notify->watchdog() == Duration::max());
  CHECK(std::getenv("WATCHDOG_USEC") == nullptr);
}

TEST_CASE("lines arrive at a path and at an abstract name, and the variables are gone", "[notify]") {
  Environment environment;
  for (const std::string& name : {path(), unique("@")}) {
    const Manager manager(name);
    environment.set("NOTIFY_SOCKET", name);
    environment.set("WATCHDOG_USEC", "3000000");
    environment.set("WATCHDOG_PID", std::to_string(getpid()));
    auto made = Notify::from_environment();
    REQUIRE(made.has_value());
    for (const char* gone : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) CHECK(std::getenv(gone) == nullptr);
    // It may move, as it does into the node.
    Notify notify;
    notify = std::move(*made);
    REQUIRE(notify.listens());
    CHECK(notify.watchdog() == Duration::seconds(3));
    CHECK(notify.send("READY=1\nSTATUS=good"));
    CHECK(manager.heard() == "READY=1\nSTATUS=good");
  }
}

TEST_CASE("the watchdog is this process's when no pid is named, and not when it is another's", "[notify]") {
  Environment environment;
  const Manager manager(unique("@"));
  for (const bool other : {false, true}) {
    environment.set("NOTIFY_SOCKET", manager.name());
    environment.set("WATCHDOG_USEC", "500");
    if (other) environment.set("WATCHDOG_PID", std::to_string(getpid() + 1));
    const auto notify = Notify::from_environment();
    REQUIRE(notify.has_value());
    CHECK(notify->listens());
    CHECK(notify->watchdog() == (other ? Duration::max() : Duration::us(500)));
  }
}

TEST_CASE("a bad environment is one sentence that names the variable", "[notify]") {
  Environment environment;
  const Manager manager(unique("@"));
  const auto refused = [&](const std::string& socket, const std::string& interval) {
    environment.set("NOTIFY_SOCKET", socket);
    environment.set("WATCHDOG_USEC", interval);
    const auto notify = Notify::from_environment();
    CHECK(std::getenv("NOTIFY_SOCKET") == nullptr);
    REQUIRE_FALSE(notify.has_value());
    CHECK_THAT(notify.error(), Catch::EndsWith("the service manager will be told nothing"));
    return notify.error();
  };
  for (const char* name : {"relative/path", "vsock:2:1234", "@", "x"})
    CHECK_THAT(refused(name, "1"), Catch::Contains(std::string("NOTIFY_SOCKET \"") + name + "\" is neither"));
  CHECK_THAT(refused("/nowhere/at/all", "1"), Catch::Contains("\"/nowhere/at/all\": No such file"));
  CHECK_THAT(refused("/" + std::string(200, 'x'), "1"), Catch::Contains("File name too long"));
  for (const char* interval : {"", "0", "-5", "10s", "99999999999999999999"})
    CHECK_THAT(refused(manager.name(), interval), Catch::Contains("WATCHDOG_USEC \"" + std::string(interval) + "\""));
}

TEST_CASE("what the manager does not take now is told to the caller, who does not wait", "[notify]") {
  Environment environment;
  auto manager = std::make_unique<Manager>(path());
  environment.set("NOTIFY_SOCKET", manager->name());
  const auto notify = Notify::from_environment();
  REQUIRE(notify.has_value());
  int taken = 0;
  while (taken < 100'000 && notify->send("STATUS=x")) ++taken;
  CHECK(taken > 0);
  CHECK(taken < 100'000);
  CHECK(manager->heard() == "STATUS=x");
  CHECK(notify->send("STATUS=y"));
  manager.reset();
  CHECK_FALSE(notify->send("STATUS=z"));
}
