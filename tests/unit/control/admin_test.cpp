// Shows what the admin socket answers: changes of those who may, told to the log with who asked, and a sentence for all else
// without a line in the log. A thread plays the worker.
#include "control/admin.hpp"

#include <atomic>
#include <catch2/catch.hpp>
#include <thread>

namespace penstock::control {

namespace {

struct Node {
  explicit Node(bool serving = true) {
    published.publish({});
    NodeInfo info;
    info.workers = 1;
    info.ports = {PortView(), PortView()};
    info.ports[0].impair = ImpairConfig{.loss_ppm = 3};
    info.memory.resize(1);
    info.listeners = {"game", "old"};
    const std::array views = {WorkerView{&published, &mailbox}};
    commands.emplace(info, views, std::chrono::milliseconds(serving ? 60'000 : 20));
    admin.emplace(*commands, [this](const std::string& sentence) { log.push_back(sentence); });
    if (serving) thread = std::thread([this] { serve(); });
  }
  ~Node() {
    ended = true;
    if (thread.joinable()) thread.join();
  }
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  void serve() {
    while (!ended) {
      Command command;
      if (!mailbox.commands.pop(command)) {
        std::this_thread::yield();
        continue;
      }
      Answer answer;
      answer.ticket = command.ticket;
      answer.count = 1;
      answer.switched = command.argument == classic ? 0 : 1;
      answer.sessions[0].congestion = command.controller;
      answer.sessions[0].by_time = 1;
      answer.impair = {.impaired = 1, .faults = command.impairment, .receive = {}, .send = {}};
      mailbox.answers.push(answer);
    }
  }
  // The listener whose recovery is ikcp's.
  static constexpr std::uint64_t classic = 1;

  std::string ask(std::string_view command) { return admin->exchange(command, {.pid = 77, .uid = 1001}); }

  Published<StatsSnapshot> published;
  Mailbox mailbox;
  std::optional<Commands> commands;
  std::optional<Admin> admin;
  std::vector<std::string> log;
  std::atomic<bool> ended{false};
  std::thread thread;
};

}  // namespace

TEST_CASE("admin: a change is answered with what is in force, and the log says who made it") {
  const auto node = std::make_unique<Node>();
  const std::string reply = node->ask("/penstock/impair,0,loss=1%,delay_ms=5");
  CHECK_THAT(reply, Catch::StartsWith(R"({"/penstock/impair":{"loss_ppm":10000,)"));
  CHECK_THAT(reply, Catch::Contains(R"("delay_ms":5,)") && Catch::Contains(R"("partition":"none")"));
  CHECK(node->log ==
        std::vector<std::string>{"admin: uid 1001, process 77, changed the impairment of port 0: loss=1%,delay_ms=5"});
  CHECK_THAT(node->ask("/penstock/impair,0,off"), Catch::Contains(R"("loss_ppm":0,)"));
  REQUIRE(node->log.size() == 2);
  CHECK(node->log[1].ends_with("of port 0: off"));
}

TEST_CASE("admin: to look is no change") {
  const auto node = std::make_unique<Node>();
  CHECK_THAT(node->ask("/penstock/impair,0"), Catch::StartsWith(R"({"/penstock/impair":{"loss_ppm")"));
  CHECK(node->ask("/") == R"({"/":["/","/help","/penstock/impair","/penstock/congestion"]})");
  CHECK_THAT(node->ask("/help,/penstock/congestion"), Catch::Contains("session,id,name"));
  CHECK_THAT(node->ask("/help,/penstock/impair"), Catch::StartsWith(R"({"/help":{"/penstock/impair":"Faults of)"));
  CHECK(node->log.empty());
}

TEST_CASE("admin: congestion control of a session or of a listener is switched, and the log says who did") {
  const auto node = std::make_unique<Node>();
  const std::string id = std::to_string(SessionId(3, 1, 0).raw());
  const std::string reply = node->ask("/penstock/congestion,session," + id + ",bbr");
  CHECK_THAT(reply, Catch::StartsWith(R"({"/penstock/congestion":{)") && Catch::Contains(R"("congestion":"bbr")"));
  CHECK(node->ask("/penstock/congestion,listener,0,cubic") ==
        R"({"/penstock/congestion":{"listener":"game","congestion":"cubic"}})");
  CHECK_THAT(node->ask("/penstock/congestion,session," + id + ",none"), Catch::Contains(R"("congestion":"none")"));
  REQUIRE(node->log.size() == 3);
  CHECK(node->log[1] == "admin: uid 1001, process 77, switched the congestion control of listener 0: cubic");
  node->log.clear();
  for (const auto& [words, sentence] :
       {std::pair{"listener,0,none", "none is no default"}, std::pair{"listener,1,bbr", "recovery is ikcp there"},
        std::pair{"listener,2,bbr", "listener is out of range"},
        std::pair{"listener,0,vegas", "there are none, kcp, newreno, cubic, bbr"},
        std::pair{"session,7,bbr", "no such session"}, std::pair{"session,x,bbr", "id is not a number"},
        std::pair{"port,0,bbr", "session,ID,NAME or listener,NUMBER,NAME"},
        std::pair{"", "there is no such congestion control"}}) {
    const std::string error = node->ask("/penstock/congestion," + std::string(words));
    INFO(words << " " << error);
    CHECK_THAT(error, Catch::StartsWith(R"({"error":")") && Catch::Contains(sentence));
  }
  CHECK(node->log.empty());
}

TEST_CASE("admin: what will not do gets a sentence and no line in the log") {
  const auto node = std::make_unique<Node>();
  const auto error = [&](std::string_view command) {
    const std::string reply = node->ask(command);
    INFO(command << " " << reply);
    REQUIRE((reply.starts_with(R"({"error":")") || reply.starts_with(R"({"/penstock/impair":{"error":")")));
    return reply;
  };
  CHECK_THAT(error("/penstock/impair,0,loss=2"), Catch::Contains("loss: 2 is not between 0 and 1"));
  CHECK_THAT(error("/penstock/impair,0,loss"), Catch::Contains("is not key=value"));
  CHECK_THAT(error("/penstock/impair,0,"), Catch::Contains("is not key=value"));
  CHECK_THAT(error("/penstock/impair,1,loss=1%"), Catch::Contains("this port has no impairment in its path"));
  CHECK_THAT(error("/penstock/impair,1"), Catch::Contains("this port has no impairment in its path"));
  CHECK_THAT(error("/penstock/impair,2,off"), Catch::Contains("port is out of range, below 2 expected"));
  CHECK_THAT(error("/penstock/impair,x,off"), Catch::Contains("port is not a number"));
  CHECK_THAT(error("/penstock/impair,,off"), Catch::Contains("port is not a number"));
  CHECK_THAT(error("/penstock/impair"), Catch::Contains("missing parameter"));
  // A quote of the peer's is no end of the string.
  CHECK_THAT(error("/penstock/impair,0,\"},{\"=1"), !Catch::Contains("\"}\"") && !Catch::Contains("},{"));
  for (const char* other :
       {"", ",", "/help", "/help,/x", "/penstock/info", "/penstock/worker,0", "penstock/impair,0,off"})
    CHECK_THAT(error(other), Catch::Contains("unknown command"));
  CHECK(node->log.empty());
}

TEST_CASE("admin: a change that a worker has not confirmed is in the log, with that") {
  const auto node = std::make_unique<Node>(false);
  CHECK_THAT(node->ask("/penstock/impair,0,loss=1%"), Catch::StartsWith(R"({"error":"busy: worker 0 )"));
  REQUIRE(node->log.size() == 1);
  CHECK(node->log[0].ends_with("loss=1% (a worker has not confirmed it yet)"));
}

}  // namespace penstock::control
