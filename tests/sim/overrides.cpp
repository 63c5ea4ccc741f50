#include "sim/overrides.hpp"

#include <fmt/core.h>

#include <algorithm>

namespace penstock::sim {

namespace {

struct Removal {
  std::string_view name;
  void (*from)(Plan&);
};

void each_link(Plan& plan, void (*change)(impair::Impairment&)) {
  for (HostPlan& host : plan.hosts) {
    change(host.up);
    change(host.down);
  }
}

template <Fault kind>
void episodes_of(Plan& plan) {
  std::erase_if(plan.episodes, [](const Episode& e) { return e.kind == kind; });
}

constexpr Removal removals[] = {
    {"strangers", [](Plan& p) { p.strangers = 0; }},
    {"flood", [](Plan& p) { p.flood = false; }},
    {"replay", [](Plan& p) { p.replay_ppm = 0; }},
    {"mangled", [](Plan& p) { p.mangle_ppm = 0; }},
    {"flap", episodes_of<Fault::flap>},
    {"freeze", episodes_of<Fault::freeze>},
    {"rebind", episodes_of<Fault::rebind>},
    {"pool_dry_long", episodes_of<Fault::pool_dry_long>},
    {"rx_burst", episodes_of<Fault::rx_burst>},
    {"clock_jump", episodes_of<Fault::clock_jump>},
    {"client_crash", episodes_of<Fault::client_crash>},
    {"server_crash", episodes_of<Fault::server_crash>},
    {"few_neighbors",
     [](Plan& p) {
       for (HostPlan& host : p.hosts) host.neighbors_max = HostPlan{}.neighbors_max;
     }},
    {"clock_drift",
     [](Plan& p) {
       for (HostPlan& host : p.hosts) host.clock_ppm = 0;
     }},
    {"vanish", episodes_of<Fault::vanish>},
    {"drain", episodes_of<Fault::drain>},
    {"stop", episodes_of<Fault::stop>},
    {"port_down", episodes_of<Fault::port_down>},
    {"partition", episodes_of<Fault::partition>},
    {"pool_dry", episodes_of<Fault::pool_dry>},
    {"tx_ring_full", episodes_of<Fault::tx_ring_full>},
    {"lcore_stall", episodes_of<Fault::lcore_stall>},
    {"loss", [](Plan& p) { each_link(p, [](impair::Impairment& link) { link.loss_ppm = 0; }); }},
    {"duplicate", [](Plan& p) { each_link(p, [](impair::Impairment& link) { link.duplicate_ppm = 0; }); }},
    {"reorder", [](Plan& p) { each_link(p, [](impair::Impairment& link) { link.reorder_ppm = 0; }); }},
    {"corrupt", [](Plan& p) { each_link(p, [](impair::Impairment& link) { link.corrupt_ppm = 0; }); }},
    {"jitter", [](Plan& p) { each_link(p, [](impair::Impairment& link) { link.jitter = {}; }); }},
    {"rate", [](Plan& p) { each_link(p, [](impair::Impairment& link) { link.rate_bits_per_second = 0; }); }},
    {"port_impair",
     [](Plan& p) {
       for (HostPlan& host : p.hosts) host.port.reset();
     }},
    {"steered_wrong",
     [](Plan& p) {
       for (HostPlan& host : p.hosts) host.missteer_ppm = 0;
     }},
    {"offload",
     [](Plan& p) {
       for (HostPlan& host : p.hosts) host.checksum_offload = host.multi_segment = false;
     }},
    {"tags", [](Plan& p) { p.tags = {}; }},
    {"slow_reader",
     [](Plan& p) {
       for (Conversation& c : p.conversations) c.reads_slowly = false;
     }},
    {"quits",
     [](Plan& p) {
       for (Conversation& c : p.conversations) c.quits_after = 0;
     }},
    {"reading_pause",
     [](Plan& p) {
       for (Conversation& c : p.conversations) {
         if (!c.never_reads) c.pause = {};
       }
     }},
};

std::string word(std::uint32_t number) { return std::to_string(number); }
std::string word(std::string_view name) { return std::string(name); }

template <class Items>
std::string joined(const Items& items) {
  std::string text;
  for (const auto& item : items) {
    if (!text.empty()) text += ',';
    text += word(item);
  }
  return text;
}

}  // namespace

std::string Overrides::options() const {
  std::string text;
  if (!without.empty()) text += " --without " + joined(without);
  if (!conversations.empty()) text += " --conversations " + joined(conversations);
  if (until) text += fmt::format(" --until {:.6f}", static_cast<double>(until->count_us()) / 1e6);
  return text;
}

std::vector<std::string_view> removable() {
  std::vector<std::string_view> names;
  for (const Removal& removal : removals) names.push_back(removal.name);
  return names;
}

std::string complaint_about(const Overrides& overrides, const Plan& plan) {
  for (const std::string& name : overrides.without) {
    if (std::ranges::find(removals, name, &Removal::name) != std::end(removals)) continue;
    return fmt::format("--without knows no '{}'; it knows {}", name, joined(removable()));
  }
  for (const std::uint32_t place : overrides.conversations) {
    if (place >= plan.conversations.size()) {
      return fmt::format("--conversations: this world has {}, counted from 0", plan.conversations.size());
    }
  }
  return "";
}

Plan apply(Plan plan, const Overrides& overrides) {
  if (!overrides.any()) return plan;
  plan.datagrams = 0;
  for (const std::string& name : overrides.without) std::ranges::find(removals, name, &Removal::name)->from(plan);
  if (!overrides.conversations.empty()) {
    std::vector<Conversation> kept;
    for (const std::uint32_t place : overrides.conversations) kept.push_back(plan.conversations[place]);
    plan.conversations = std::move(kept);
  }
  if (overrides.until && plan.start + *overrides.until < plan.heal) {
    plan.give_up = plan.give_up - (plan.heal - (plan.start + *overrides.until));
    plan.heal = plan.start + *overrides.until;
    std::erase_if(plan.episodes, [&plan](const Episode& e) { return e.begin >= plan.heal; });
    for (Episode& episode : plan.episodes) episode.end = earlier(episode.end, plan.heal);
    for (Conversation& conversation : plan.conversations) conversation.start = earlier(conversation.start, plan.heal);
  }
  return plan;
}

}  // namespace penstock::sim
