// Shows that a session record knows its own key in each mode, that unproven credit never lets more out than came in, and
// that what the look-up needs lies in one cache line.
// How: by example at the limits.
#include "session/session.hpp"

#include <catch2/catch.hpp>
#include <cstddef>
#include <type_traits>

#include "base/rng.hpp"

using namespace penstock;
using net::IpAddress;

namespace {

Session session_of(SessionKeyMode mode) {
  Session session;
  session.path = {
      .local = {IpAddress::v4(10, 0, 0, 1), 4000}, .remote = {IpAddress::v4(10, 0, 9, 2), 5000}, .interface = 2};
  session.conv = 42;
  session.key_mode = mode;
  session.state = SessionState::unproven;
  return session;
}

}  // namespace

TEST_CASE("a record is two lines, the first enough for the look-up", "[session]") {
  CHECK(sizeof(Session) == 128);
  CHECK(alignof(Session) == 64);
  CHECK(offsetof(Session, last_heard) == 64);
  CHECK(offsetof(Session, in_dirty_list) < 64);
  CHECK(std::is_trivially_copyable_v<Session>);
}

TEST_CASE("a session takes its own datagrams only", "[session]") {
  for (const SessionKeyMode mode : {SessionKeyMode::address, SessionKeyMode::address_conv, SessionKeyMode::conv}) {
    const Session session = session_of(mode);
    CHECK(session.is_of(session.path, 42));
    CHECK(session.is_of(session.path, 43) == (mode == SessionKeyMode::address));
    net::Path roamed = session.path;
    roamed.remote.port = 5001;
    CHECK(session.is_of(roamed, 42) == (mode == SessionKeyMode::conv));
    net::Path elsewhere = session.path;
    elsewhere.local.port = 4001;
    CHECK_FALSE(session.is_of(elsewhere, 42));
  }
}

TEST_CASE("a free place takes nothing", "[session]") {
  Session session = session_of(SessionKeyMode::address_conv);
  CHECK(session.is_of(session.path, 42));
  session.state = SessionState::free;
  CHECK_FALSE(session.is_of(session.path, 42));
}

TEST_CASE("an unproven session sends no more than it received", "[session]") {
  Session session = session_of(SessionKeyMode::address_conv);
  CHECK_FALSE(session.spend_credit(1));
  CHECK(session.spend_credit(0));
  session.add_credit(100);
  CHECK_FALSE(session.spend_credit(101));
  CHECK(session.credit_bytes == 100);
  CHECK(session.spend_credit(60));
  CHECK_FALSE(session.spend_credit(1));

  Rng rng(5);
  std::uint64_t in = 0;
  std::uint64_t out = 0;
  int questions = 0;
  int answers = 0;
  for (int i = 0; i < 10'000; ++i) {
    const auto bytes = static_cast<std::uint32_t>(1 + rng.below(1500));
    if (rng.below(2) == 0) {
      session.add_credit(bytes);
      in += bytes;
      ++questions;
    } else if (session.spend_credit(bytes)) {
      out += bytes;
      ++answers;
    }
    REQUIRE(out <= in);
    REQUIRE(answers <= questions);
  }
  CHECK(answers > 1000);
}

TEST_CASE("credit stops at its limit instead of starting over", "[session]") {
  Session session = session_of(SessionKeyMode::address_conv);
  session.add_credit(0xffffffff);
  session.add_credit(1500);
  CHECK(session.credit_bytes == 0xffffffff);
}

TEST_CASE("a proven session pays nothing", "[session]") {
  Session session = session_of(SessionKeyMode::address_conv);
  session.add_credit(10);
  session.state = SessionState::proven;
  CHECK(session.spend_credit(100'000));
  CHECK(session.credit_bytes == 10);
}

TEST_CASE("a session whose peer began anew at its address takes nothing more", "[session]") {
  Session session = session_of(SessionKeyMode::address);
  CHECK(session.is_of(session.path, 43));
  session.replaced = true;
  CHECK_FALSE(session.is_of(session.path, 42));
  CHECK_FALSE(session.is_of(session.path, 43));
}
