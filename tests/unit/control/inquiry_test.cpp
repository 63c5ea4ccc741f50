// Shows that a question gets its own answer and no other, and that a worker that is silent, late or full costs a bounded
// wait. A thread plays the worker.
#include "control/inquiry.hpp"

#include <atomic>
#include <catch2/catch.hpp>
#include <memory>
#include <thread>

namespace penstock::control {

namespace {

using std::chrono::milliseconds;

// Answers each command until it is destroyed, the first `lost` of them with the ticket of another question.
class PlayedWorker {
 public:
  explicit PlayedWorker(Mailbox& mailbox, int lost = 0) : thread_([this, &mailbox, lost] { serve(mailbox, lost); }) {}
  ~PlayedWorker() {
    ended_ = true;
    thread_.join();
  }
  PlayedWorker(const PlayedWorker&) = delete;
  PlayedWorker& operator=(const PlayedWorker&) = delete;

 private:
  void serve(Mailbox& mailbox, int lost) {
    while (!ended_) {
      Command command;
      if (!mailbox.commands.pop(command)) {
        std::this_thread::yield();
        continue;
      }
      Answer answer;
      answer.ticket = lost-- > 0 ? command.ticket + 1'000 : command.ticket;
      answer.next_cursor = command.argument + 1;
      mailbox.answers.push(answer);
    }
  }
  std::atomic<bool> ended_{false};
  std::thread thread_;
};

}  // namespace

TEST_CASE("a question gets its answer") {
  Mailbox mailbox;
  Inquiry inquiry(mailbox);
  const PlayedWorker worker(mailbox);
  for (std::uint64_t i = 0; i < 50; ++i) {
    const auto answer = inquiry.ask(Command::Kind::sessions, i, milliseconds(60'000));
    REQUIRE(answer);
    CHECK(answer->next_cursor == i + 1);
  }
}

TEST_CASE("a silent worker costs the wait and no more") {
  Mailbox mailbox;
  Inquiry inquiry(mailbox);
  const auto begin = std::chrono::steady_clock::now();
  CHECK_FALSE(inquiry.ask(Command::Kind::sessions, 0, milliseconds(20)));
  const auto took = std::chrono::steady_clock::now() - begin;
  CHECK(took >= milliseconds(20));
  CHECK(took < milliseconds(60'000));
}

TEST_CASE("an answer that comes late is not taken for the next one") {
  Mailbox mailbox;
  Inquiry inquiry(mailbox);
  CHECK_FALSE(inquiry.ask(Command::Kind::sessions, 7, milliseconds(1)));
  // The worker now carries out both questions; the first answer is late.
  const PlayedWorker worker(mailbox);
  const auto answer = inquiry.ask(Command::Kind::sessions, 8, milliseconds(60'000));
  REQUIRE(answer);
  CHECK(answer->next_cursor == 9);
}

TEST_CASE("an answer with another ticket is no answer") {
  Mailbox mailbox;
  Inquiry inquiry(mailbox);
  const PlayedWorker worker(mailbox, 1);
  CHECK_FALSE(inquiry.ask(Command::Kind::sessions, 7, milliseconds(50)));
  CHECK(inquiry.ask(Command::Kind::sessions, 8, milliseconds(60'000)));
}

TEST_CASE("a full mailbox refuses at once") {
  Mailbox mailbox;
  Inquiry inquiry(mailbox);
  while (mailbox.commands.push(Command{})) {}
  const auto begin = std::chrono::steady_clock::now();
  CHECK_FALSE(inquiry.ask(Command::Kind::sessions, 0, milliseconds(600'000)));
  CHECK(std::chrono::steady_clock::now() - begin < milliseconds(60'000));
}

TEST_CASE("abandoned answers do not fill the way for good") {
  Mailbox mailbox;
  Inquiry inquiry(mailbox);
  while (mailbox.answers.push(Answer{})) {}
  const PlayedWorker worker(mailbox);
  CHECK(inquiry.ask(Command::Kind::session, 1, milliseconds(60'000)));
}

}  // namespace penstock::control
