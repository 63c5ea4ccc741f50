// Shows that a mailbox is bounded both ways and keeps order and contents.
// How: one thread plays control and worker; desk_test shows a worker serve one, tests/threads real threads.
#include "engine/mailbox.hpp"

#include <catch2/catch.hpp>

using namespace penstock;

TEST_CASE("commands come out as they went in, sixteen at most", "[mailbox]") {
  Mailbox mailbox;
  for (std::uint64_t i = 0; i < 16; ++i) {
    REQUIRE(mailbox.commands.push({.kind = Command::Kind::session, .ticket = i, .argument = ~i}));
  }
  CHECK_FALSE(mailbox.commands.push({}));
  Command command;
  for (std::uint64_t i = 0; i < 16; ++i) {
    REQUIRE(mailbox.commands.pop(command));
    CHECK(command.kind == Command::Kind::session);
    CHECK(command.ticket == i);
    CHECK(command.argument == ~i);
  }
  CHECK_FALSE(mailbox.commands.pop(command));
}

TEST_CASE("answers come out as they went in, four at most", "[mailbox]") {
  Mailbox mailbox;
  for (std::uint64_t i = 0; i < 4; ++i) {
    Answer answer;
    answer.ticket = i;
    answer.count = Answer::sessions_per_page;
    answer.sessions.back().id = 1000 + i;
    REQUIRE(mailbox.answers.push(answer));
  }
  CHECK(mailbox.answers.write_available() == 0);
  CHECK_FALSE(mailbox.answers.push({}));
  Answer answer;
  for (std::uint64_t i = 0; i < 4; ++i) {
    REQUIRE(mailbox.answers.pop(answer));
    CHECK(answer.ticket == i);
    CHECK(answer.count == Answer::sessions_per_page);
    CHECK(answer.sessions.back().id == 1000 + i);
  }
  CHECK_FALSE(mailbox.answers.pop(answer));
}
