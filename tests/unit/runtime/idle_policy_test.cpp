// Shows the way of an idle worker from polling over pausing to sleep and back, that a sleep is never longer than a deadline
// or a frame allows, and that the time it stays awake follows the traffic with hysteresis.
// How: turns are played by hand, each with its time and whether it found work.
#include "runtime/idle_policy.hpp"

#include <catch2/catch.hpp>

using namespace penstock;
using namespace penstock::runtime;
using Step = IdlePolicy::Step;

namespace {

const Instant start = Instant::at_us(1'000'000);
const Instant never = Instant::never();

// Turns without work, a microsecond each, until the policy says `step`; when that was.
Instant idle_until(IdlePolicy& policy, Step step, Instant from) {
  for (Instant now = from; now < from + Duration::ms(10); now = now + Duration::us(1)) {
    if (policy.after_turn(false, now) == step) return now;
  }
  FAIL("the step never came");
  return from;
}

// Falls asleep after work at `from`, and finds work `gap` after it.
void sleep_once(IdlePolicy& policy, Instant from, Duration gap) {
  CHECK(policy.after_turn(true, from) == Step::poll);
  idle_until(policy, Step::sleep, from);
  CHECK(policy.after_turn(true, from + gap) == Step::poll);
}

}  // namespace

TEST_CASE("a worker polls while there is work and a moment longer, then pauses, then arms and sleeps",
          "[idle_policy]") {
  IdlePolicy policy;
  for (int i = 0; i < 1000; ++i) CHECK(policy.after_turn(true, start + Duration::us(i * 300)) == Step::poll);
  const Instant last = start + Duration::us(999 * 300);
  CHECK(policy.after_turn(false, last + IdlePolicy::spin - Duration::us(1)) == Step::poll);
  CHECK(policy.after_turn(false, last + IdlePolicy::spin) == Step::pause);
  CHECK(policy.after_turn(false, last + policy.linger() - Duration::us(1)) == Step::pause);
  CHECK(policy.after_turn(false, last + policy.linger()) == Step::arm);
  CHECK(policy.after_turn(false, last + policy.linger()) == Step::sleep);
  // After a sleep that brought nothing the ports are asked again, and looked at once more.
  CHECK(policy.after_turn(false, last + Duration::ms(5)) == Step::arm);
  CHECK(policy.after_turn(false, last + Duration::ms(5)) == Step::sleep);
}

TEST_CASE("work between arming and sleeping keeps the worker awake", "[idle_policy]") {
  IdlePolicy policy;
  policy.after_turn(true, start);
  const Instant armed = idle_until(policy, Step::arm, start);
  CHECK(policy.after_turn(true, armed) == Step::poll);
  CHECK(policy.after_turn(false, armed + Duration::us(1)) == Step::poll);
  const Instant again = idle_until(policy, Step::arm, armed);
  CHECK(again - armed >= policy.linger());
}

TEST_CASE("a worker that never found work sleeps at once", "[idle_policy]") {
  IdlePolicy policy;
  CHECK(policy.after_turn(false, start) == Step::arm);
  CHECK(policy.after_turn(false, start) == Step::sleep);
}

TEST_CASE("a sleep that only time ends grows with the silence, up to its bound", "[idle_policy]") {
  IdlePolicy policy;
  policy.after_turn(true, start);
  const Instant asleep = idle_until(policy, Step::sleep, start);
  CHECK(policy.sleep_for(asleep, never, false) == IdlePolicy::sleep_min);
  CHECK(policy.sleep_for(start + Duration::ms(2), never, false) == Duration::us(500));
  CHECK(policy.sleep_for(start + Duration::ms(4), never, false) == IdlePolicy::sleep_max);
  CHECK(policy.sleep_for(start + Duration::seconds(100), never, false) == IdlePolicy::sleep_max);
}

TEST_CASE("a sleep that frames end is long from the first", "[idle_policy]") {
  IdlePolicy policy;
  policy.after_turn(true, start);
  const Instant asleep = idle_until(policy, Step::sleep, start);
  CHECK(policy.sleep_for(asleep, never, true) == IdlePolicy::woken_sleep_max);
}

TEST_CASE("a deadline ends a sleep, or prevents it when it is near", "[idle_policy]") {
  IdlePolicy policy;
  policy.after_turn(true, start);
  const Instant now = start + Duration::seconds(1);
  for (const bool frames_wake : {false, true}) {
    CHECK(policy.sleep_for(now, now + Duration::us(700), frames_wake) == Duration::us(700));
    CHECK(policy.sleep_for(now, now + IdlePolicy::sleep_min, frames_wake) == IdlePolicy::sleep_min);
    CHECK(policy.sleep_for(now, now + IdlePolicy::sleep_min - Duration::us(1), frames_wake) == Duration());
    CHECK(policy.sleep_for(now, now, frames_wake) == Duration());
    CHECK(policy.sleep_for(now, now - Duration::seconds(1), frames_wake) == Duration());
  }
}

TEST_CASE("work soon after falling asleep makes the worker stay awake longer, step by step", "[idle_policy]") {
  IdlePolicy policy;
  CHECK(policy.linger() == IdlePolicy::linger_min);
  Duration before = policy.linger();
  for (int i = 0; i < 4; ++i) {
    sleep_once(policy, start + Duration::ms(i), policy.linger() + Duration::us(1));
    CHECK(policy.linger() == std::min(before * 2, IdlePolicy::linger_max));
    before = policy.linger();
  }
  CHECK(policy.linger() == IdlePolicy::linger_max);
  // Traffic at this pace now finds it awake.
  Instant now = start + Duration::seconds(1);
  policy.after_turn(true, now);
  for (int i = 0; i < 10; ++i) {
    for (int k = 1; k < 400; ++k) {
      const Step step = policy.after_turn(false, now + Duration::us(k));
      CHECK((step == Step::poll || step == Step::pause));
    }
    now = now + Duration::us(400);
    policy.after_turn(true, now);
  }
  CHECK(policy.linger() == IdlePolicy::linger_max);
}

TEST_CASE("one long silence does not make it forget, several do", "[idle_policy]") {
  IdlePolicy policy;
  for (int i = 0; i < 4; ++i) sleep_once(policy, start + Duration::ms(i), policy.linger() + Duration::us(1));
  REQUIRE(policy.linger() == IdlePolicy::linger_max);
  sleep_once(policy, start + Duration::seconds(1), Duration::ms(5));
  CHECK(policy.linger() == IdlePolicy::linger_max / 2);
  for (int i = 2; i < 8; ++i) sleep_once(policy, start + Duration::seconds(i), Duration::ms(5));
  CHECK(policy.linger() == IdlePolicy::linger_min);
}
