// Shows which losses one reduction answers, and when it is known to have had no reason.
#include "proto/congestion/episode.hpp"

#include <catch2/catch.hpp>

#include "proto/congestion/feed.hpp"

using namespace penstock::congestion;
using namespace penstock::congestion::test;

TEST_CASE("a reduction answers what was sent before it, and nothing sent later") {
  Episode episode;
  CHECK_FALSE(episode.covers(at_ms(-1'000'000)));
  episode.begin(at_ms(200), at_ms(100));
  CHECK(episode.covers(at_ms(50)));
  CHECK(episode.covers(at_ms(200)));
  CHECK_FALSE(episode.covers(at_ms(201)));
}

TEST_CASE("every copy held for lost has to arrive before a reduction is taken back") {
  Episode episode;
  episode.begin(at_ms(200), at_ms(100));
  episode.add(at_ms(101));
  episode.add(at_ms(99));
  CHECK_FALSE(episode.disproved_by(spurious(210, 100)));
  CHECK_FALSE(episode.disproved_by(spurious(210, 101)));
  // Copies of other reductions do not count.
  CHECK_FALSE(episode.disproved_by(spurious(211, 90)));
  CHECK_FALSE(episode.disproved_by(spurious(211, 201)));
  CHECK(episode.disproved_by(spurious(212, 99)));
  // Once only; and what is lost then is answered anew.
  CHECK_FALSE(episode.disproved_by(spurious(213, 99)));
  CHECK_FALSE(episode.covers(at_ms(100)));
}

TEST_CASE("one copy that arrives disproves a timeout, and only one that the timeout had given up") {
  Episode episode;
  episode.begin_by_timeout(at_ms(500));
  CHECK(episode.by_timeout());
  episode.add(at_ms(400));
  CHECK_FALSE(episode.disproved_by(spurious(510, 400, false)));
  CHECK_FALSE(episode.disproved_by(spurious(510, 501, true)));
  CHECK(episode.disproved_by(spurious(510, 1, true)));
  CHECK_FALSE(episode.by_timeout());
}
