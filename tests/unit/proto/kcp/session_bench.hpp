// SessionBench: one Session and helpers to speak to it as a hand-made peer; its wire clock begins at 0.
#pragma once

#include <catch2/catch.hpp>
#include <cstdint>
#include <string_view>
#include <vector>

#include "proto/kcp/session.hpp"
#include "proto/kcp/world.hpp"

namespace penstock::kcp::test {

inline Options quick() {
  Options options;
  options.no_congestion_window = true;
  options.nodelay = 1;
  options.interval_ms = 10;
  options.resend = 2;
  return options;
}

inline std::vector<SessionEvent> events(Session& session) {
  std::vector<SessionEvent> all;
  while (auto event = session.poll_event()) all.push_back(*event);
  return all;
}

inline CloseReason closed_by(Session& session) {
  const auto all = events(session);
  REQUIRE(!all.empty());
  REQUIRE(all.back().kind == SessionEvent::Kind::closed);
  REQUIRE(session.closed());
  return all.back().reason;
}

// A World whose session is open; both are checked for leaks at the end.
struct SessionBench {
  explicit SessionBench(const Options& options = quick(), const Start& start = ours(), const WorldSize& size = {})
      : world(options, 1, size), session(world.env, conv, Instant(), start) {}
  ~SessionBench() {
    session.release();
    world.check_whole();
  }
  Refusal deliver(const Bytes& datagram, std::int64_t ms = 0) {
    return test::deliver(world, session, datagram, at_ms(ms));
  }
  SendResult send(std::string_view bytes, std::int64_t ms = 0) { return test::send(world, session, bytes, at_ms(ms)); }
  std::vector<Parsed> sent(std::int64_t ms = 0, std::uint32_t room = 9000) {
    return parse(transmit_all(world, session, at_ms(ms), room));
  }
  World world;
  Session session;
};

}  // namespace penstock::kcp::test
