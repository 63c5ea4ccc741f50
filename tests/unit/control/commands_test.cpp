// Shows that each command answers from snapshots or through the mailbox, that every malformed parameter gets a sentence, and
// that several threads may ask at once. A thread plays the workers' mailboxes.
#include "control/commands.hpp"

#include <atomic>
#include <catch2/catch.hpp>
#include <deque>
#include <thread>

#include "session/session_id.hpp"

namespace penstock::control {

namespace {

NodeInfo two_worker_info() {
  NodeInfo info;
  info.version = "1.2.3";
  info.listeners = {"echo", "sink"};
  info.workers = 2;
  info.ports = {{.name = "net_tap0",
                 .driver = "net_tap",
                 .health = [] { return PortHealth{.link_up = true, .mtu = 1400}; },
                 .impair = ImpairConfig{}}};
  info.memory.resize(2);
  info.memory[1].add_object("table", info.workers);
  return info;
}

// Two workers that published, and a thread that serves their mailboxes while `serving`.
struct Node {
  explicit Node(bool serving = true) {
    for (std::uint64_t i = 0; i < 2; ++i) {
      StatsSnapshot snapshot;
      snapshot.worker.rx_packets = 100 + i;
      snapshot.worker.sessions_now = 5;
      snapshot.drops[0] = 3;
      snapshot.listeners[1].opened = 4;
      snapshot.histograms[0].record(50);
      published[i].publish(snapshot);
      views.push_back({&published[i], &mailboxes[i]});
    }
    // The played worker may be scheduled late on a loaded machine; the silent one need not be waited for.
    commands.emplace(two_worker_info(), views, std::chrono::milliseconds(serving ? 60'000 : 20));
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
      for (std::uint32_t i = 0; i < 2; ++i) {
        Command command;
        if (!mailboxes[i].commands.pop(command)) continue;
        Answer answer;
        answer.ticket = command.ticket;
        // Each worker has the one session with index 3.
        const SessionId id(3, 1, static_cast<std::uint8_t>(i));
        const bool found =
            command.kind == Command::Kind::session ? command.argument == id.raw() : command.argument <= 3;
        answer.impair.impaired = 1;
        answer.impair.receive.offered = 20 + i;
        answer.survey.ready = command.kind == Command::Kind::top ? 1 : 0;
        answer.survey.looked_at = command.argument;
        answer.count = found ? 1 : 0;
        answer.sessions[0].id = id.raw();
        answer.sessions[0].conv = 40 + i;
        mailboxes[i].answers.push(answer);
      }
      std::this_thread::yield();
    }
  }
  Reply ask(std::string_view command, std::string_view parameters = "") { return commands->run(command, parameters); }
  std::string error(std::string_view command, std::string_view parameters = "") {
    const Reply reply = ask(command, parameters);
    const Reply::Value* value = reply.find("error");
    return value == nullptr ? "" : std::get<std::string>(*value);
  }

  std::array<Published<StatsSnapshot>, 2> published;
  std::array<Mailbox, 2> mailboxes;
  std::vector<WorkerView> views;
  std::optional<Commands> commands;
  std::atomic<bool> ended{false};
  std::thread thread;
};

std::uint64_t number(const Reply& reply, std::string_view name) {
  INFO(name);
  REQUIRE(reply.find(name) != nullptr);
  return std::get<std::uint64_t>(*reply.find(name));
}

}  // namespace

TEST_CASE("commands that read snapshots") {
  const auto node = std::make_unique<Node>();
  CHECK(std::get<std::string>(*node->ask("/penstock/info").find("version")) == "1.2.3");
  CHECK(number(node->ask("/penstock/info"), "sessions") == 10);
  CHECK(number(node->ask("/penstock/worker", "0"), "rx_packets") == 100);
  CHECK(number(node->ask("/penstock/worker", "1"), "rx_packets") == 101);
  CHECK(std::get<std::vector<std::uint64_t>>(*node->ask("/penstock/workers").find("sessions")) ==
        std::vector<std::uint64_t>{5, 5});
  CHECK(std::get<std::vector<std::uint64_t>>(*node->ask("/penstock/memory", "1").find("bytes")) ==
        std::vector<std::uint64_t>{8});
  CHECK(number(node->ask("/penstock/drops"), net::drop_reason_names[0]) == 6);
  CHECK(number(node->ask("/penstock/port", "0"), "mtu") == 1400);
  CHECK(node->ask("/penstock/port", "1").find("error") != nullptr);
  CHECK(number(node->ask("/penstock/listener", "1"), "opened") == 8);
  CHECK(number(node->ask("/penstock/listener", "0"), "opened") == 0);
  CHECK(number(node->ask("/penstock/histogram", "1,rtt_us"), "max") == 50);
  CHECK(number(node->ask("/penstock/histogram", "1,turn_gap_us"), "count") == 0);
}

TEST_CASE("commands that ask a worker") {
  const auto node = std::make_unique<Node>();
  const Reply page = node->ask("/penstock/sessions", "1,0");
  CHECK(number(page, "count") == 1);
  CHECK(std::get<std::vector<std::uint64_t>>(*page.find("conv")) == std::vector<std::uint64_t>{41});
  CHECK(page.find("remote") == nullptr);
  CHECK(node->ask("/penstock/sessions", "1,0,addresses").find("remote") != nullptr);
  CHECK(number(node->ask("/penstock/sessions", "0,4"), "count") == 0);
  const Reply top = node->ask("/penstock/top", "1,retransmission");
  CHECK(number(top, "ready") == 1);
  CHECK(number(top, "looked_at") == 2);  // the order, as the worker was asked for it
  CHECK(std::get<std::vector<std::uint64_t>>(*top.find("conv")) == std::vector<std::uint64_t>{41});
  CHECK(top.find("remote") == nullptr);
  CHECK(number(node->ask("/penstock/top", "0,rate"), "looked_at") == 0);
  CHECK(node->ask("/penstock/top", "0,rtt,addresses").find("remote") != nullptr);
  CHECK(number(node->ask("/penstock/impair", "0"), "receive_offered") == 41);
  CHECK(node->error("/penstock/impair", "1") == "port is out of range, below 1 expected");
  // Statistics are read only: a change is one parameter too many.
  CHECK(node->error("/penstock/impair", "0,loss=1%") == "too many parameters, see /help");
  CHECK(node->error("/penstock/impair", "0,off") == "too many parameters, see /help");
  const std::string id = std::to_string(SessionId(3, 1, 1).raw());
  CHECK(number(node->ask("/penstock/session", id), "conv") == 41);
  CHECK(node->ask("/penstock/session", id).find("remote") == nullptr);
  CHECK(node->ask("/penstock/session", id + ",addresses").find("remote") != nullptr);
}

TEST_CASE("parameters that are missing, too many, no numbers or out of range get a sentence") {
  const auto node = std::make_unique<Node>();
  CHECK(node->error("/penstock/worker") == "missing parameter, see /help");
  CHECK(node->error("/penstock/worker", "0,1") == "too many parameters, see /help");
  CHECK(node->error("/penstock/worker", "2") == "worker is out of range, below 2 expected");
  CHECK(node->error("/penstock/info", "0") == "too many parameters, see /help");
  CHECK(node->error("/penstock/drops", "x") == "too many parameters, see /help");
  for (const char* text : {"x", "-1", "+1", " 0", "0 ", "0x0", "1e0", "0.0", "0\n", "99999999999999999999999"}) {
    INFO(text);
    CHECK(node->error("/penstock/worker", text).starts_with("worker is "));
    CHECK(node->error("/penstock/listener", text).starts_with("listener is "));
    CHECK(node->error("/penstock/sessions", "0," + std::string(text)).starts_with("cursor is "));
    CHECK(node->error("/penstock/histogram", std::string(text) + ",rtt_us").starts_with("worker is "));
    CHECK_FALSE(node->error("/penstock/session", text).empty());
  }
  CHECK(node->error("/penstock/worker", ",") == "too many parameters, see /help");
  CHECK(node->error("/penstock/listener", "2") == "listener is out of range, below 2 expected");
  CHECK(node->error("/penstock/sessions", "0") == "missing parameter, see /help");
  CHECK(node->error("/penstock/sessions", "0,") == "cursor is not a number");
  CHECK(node->error("/penstock/sessions", "0,4294967296").starts_with("cursor is out of range"));
  CHECK(node->error("/penstock/sessions", "0,0,x") == "the last parameter is not ?addresses?");
  CHECK(node->error("/penstock/sessions", "0,0,addresses,") == "too many parameters, see /help");
  CHECK(node->error("/penstock/sessions", std::string(10'000, ',')) == "too many parameters, see /help");
  CHECK(node->error("/penstock/top", "0") == "missing parameter, see /help");
  CHECK(node->error("/penstock/top", "2,rate").starts_with("worker is out of range"));
  CHECK(node->error("/penstock/top", "0,") == "no such order, see /help");
  CHECK(node->error("/penstock/top", "0,rates") == "no such order, see /help");
  CHECK(node->error("/penstock/top", "0,rate,x") == "the last parameter is not ?addresses?");
  CHECK(node->error("/penstock/session", "1,2") == "the last parameter is not ?addresses?");
  CHECK(node->error("/penstock/histogram", "0") == "missing parameter, see /help");
  CHECK(node->error("/penstock/histogram", "0,rtt") == "no such histogram, see /help");
  CHECK(node->error("/penstock/nothing") == "unknown command");
}

TEST_CASE("a session that is not there is told so") {
  const auto node = std::make_unique<Node>();
  CHECK(node->error("/penstock/session", "0") == "no such session");
  CHECK(node->error("/penstock/session", "18446744073709551615") ==
        "id is out of range, below 18446744073709551615 expected");
  CHECK(node->error("/penstock/session", std::to_string(SessionId(3, 2, 1).raw())) == "no such session");
  CHECK(node->error("/penstock/session", std::to_string(SessionId(3, 1, 2).raw())) == "no such session");
  CHECK(node->error("/penstock/session", std::to_string(SessionId(3, 1, 255).raw())) == "no such session");
}

TEST_CASE("a worker that does not answer is busy, and its snapshot is told all the same") {
  const auto node = std::make_unique<Node>(false);
  CHECK(node->error("/penstock/sessions", "0,0").starts_with("busy: "));
  CHECK(node->error("/penstock/session", std::to_string(SessionId(3, 1, 0).raw())).starts_with("busy: "));
  CHECK(number(node->ask("/penstock/worker", "0"), "rx_packets") == 100);
}

TEST_CASE("every command is named and helped") {
  const auto node = std::make_unique<Node>();
  for (const CommandName& command : command_names) {
    INFO(command.name);
    CHECK(std::string_view(command.name).starts_with("/penstock/"));
    CHECK(std::string_view(command.help).size() > 10);
    CHECK(node->error(command.name) != "unknown command");
  }
}

TEST_CASE("ten threads may ask at once while a worker publishes") {
  const auto node = std::make_unique<Node>();
  std::atomic<int> wrong{0};
  std::atomic<bool> ended{false};
  StatsSnapshot snapshot;
  node->published[0].publish(snapshot);
  std::thread publisher([&] {
    while (!ended) {
      // The two agree within each snapshot, so a torn copy would show.
      snapshot.worker.rx_packets = snapshot.worker.delivered = ++snapshot.sequence;
      node->published[0].publish(snapshot);
      std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
  });
  std::vector<std::thread> threads;
  for (int t = 0; t < 10; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 20; ++i) {
        const Reply worker = node->ask("/penstock/worker", "0");
        const Reply::Value* received = worker.find("rx_packets");
        const Reply::Value* delivered = worker.find("delivered");
        if (received != nullptr && *received != *delivered) ++wrong;
        const Reply page = node->ask("/penstock/sessions", "1,0");
        const Reply::Value* conv = page.find("conv");
        if (conv != nullptr && std::get<std::vector<std::uint64_t>>(*conv) != std::vector<std::uint64_t>{41}) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  ended = true;
  publisher.join();
  CHECK(wrong == 0);
}

}  // namespace penstock::control
