// Shows that no client can end the statistics socket, keep others from it, or make it grow: many at once, idle ones, ones that
// do not read, leave in the middle or send what is no command. Deadlines are guards against a hang.
#include "control/stats_socket.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <cstring>
#include <filesystem>
#include <thread>

namespace penstock::control {

namespace {

using namespace std::chrono_literals;

class TestClient {
 public:
  explicit TestClient(const std::string& path) : fd_(socket(AF_UNIX, SOCK_SEQPACKET, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    const timeval patience{.tv_sec = 30, .tv_usec = 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    REQUIRE(connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
  }
  ~TestClient() {
    if (fd_ >= 0) close(fd_);
  }
  TestClient(TestClient&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  TestClient& operator=(TestClient&&) = delete;

  void send(const std::string& command) const { REQUIRE(::send(fd_, command.data(), command.size(), 0) >= 0); }
  // A message; empty when the other side has closed.
  std::string receive() const {
    std::string text(65536, '\0');
    const ssize_t bytes = recv(fd_, text.data(), text.size(), 0);
    text.resize(bytes < 0 ? 0 : static_cast<std::size_t>(bytes));
    return text;
  }
  std::string ask(const std::string& command) const {
    send(command);
    return receive();
  }
  int fd() const { return fd_; }

 private:
  int fd_;
};

struct Fixture {
  explicit Fixture(const StatsSocket::Limits& limits = {}) {
    std::string name = std::filesystem::temp_directory_path() / "penstock-stats-XXXXXX";
    REQUIRE(mkdtemp(name.data()) != nullptr);
    folder = name;
    path = folder + "/socket";
    auto made = StatsSocket::open(
        path, "greeting",
        [this](std::string_view command, const StatsSocket::Peer& peer) {
          last = peer;
          ++asked;
          return command == "big" ? std::string(16'000, 'b') : "reply to " + std::string(command);
        },
        limits);
    REQUIRE(made);
    socket = std::move(*made);
    thread = std::thread([this] { socket->run(); });
  }
  ~Fixture() {
    socket->stop();
    thread.join();
    socket.reset();
    CHECK_FALSE(std::filesystem::exists(path));
    std::filesystem::remove_all(folder);
  }
  TestClient client() const {
    TestClient made(path);
    REQUIRE(made.receive() == "greeting");
    return made;
  }

  std::string folder;
  std::string path;
  std::atomic<std::uint64_t> asked = 0;
  StatsSocket::Peer last;  // read when its reply has come
  std::unique_ptr<StatsSocket> socket;
  std::thread thread;
};

std::size_t open_descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

}  // namespace

TEST_CASE("stats_socket: each client gets the greeting and its own replies") {
  Fixture f;
  const TestClient a = f.client();
  const TestClient b = f.client();
  CHECK(a.ask("one") == "reply to one");
  b.send("two");
  CHECK(a.ask("three,3") == "reply to three,3");
  CHECK(b.receive() == "reply to two");
}

TEST_CASE("stats_socket: a newcomer takes the place of who is idle, not of who is active") {
  StatsSocket::Limits limits;
  limits.clients = 3;
  limits.idle = 0ms;
  Fixture f(limits);
  const TestClient first = f.client();
  const TestClient second = f.client();
  const TestClient third = f.client();
  CHECK(first.ask("x") == "reply to x");
  CHECK(third.ask("x") == "reply to x");
  const TestClient newcomer = f.client();
  CHECK(second.receive().empty());
  CHECK(newcomer.ask("x") == "reply to x");
  CHECK(first.ask("y") == "reply to y");
  CHECK(third.ask("y") == "reply to y");
}

TEST_CASE("stats_socket: where all are active a newcomer is refused") {
  StatsSocket::Limits limits;
  limits.clients = 2;
  limits.idle = 1h;
  Fixture f(limits);
  const TestClient first = f.client();
  const TestClient second = f.client();
  CHECK(TestClient(f.path).receive().empty());
  CHECK(first.ask("x") == "reply to x");
  CHECK(second.ask("x") == "reply to x");
}

TEST_CASE("stats_socket: who does not read holds up nobody, and gets its replies later") {
  Fixture f;
  const TestClient slow = f.client();
  const TestClient quick = f.client();
  int waiting = 0;
  // As many as the kernel holds for a client, and one more that the socket holds; then it is not heard.
  while (::send(slow.fd(), "big", 3, MSG_DONTWAIT) >= 0) ++waiting;
  CHECK(waiting > 1);
  for (int i = 0; i < 100; ++i) REQUIRE(quick.ask("q") == "reply to q");
  for (int i = 0; i < waiting; ++i) REQUIRE(slow.receive() == std::string(16'000, 'b'));
  CHECK(slow.ask("s") == "reply to s");
}

TEST_CASE("stats_socket: who does not read loses its place to a newcomer") {
  StatsSocket::Limits limits;
  limits.clients = 1;
  limits.unread = 0ms;
  limits.idle = 1h;
  Fixture f(limits);
  const TestClient slow = f.client();
  while (::send(slow.fd(), "big", 3, MSG_DONTWAIT) >= 0) continue;
  // Until the socket has come to hold a reply, the place is an active one's.
  for (;;) {
    const TestClient newcomer(f.path);
    if (newcomer.receive() != "greeting") continue;
    CHECK(newcomer.ask("x") == "reply to x");
    break;
  }
}

TEST_CASE("stats_socket: clients that leave, in the middle of a reply too, leave nothing behind") {
  Fixture f;
  {
    const TestClient settled = f.client();
    settled.ask("x");
  }
  const std::size_t before = open_descriptors();
  for (int i = 0; i < 500; ++i) {
    TestClient a(f.path);
    const TestClient b = f.client();
    b.send("big");
    if (i % 2 == 0) b.send("big");
  }
  const TestClient last = f.client();
  CHECK(last.ask("x") == "reply to x");
  while (open_descriptors() > before + 2) std::this_thread::sleep_for(1ms);
}

TEST_CASE("stats_socket: what is no command is said to be none, and not asked") {
  Fixture f;
  const TestClient client = f.client();
  for (const std::string& wrong : {std::string("\0", 1), std::string("/a\n"), std::string("/\xff\xfe"),
                                   std::string(256, '/'), std::string(60'000, 'x')}) {
    CHECK(client.ask(wrong) == R"({"error":"a command is 1 to 255 printable ASCII characters"})");
  }
  CHECK(f.asked == 0);
  CHECK(client.ask(std::string(255, '/')).size() == 9 + 255);
}

TEST_CASE("stats_socket: a flood is answered at the rate that is allowed, each client in its turn") {
  StatsSocket::Limits limits;
  limits.commands_per_s = 1000;
  limits.burst = 50;
  Fixture f(limits);
  const auto started = StatsSocket::Clock::now();
  std::atomic<bool> ended = false;
  std::thread flood([&] {
    const TestClient greedy = f.client();
    while (!ended) greedy.ask("flood");
  });
  const TestClient other = f.client();
  for (int i = 0; i < 100; ++i) REQUIRE(other.ask("o") == "reply to o");
  ended = true;
  flood.join();
  const double elapsed_s = std::chrono::duration<double>(StatsSocket::Clock::now() - started).count();
  // An upper bound that no load of the machine can break: what was allowed by then.
  CHECK(static_cast<double>(f.asked) <= limits.burst + elapsed_s * limits.commands_per_s + 1);
  CHECK(f.asked >= 100);
}

TEST_CASE("stats_socket: whoever answers is told whose process asks") {
  Fixture f;
  f.client().ask("x");
  CHECK(f.last.pid == getpid());
  CHECK(f.last.uid == getuid());
}

TEST_CASE("stats_socket: its file has the mode that was asked for, less what the umask takes away") {
  const auto mode_of = [](mode_t mode) {
    StatsSocket::Limits limits;
    limits.mode = mode;
    const Fixture f(limits);
    return static_cast<unsigned>(std::filesystem::status(f.path).permissions());
  };
  const mode_t before = umask(0022);
  CHECK(mode_of(0600) == 0600);
  CHECK(mode_of(0777) == 0755);
  umask(0);
  CHECK(mode_of(0600) == 0600);
  umask(before);
}

TEST_CASE("stats_socket: a path that cannot be bound is refused by name") {
  const auto exchange = [](std::string_view, const StatsSocket::Peer&) { return std::string(); };
  const auto absent = StatsSocket::open("/nowhere/at/all", "", exchange, {});
  REQUIRE_FALSE(absent);
  CHECK_THAT(absent.error(), Catch::Contains("/nowhere/at/all: No such file"));
  const auto longer = StatsSocket::open(std::string(200, 'x'), "", exchange, {});
  REQUIRE_FALSE(longer);
  CHECK_THAT(longer.error(), Catch::Contains("at most 107 characters"));
}

}  // namespace penstock::control
