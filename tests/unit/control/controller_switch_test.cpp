// Shows that a switch reaches the worker whose session it is, or all of them, and what is refused with which sentence. A thread
// plays the workers.
#include "control/controller_switch.hpp"

#include <array>
#include <atomic>
#include <catch2/catch.hpp>
#include <mutex>
#include <thread>

namespace penstock::control {

namespace {

using congestion::Kind;
using std::chrono::milliseconds;

struct Workers {
  explicit Workers(std::uint32_t answering = 2, bool by_time = true) : answering_(answering), by_time_(by_time) {
    for (Mailbox& mailbox : mailboxes) inquiries.emplace_back(mailbox);
    thread_ = std::thread([this] { serve(); });
  }
  ~Workers() {
    ended_ = true;
    thread_.join();
  }
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  ControllerSwitch controllers() {
    return ControllerSwitch(inquiries, milliseconds(answering_ < mailboxes.size() ? 20 : 60'000));
  }
  std::vector<Command> seen(std::size_t worker) {
    const std::scoped_lock lock(mutex_);
    return commands_[worker];
  }

  std::array<Mailbox, 2> mailboxes;
  std::vector<Inquiry> inquiries;

 private:
  void serve() {
    while (!ended_) {
      for (std::uint32_t i = 0; i < answering_; ++i) {
        Command command;
        if (!mailboxes[i].commands.pop(command)) continue;
        Answer answer;
        answer.ticket = command.ticket;
        answer.switched = by_time_ ? 1 : 0;
        // Session 5 is there.
        answer.count = SessionId::from_raw(command.argument).index() == 5 ? 1 : 0;
        answer.sessions[0].congestion = command.controller;
        const std::scoped_lock lock(mutex_);
        commands_[i].push_back(command);
        mailboxes[i].answers.push(answer);
      }
      std::this_thread::yield();
    }
  }

  std::uint32_t answering_;
  bool by_time_;
  std::mutex mutex_;
  std::array<std::vector<Command>, 2> commands_;
  std::atomic<bool> ended_{false};
  std::thread thread_;
};

}  // namespace

TEST_CASE("a session is switched by its worker alone") {
  Workers workers;
  const SessionId id = SessionId(5, 3, 1);
  const auto outcome = workers.controllers().switch_session(id, Kind::bbr);
  REQUIRE(outcome);
  CHECK_THAT(outcome->json(), Catch::Contains(R"("congestion":"bbr")"));
  CHECK(workers.seen(0).empty());
  REQUIRE(workers.seen(1).size() == 1);
  CHECK(workers.seen(1)[0].kind == Command::Kind::switch_session);
  CHECK(workers.seen(1)[0].argument == id.raw());
  // One session may do without.
  CHECK(workers.controllers().switch_session(id, Kind::none));
  CHECK(workers.controllers().switch_session(SessionId(6, 3, 1), Kind::bbr).error() == "no such session");
  CHECK(workers.controllers().switch_session(SessionId(5, 3, 2), Kind::bbr).error() == "no such session");
}

TEST_CASE("a listener is switched by all workers, and not to none") {
  Workers workers;
  const auto outcome = workers.controllers().switch_listener(4, "game", Kind::cubic);
  REQUIRE(outcome);
  CHECK(outcome->json() == R"({"listener":"game","congestion":"cubic"})");
  for (const std::size_t worker : {0u, 1u}) {
    REQUIRE(workers.seen(worker).size() == 1);
    CHECK(workers.seen(worker)[0].kind == Command::Kind::switch_listener);
    CHECK(workers.seen(worker)[0].argument == 4);
    CHECK(workers.seen(worker)[0].controller == Kind::cubic);
  }
  const auto none = workers.controllers().switch_listener(4, "game", Kind::none);
  REQUIRE_FALSE(none);
  CHECK_THAT(none.error(), Catch::StartsWith("none is no default: ") && Catch::Contains("takes from all others"));
  CHECK(workers.seen(0).size() == 1);
}

TEST_CASE("where recovery is ikcp's there is nothing to switch to") {
  Workers workers(2, false);
  CHECK_THAT(workers.controllers().switch_listener(0, "old", Kind::bbr).error(),
             Catch::Contains("recovery is ikcp there"));
  CHECK_THAT(workers.controllers().switch_session(SessionId(5, 1, 0), Kind::bbr).error(),
             Catch::Contains("recovery is ikcp there"));
}

TEST_CASE("a worker that is silent is named") {
  Workers workers(1);
  CHECK_THAT(workers.controllers().switch_listener(0, "game", Kind::bbr).error(), Catch::StartsWith("busy: worker 1 "));
}

TEST_CASE("a name that is none is answered by all there are") {
  CHECK(congestion_named("newreno") == Kind::newreno);
  CHECK(congestion_named("reno").error() ==
        "there is no such congestion control; there are none, kcp, newreno, cubic, bbr");
}

}  // namespace penstock::control
