// Shows that the search finds what a path carries, from base to most, in few probes; that lost probes, forged hints and paths
// that change leave no size in force that was not asked about.
// How: a path that carries datagrams up to a length, asked as a session would, one probe at a time.
#include "proto/path_mtu.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

#include "base/rng.hpp"

using namespace penstock;

namespace {

constexpr std::uint16_t base = PathMtu::base_v4;
constexpr std::uint16_t most = 1400;

struct Path {
  explicit Path(std::uint16_t carries_, std::uint16_t asked_ = most) : carries(carries_), asked(asked_), mtu(base) {}

  // Sends what is wanted and answers it or not; false when nothing is wanted.
  bool step() {
    const std::uint16_t wanted = mtu.probe_wanted(asked, now);
    if (wanted == 0) return false;
    ++probes;
    mtu.on_probe_sent(wanted, now);
    REQUIRE(mtu.probe_out());
    REQUIRE(mtu.probe_wanted(asked, now) == 0);
    if (wanted <= carries && !lose) {
      now = now + Duration::ms(20);
      mtu.on_probe_answered(now);
    } else {
      now = now + Duration::ms(999);
      mtu.on_time(Duration::ms(60), now);
      REQUIRE(mtu.probe_out());
      now = now + Duration::ms(1);
      mtu.on_time(Duration::ms(60), now);
    }
    REQUIRE_FALSE(mtu.probe_out());
    return true;
  }
  void search() {
    while (step()) REQUIRE(probes < 1000);
  }

  std::uint16_t carries;
  std::uint16_t asked;
  PathMtu mtu;
  Instant now = Instant::at_us(5'000'000);
  int probes = 0;
  bool lose = false;
};

}  // namespace

TEST_CASE("a path that carries the most is known after one probe") {
  Path path(1472);
  CHECK(path.mtu.size() == base);
  path.search();
  CHECK(path.probes == 1);
  CHECK(path.mtu.size() == most);
}

TEST_CASE("any other path is found to within 16 bytes, and never sent what it does not carry") {
  for (std::uint16_t carries = base; carries <= most; ++carries) {
    Path path(carries);
    path.search();
    CHECK(path.mtu.size() <= carries);
    CHECK(carries - path.mtu.size() <= 16);
    CHECK(path.probes <= 3 * 7);
  }
}

TEST_CASE("nothing is asked of who sends no more than the base") {
  Path path(1472, base);
  path.search();
  CHECK(path.probes == 0);
  path.mtu.on_black_hole();
  CHECK_FALSE(path.mtu.on_hint());
  CHECK(path.mtu.size() == base);
}

TEST_CASE("two probes that are lost by chance cost time and no bytes") {
  Path path(1472);
  path.lose = true;
  path.step();
  path.step();
  path.lose = false;
  path.search();
  CHECK(path.probes == 3);
  CHECK(path.mtu.size() == most);
}

TEST_CASE("a probe is waited for as long as is asked for, and a second at the least") {
  PathMtu mtu(base);
  const Instant start = Instant::at_us(7000);
  mtu.on_probe_sent(most, start);
  mtu.on_time(Duration::seconds(4), start + Duration::ms(3999));
  CHECK(mtu.probe_out());
  CHECK(mtu.probe_age(start + Duration::ms(3999)) == Duration::ms(3999));
  mtu.on_time(Duration::seconds(4), start + Duration::seconds(4));
  CHECK_FALSE(mtu.probe_out());
}

TEST_CASE("a probe whose answer nobody can tell counts neither way") {
  Path path(1472);
  for (int i = 0; i < 10; ++i) {
    path.mtu.on_probe_sent(most, path.now);
    path.mtu.on_probe_void();
    path.mtu.on_probe_answered(path.now);
    CHECK(path.mtu.size() == base);
  }
  path.search();
  CHECK(path.probes == 1);
  CHECK(path.mtu.size() == most);
}

TEST_CASE("what a path does not carry is asked for again after ten minutes") {
  Path path(1000);
  path.search();
  const std::uint16_t found = path.mtu.size();
  path.carries = 1472;
  path.now = path.now + Duration::seconds(599);
  CHECK_FALSE(path.step());
  path.now = path.now + Duration::seconds(2);
  path.search();
  CHECK(found <= 1000);
  CHECK(path.mtu.size() == most);
}

TEST_CASE("a hint has the size in force asked about, and changes nothing when the path carries it") {
  Path path(1472);
  CHECK_FALSE(path.mtu.on_hint());  // of the base nothing need be asked
  path.search();
  CHECK(path.mtu.on_hint());
  CHECK_FALSE(path.mtu.on_hint());
  CHECK(path.mtu.size() == most);
  CHECK(path.mtu.probe_wanted(most, path.now) == most);
  path.search();
  CHECK(path.probes == 2);
  CHECK(path.mtu.size() == most);
}

TEST_CASE("a hint that is true leads to what the path carries now") {
  Path path(1472);
  path.search();
  path.carries = 1232;
  CHECK(path.mtu.on_hint());
  path.search();
  CHECK(path.mtu.size() <= 1232);
  CHECK(1232 - path.mtu.size() <= 16);
}

TEST_CASE("a black hole leaves the base alone in force, and the search goes on below what was swallowed") {
  Path path(1472);
  path.search();
  path.carries = 900;
  path.mtu.on_black_hole();
  CHECK(path.mtu.size() == base);
  CHECK(path.mtu.probe_wanted(most, path.now) == base + (most - base) / 2);
  path.search();
  CHECK(path.mtu.size() <= 900);
  CHECK(900 - path.mtu.size() <= 16);
}

TEST_CASE("an answer to no probe says nothing") {
  PathMtu mtu(base);
  mtu.on_probe_answered(Instant::at_us(1));
  CHECK(mtu.size() == base);
  mtu.on_time(Duration(), Instant::at_us(2));
  CHECK(mtu.probe_wanted(most, Instant::at_us(3)) == most);
}

TEST_CASE("whatever happens, the size stays between base and most") {
  Rng rng(11);
  for (int world = 0; world < 300; ++world) {
    Path path(static_cast<std::uint16_t>(rng.between(100, 9000)), static_cast<std::uint16_t>(rng.between(100, 9000)));
    for (int i = 0; i < 200; ++i) {
      switch (rng.below(6)) {
        case 0: path.carries = static_cast<std::uint16_t>(rng.between(100, 9000)); break;
        case 1: path.mtu.on_black_hole(); break;
        case 2: path.mtu.on_hint(); break;
        case 3: path.now = path.now + Duration::ms(rng.between(0, 700'000)); break;
        case 4: path.lose = rng.below(2) == 0; break;
        default: path.step();
      }
      const bool sound = path.mtu.size() >= base && path.mtu.size() <= std::max(base, path.asked);
      REQUIRE(sound);
    }
  }
}
