#include "sim/crowd.hpp"

#include <algorithm>

#include "base/rng.hpp"
#include "sim/broken.hpp"

namespace penstock::sim {

namespace {

constexpr std::uint32_t sessions_limit = 60'000;
constexpr Duration arrives_from = Duration::ms(2500);
constexpr Duration arrives_for = Duration::seconds(20);
constexpr Duration stays = Duration::seconds(40);
constexpr std::uint32_t link_queue = 1024;

bool fits(const Plan& plan) {
  const auto servers = std::ranges::count_if(plan.hosts, &HostPlan::is_server);
  return plan.gentle && !plan.dry_pools && plan.hosts.size() == 4 && servers == 1;
}

void widen(HostPlan& host, std::uint32_t sessions) {
  const std::uint32_t places = sessions + sessions / 4 + 64;
  host.blocks = 8192;
  host.rx_ring = 2048;
  host.node.sessions_max = places;
  host.node.memory = {.small_blocks = {{16'384, 4096, 4096}}, .window_bytes = 64u << 20, .chunks = 16'384};
  host.limits.sessions_max = host.limits.half_open_max = host.limits.per_prefix_max = places;
  host.limits.idle_timeout = stays;
  host.port.reset();
  for (impair::Impairment* link : {&host.up, &host.down}) {
    link->rate_bits_per_second = 0;
    link->queue_frames = link_queue;
  }
}

Conversation draw_one(Rng rng, const Plan& plan, std::uint32_t number) {
  Conversation c;
  c.conv = (rng.next32() & 0x7fff0000) | number;
  c.key = rng.next();
  c.client = 1 + number % 3;
  c.target = static_cast<Target>(rng.below(target_count - 1));
  c.ip6 = rng.below(2) == 0;
  c.start = plan.start + arrives_from + Duration::us(rng.between(0, arrives_for.count_us()));
  c.sizes.resize(1 + rng.below(4));
  for (std::uint32_t& size : c.sizes) size = static_cast<std::uint32_t>(rng.between(1, 300));
  c.outstanding_max = static_cast<std::uint32_t>(rng.between(1, 4));
  c.impatient = !is_echo(c.target);
  c.linger = Duration::us(rng.between(0, stays.count_us() / 2));
  return c;
}

}  // namespace

Plan draw_crowd(std::uint64_t seed, std::uint32_t sessions) {
  require(sessions <= sessions_limit, "a crowd has a number of 16 bits for each conversation");
  Plan plan = draw_plan(seed);
  while (!fits(plan)) plan = draw_plan(++seed);
  for (HostPlan& host : plan.hosts) widen(host, sessions);
  plan.conversations.clear();
  const Rng root = Rng(seed).child(4);
  for (std::uint32_t i = 0; i < sessions; ++i) plan.conversations.push_back(draw_one(root.child(i), plan, i));
  plan.heal = later(plan.heal, plan.start + arrives_from + arrives_for);
  plan.give_up = plan.heal + Duration::seconds(120);
  return plan;
}

}  // namespace penstock::sim
