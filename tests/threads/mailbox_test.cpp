// Shows that commands reach a worker's thread and answers come back in order, none lost and none twice, and that a full
// mailbox refuses.
// How: a thread that answers as a worker does, one command at a time and only when the answer has room.
#include "engine/mailbox.hpp"

#include <atomic>
#include <catch2/catch.hpp>
#include <cstdint>
#include <thread>

using namespace penstock;

namespace {

void answer_until(const std::atomic<bool>& done, Mailbox& mailbox) {
  while (!done.load()) {
    Command command;
    if (mailbox.answers.write_available() == 0 || !mailbox.commands.pop(command)) {
      std::this_thread::yield();
      continue;
    }
    Answer answer;
    answer.ticket = command.ticket;
    answer.count = Answer::sessions_per_page;
    for (SessionReport& report : answer.sessions) report.id = command.argument;
    mailbox.answers.push(answer);
  }
}

}  // namespace

TEST_CASE("answers come back in the order of their commands", "[mailbox]") {
  Mailbox mailbox;
  std::atomic<bool> done = false;
  std::thread worker([&] { answer_until(done, mailbox); });
  constexpr std::uint64_t questions = 20'000;
  std::uint64_t asked = 0, answered = 0;
  bool in_order = true, whole = true;
  while (answered < questions) {
    if (asked < questions && mailbox.commands.push({.ticket = asked, .argument = asked * 3})) ++asked;
    Answer answer;
    while (mailbox.answers.pop(answer)) {
      in_order = in_order && answer.ticket == answered;
      for (const SessionReport& report : answer.sessions) whole = whole && report.id == answered * 3;
      ++answered;
    }
  }
  done = true;
  worker.join();
  CHECK(asked == questions);
  CHECK(in_order);
  CHECK(whole);
}

TEST_CASE("a mailbox takes sixteen commands and four answers and then refuses", "[mailbox]") {
  Mailbox mailbox;
  for (int i = 0; i < 16; ++i) CHECK(mailbox.commands.push(Command()));
  CHECK_FALSE(mailbox.commands.push(Command()));
  for (int i = 0; i < 4; ++i) CHECK(mailbox.answers.push(Answer()));
  CHECK_FALSE(mailbox.answers.push(Answer()));
}
