// Shows that a world which breaks is made small and goes on breaking in the same way, that what is taken away shifts no
// draw, and that the line which is printed replays it. The faults are planted: in a verdict of the test's own, and in the
// simulated product.
#include <algorithm>
#include <catch2/catch.hpp>

#include "sim/broken.hpp"
#include "sim/shrink.hpp"
#include "sim/simulation.hpp"

using namespace penstock;
using namespace penstock::sim;

namespace {

std::string sentence_of(const Plan& plan, Sabotage sabotage) {
  try {
    Simulation(plan, false, sabotage).run();
    return "";
  } catch (const Broken& broken) {
    return broken.what();
  }
}

// The first seed whose world is quick, has some conversations, and loss among other faults.
Plan lossy_plan() {
  for (std::uint64_t seed = 1;; ++seed) {
    const Plan plan = draw_plan(seed);
    const bool loses = std::ranges::any_of(plan.hosts, [](const HostPlan& h) { return h.up.loss_ppm > 0; });
    const std::size_t count = plan.conversations.size();
    if (loses && plan.strangers > 0 && count >= 4 && count < 12) return plan;
    REQUIRE(seed < 1000);
  }
}

}  // namespace

TEST_CASE("what is taken away shifts no draw") {
  const Plan whole = lossy_plan();
  const Plan less = apply(whole, {.without = {"loss", "strangers"}, .conversations = {2}});
  REQUIRE(less.conversations.size() == 1);
  CHECK(less.conversations[0].conv == whole.conversations[2].conv);
  CHECK(less.conversations[0].start == whole.conversations[2].start);
  CHECK(less.conversations[0].sizes == whole.conversations[2].sizes);
  CHECK(less.hosts[0].up.loss_ppm == 0);
  CHECK(less.hosts[0].up.delay == whole.hosts[0].up.delay);
  CHECK(less.hosts[0].up.reorder_ppm == whole.hosts[0].up.reorder_ppm);
  CHECK(less.strangers == 0);
  CHECK(less.datagrams == 0);
  CHECK(apply(whole, {}).datagrams == datagrams_min);
}

TEST_CASE("each name that can be left out leaves a world that lives") {
  const Plan plan = lossy_plan();
  for (const std::string_view name : removable()) {
    Overrides overrides;
    overrides.without.emplace_back(name);
    INFO(name);
    CHECK(complaint_about(overrides, plan).empty());
    CHECK(sentence_of(apply(plan, overrides), Sabotage::none) == "");
  }
}

TEST_CASE("a name or a conversation that there is not is complained about") {
  const Plan plan = lossy_plan();
  CHECK_THAT(complaint_about({.without = {"gravity"}}, plan), Catch::Contains("gravity"));
  CHECK_THAT(complaint_about({.conversations = {1000}}, plan), Catch::Contains("--conversations"));
}

TEST_CASE("shrinking keeps what the failure needs and leaves out the rest") {
  const Plan plan = lossy_plan();
  const std::uint32_t culprit = plan.conversations[3].conv;
  // Planted: it breaks where one conversation meets loss for at least two seconds.
  const Verdict verdict = [culprit](const Plan& world) -> std::string {
    const bool loses = std::ranges::any_of(world.hosts, [](const HostPlan& h) { return h.up.loss_ppm > 0; });
    const bool there =
        std::ranges::any_of(world.conversations, [&](const Conversation& c) { return c.conv == culprit; });
    const bool lasts = world.heal - world.start >= Duration::seconds(2);
    return loses && there && lasts ? "conversation 7f33 broke" : "";
  };
  const Shrunk shrunk = shrink(plan, verdict);
  CHECK(shrunk.sentence == "conversation 7f33 broke");
  CHECK(shrunk.overrides.without.size() == removable().size() - 1);
  CHECK(std::ranges::find(shrunk.overrides.without, "loss") == shrunk.overrides.without.end());
  CHECK(shrunk.overrides.conversations == std::vector<std::uint32_t>{3});
  REQUIRE(shrunk.overrides.until);
  CHECK(*shrunk.overrides.until >= Duration::seconds(2));
  CHECK(*shrunk.overrides.until < Duration::ms(2100));
  CHECK(shrunk.worlds < 100);
}

TEST_CASE("a fault of the product is shrunk to a world that replays it") {
  const Plan plan = lossy_plan();
  const Verdict verdict = [](const Plan& world) { return sentence_of(world, Sabotage::doubled_answer); };
  const Shrunk shrunk = shrink(plan, verdict);
  CHECK_THAT(shrunk.sentence, Catch::Contains("proved nothing"));
  CHECK(shrunk.overrides.conversations.size() == 1);
  CHECK(verdict(apply(plan, shrunk.overrides)) == shrunk.sentence);
  CHECK_THAT(shrunk.overrides.options(), Catch::StartsWith(" --without "));
}

TEST_CASE("a world that breaks in another way is not taken for the same") {
  const Plan plan = lossy_plan();
  const Verdict verdict = [](const Plan& world) -> std::string {
    const bool loses = std::ranges::any_of(world.hosts, [](const HostPlan& h) { return h.up.loss_ppm > 0; });
    return loses ? "a block is lost" : "a session is left over";
  };
  const Shrunk shrunk = shrink(plan, verdict);
  CHECK(shrunk.sentence == "a block is lost");
  CHECK(std::ranges::find(shrunk.overrides.without, "loss") == shrunk.overrides.without.end());
}

TEST_CASE("a world that does not break is left alone") {
  const Shrunk shrunk = shrink(lossy_plan(), [](const Plan&) { return std::string(); });
  CHECK(shrunk.sentence.empty());
  CHECK_FALSE(shrunk.overrides.any());
  CHECK(shrunk.worlds == 1);
}

TEST_CASE("the invariant of a sentence is what is left without its numbers") {
  CHECK(invariant_of("conversation 7f33 did not complete (12 of 40 B)") ==
        invariant_of("conversation 1b did not complete (0 of 9 B)"));
  CHECK(invariant_of("a block is lost") != invariant_of("a session is left over"));
}

TEST_CASE("a child tells what broke in it") {
  CHECK(verdict_of_child(apply(lossy_plan(), {.conversations = {0}})).empty());
}
