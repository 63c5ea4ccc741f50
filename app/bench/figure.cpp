#include "bench/figure.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>

namespace penstock::bench {

namespace {

constexpr std::array ids = {std::string_view{"T3"}, std::string_view{"T4"}, std::string_view{"T6"}};

// Readings that are a figure of their own: instructions a unit of work.
struct Row {
  std::string_view label;
  std::string_view id;
  double limit;
};
constexpr std::array rows = {
    Row{"echo-piggy", "T3", 900},   Row{"echo-apart", "T3", 1250},      Row{"kcp-batch-1376", "T4", 550},
    Row{"kcp-batch-64", "T4", 400}, Row{"kcp-trickle-1024", "T4", 850}, Row{"kcp-trickle-32", "T4", 850},
};
constexpr double flat_limit = 1.05;
constexpr double idle_limit = 10;
constexpr double turn_limit = 200'000;
constexpr double us_per_second = 1e6;

std::uint64_t port_cost(const Dump& dump) { return dump.of("bench::MemoryPort::").inclusive; }

double per_unit(std::uint64_t cost, std::uint64_t units) {
  return static_cast<double>(cost) / static_cast<double>(units);
}

// The clock's median and spread over the readings of one label.
void add_clock(const Result& result, std::string_view label, Figure& figure) {
  std::vector<double> ns;
  for (const Reading& reading : result.timed) {
    if (reading.label == label) ns.push_back(reading.ns / static_cast<double>(reading.units));
  }
  if (ns.empty()) return;
  std::ranges::sort(ns);
  figure.ns = ns[ns.size() / 2];
  figure.spread = (ns.back() - ns.front()) / *figure.ns;
}

void add_plain(const Result& result, std::vector<Figure>& figures) {
  for (const CountedReading& reading : result.counted) {
    Figure figure;
    figure.name = reading.dump.label;
    figure.what = result.part->what;
    figure.unit = fmt::format("instructions/{}", result.part->unit);
    const std::uint64_t port = port_cost(reading.dump);
    figure.value = per_unit(reading.dump.instructions - port, reading.units);
    if (port > 0) figure.port = per_unit(port, reading.units);
    const auto row = std::ranges::find(rows, figure.name, &Row::label);
    if (row != rows.end()) {
      figure.id = row->id;
      figure.target = Target{row->limit};
    }
    add_clock(result, figure.name, figure);
    figures.push_back(std::move(figure));
  }
  if (!result.counted.empty()) return;
  for (const Reading& reading : result.timed) {
    if (std::ranges::find(figures, reading.label, &Figure::name) != figures.end()) continue;
    Figure figure;
    figure.name = reading.label;
    figure.what = result.part->what;
    figure.unit = fmt::format("ns/{}", result.part->unit);
    add_clock(result, reading.label, figure);
    figure.value = *figure.ns;
    figures.push_back(std::move(figure));
  }
}

// Instructions and units of all readings whose label begins with `prefix`, the port's left out.
struct Sum {
  double instructions = 0;
  double units = 0;
  double longest = 0;  // the largest single one
};
Sum sum_of(const Result& result, std::string_view prefix) {
  Sum sum;
  for (const CountedReading& reading : result.counted) {
    if (!reading.dump.label.starts_with(prefix)) continue;
    const auto own = static_cast<double>(reading.dump.instructions - port_cost(reading.dump));
    sum.instructions += own;
    sum.units += static_cast<double>(reading.units);
    sum.longest = std::max(sum.longest, own);
  }
  return sum;
}

// "idle-1024" and "idle-1048576" are the same turns with few and many sessions, in µs of virtual time.
void add_idle(const Result& result, std::vector<Figure>& figures) {
  if (result.counted.empty()) return;
  const auto sessions_of = [](const CountedReading& reading) {
    return std::stoul(reading.dump.label.substr(std::string_view("idle-").size()));
  };
  std::vector<unsigned long> counts;
  for (const CountedReading& reading : result.counted) {
    if (reading.dump.label.starts_with("idle-")) counts.push_back(sessions_of(reading));
  }
  const auto [few, many] = std::ranges::minmax(counts);
  const Sum with_few = sum_of(result, fmt::format("idle-{}", few));
  const Sum with_many = sum_of(result, fmt::format("idle-{}", many));
  const double few_a_second = with_few.instructions / with_few.units * us_per_second;
  const double many_a_second = with_many.instructions / with_many.units * us_per_second;
  Figure cost{.id = "T6", .name = "idle-session", .unit = "instructions/(session second)"};
  cost.what = fmt::format("what {} idle sessions cost above {}, default idle timeout", many, few);
  cost.value = (many_a_second - few_a_second) / static_cast<double>(many - few);
  cost.target = Target{idle_limit};
  figures.push_back(std::move(cost));

  const Sum expiry = sum_of(result, "expiry-turn");
  Figure turn{.id = "T6", .name = "longest-turn", .unit = "instructions"};
  turn.what = fmt::format("the longest turn, mass expiry of {} sessions included", many);
  turn.value = std::max(expiry.longest, sum_of(result, fmt::format("idle-{}-full-turn", many)).longest);
  turn.target = Target{turn_limit};
  figures.push_back(std::move(turn));

  Figure each{.name = "expiry-session", .unit = "instructions/session"};
  each.what = "to close a session that ran out of time, everything included";
  each.value = expiry.instructions / static_cast<double>(many);
  figures.push_back(std::move(each));
}

void add_flatness(std::vector<Figure>& figures) {
  const auto wide = std::ranges::find(figures, "kcp-trickle-1024", &Figure::name);
  const auto narrow = std::ranges::find(figures, "kcp-trickle-32", &Figure::name);
  if (wide == figures.end() || narrow == figures.end() || wide->id.empty()) return;
  Figure flat{.id = "T4", .name = std::string(flatness_name), .what = "trickle with window 1,024 against window 32"};
  flat.value = wide->value / narrow->value;
  flat.unit = "ratio";
  flat.target = Target{flat_limit};
  figures.push_back(std::move(flat));
}

// The rivals that were measured as well stand beside what they were measured against.
void add_rivals(std::vector<Figure>& figures) {
  for (Figure& figure : figures) {
    const std::string name = rival_of(figure.name);
    const auto rival = std::ranges::find(figures, name, &Figure::name);
    if (name.empty() || rival == figures.end() || rival->unit != figure.unit) continue;
    figure.rival = name;
    figure.rival_value = rival->value;
  }
}

std::string target_text(const Target& target) { return fmt::format("{} {}", target.at_most ? "≤" : "≥", target.limit); }

std::string number(double value) {
  if (value >= 1000) return fmt::format("{:.0f}", value);
  return value >= 100 ? fmt::format("{:.1f}", value) : fmt::format("{:.2f}", value);
}

struct Stage {
  std::string_view name;
  std::vector<std::string_view> functions;  // prefixes; none of them calls another
};

const std::vector<Stage>& stages() {
  static const std::vector<Stage> all = {
      {"parse", {"net::Stack::take_in("}},
      {"look-up", {"FlowTable::", "ListenerTable::find", "flow_key", "hash(", "siphash"}},
      {"KCP in", {"kcp::Session::on_datagram"}},
      {"service", {"Echo::on_events"}},
      {"KCP out",
       {"kcp::Session::wants_transmit", "kcp::Session::poll_transmit", "kcp::Session::next_deadline",
        "kcp::Session::keep"}},
      {"build", {"net::Stack::send_udp", "net::Stack::payload_max"}},
      {"wheel", {"TimerWheel::"}},
      {"port, not in the sum", {"bench::MemoryPort::receive", "bench::MemoryPort::send"}},
  };
  return all;
}

}  // namespace

std::span<const std::string_view> target_ids() { return ids; }

std::vector<const Part*> parts_of(std::string_view id) {
  std::vector<const Part*> parts;
  for (const Row& row : rows) {
    if (row.id == id) parts.push_back(find_part(row.label));
  }
  if (id == "T6") parts.push_back(find_part("idle"));
  return parts;
}

std::vector<Figure> figures_of(std::span<const Result> results) {
  std::vector<Figure> figures;
  for (const Result& result : results) {
    if (result.part->name == "idle") add_idle(result, figures);
    else add_plain(result, figures);
  }
  add_flatness(figures);
  add_rivals(figures);
  return figures;
}

std::string text_of(const Figure& figure) {
  std::string out = fmt::format("{:<3} {:<19} {:>9} {}", figure.id, figure.name, number(figure.value), figure.unit);
  if (figure.target) {
    out += fmt::format(", target {}: {}", target_text(*figure.target),
                       figure.target->met_by(figure.value) ? "met" : "NOT met");
  }
  if (figure.rival_value) {
    out += fmt::format("; {} {}: {:.2f} of it", figure.rival, number(*figure.rival_value),
                       figure.value / *figure.rival_value);
  }
  if (figure.port) out += fmt::format("; port apart {}", number(*figure.port));
  if (figure.ns && *figure.ns != figure.value) out += fmt::format("; {} ns", number(*figure.ns));
  if (figure.spread) out += fmt::format(" (spread {:.0f} %)", *figure.spread * 100);
  return out;
}

std::string json_of(const Figure& figure) {
  std::string out = fmt::format(R"({{"id":"{}","name":"{}","what":"{}","value":{},"unit":"{}")", figure.id, figure.name,
                                figure.what, std::round(figure.value * 1000) / 1000, figure.unit);
  auto to = std::back_inserter(out);
  if (figure.port) fmt::format_to(to, R"(,"port":{:.1f})", *figure.port);
  if (figure.ns) fmt::format_to(to, R"(,"ns":{:.1f})", *figure.ns);
  if (figure.spread) fmt::format_to(to, R"(,"spread":{:.3f})", *figure.spread);
  if (figure.rival_value) {
    fmt::format_to(to, R"(,"rival":"{}","rival_value":{},"ratio":{:.3f})", figure.rival, *figure.rival_value,
                   figure.value / *figure.rival_value);
  }
  if (figure.target) {
    fmt::format_to(to, R"(,"target":"{}","met":{})", target_text(*figure.target), figure.target->met_by(figure.value));
  }
  return out + "}";
}

std::string functions_of(const CountedReading& reading, double share) {
  using Entry = std::pair<std::string, FunctionCost>;
  std::vector<Entry> entries(reading.dump.functions.begin(), reading.dump.functions.end());
  std::ranges::sort(entries, [](const Entry& a, const Entry& b) { return a.second.inclusive > b.second.inclusive; });
  std::string out =
      fmt::format("    {:>10} {:>10} {:>8}  of {}, per unit\n", "with calls", "by itself", "calls", reading.dump.label);
  for (const auto& [name, cost] : entries) {
    if (static_cast<double>(cost.inclusive) < share * static_cast<double>(reading.dump.instructions)) break;
    if (name.starts_with("penstock::bench::")) continue;
    fmt::format_to(std::back_inserter(out), "    {:>10.1f} {:>10.1f} {:>8.2f}  {}\n",
                   per_unit(cost.inclusive, reading.units), per_unit(cost.self, reading.units),
                   per_unit(cost.calls, reading.units), name);
  }
  return out;
}

std::string stages_of(const CountedReading& reading) {
  std::string out;
  double rest = per_unit(reading.dump.instructions, reading.units);
  for (const Stage& stage : stages()) {
    double cost = 0;
    for (const std::string_view prefix : stage.functions) {
      cost += per_unit(reading.dump.of(prefix).inclusive, reading.units);
    }
    rest -= cost;
    fmt::format_to(std::back_inserter(out), "    {:>10.1f}  {}\n", cost, stage.name);
  }
  fmt::format_to(std::back_inserter(out), "    {:>10.1f}  the rest of the engine\n", rest);
  return out;
}

}  // namespace penstock::bench
