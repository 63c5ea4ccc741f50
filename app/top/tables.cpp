#include "top/tables.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "top/distribution.hpp"
#include "top/number_text.hpp"

namespace penstock::top {

namespace {

Cell count_cell(std::optional<std::uint64_t> value) {
  return {count_text(value), value ? static_cast<double>(*value) : -1};
}
Cell rate_cell(std::optional<double> value) { return {rate_text(value), value.value_or(-1)}; }
Cell time_cell(std::optional<std::uint64_t> us) {
  return {us ? time_text(*us) : "-", us ? static_cast<double>(*us) : -1};
}
std::optional<double> times(std::optional<double> value, double factor) {
  return value ? std::optional(*value * factor) : std::nullopt;
}

// How much of what can run dry is in use, in percent.
Cell used_cell(const Counters& counters, std::string_view free, std::string_view total) {
  const auto left = counters.find(free), all = counters.find(total);
  if (!left || !all || *all == 0 || *left > *all) return {"-", -1};
  const double used = static_cast<double>(*all - *left) * 100 / static_cast<double>(*all);
  return {fmt::format("{:.0f}", used), used};
}

std::optional<double> dropped(const Rates& rates, std::size_t worker) {
  const auto received = rates.worker(worker, "dropped"), sent = rates.worker(worker, "dropped_tx");
  return received && sent ? std::optional(*received + *sent) : std::nullopt;
}

// A value in the unit of its name.
Cell value_cell(std::string_view name, std::uint64_t value) {
  return name.ends_with("_us") ? time_cell(value) : count_cell(value);
}

// … of a session: names are written out, and what has no bound is said to have none.
Cell field_cell(std::string_view name, std::uint64_t value) {
  constexpr std::uint64_t unbounded = 0xffff'ffff;
  const auto order = static_cast<double>(value);
  if (name == "id" || name == "conv") return {fmt::format("{}", value), order};
  if (name == "cwnd" && value == unbounded) return {"none", order};
  return value_cell(name, value);
}

Table counter_table() {
  return {.columns = {{.title = "counter", .rank = 0, .descends = false, .left = true},
                      {.title = "value", .rank = 0},
                      {.title = "per s", .rank = 1}},
          .rows = {}};
}

template <class RateOf>
void add_counters(Table& table, const Counters& counters, RateOf rate_of) {
  for (const auto& [name, value] : counters.all()) {
    const auto place = static_cast<double>(table.rows.size());
    table.rows.push_back(
        {.id = table.rows.size(), .cells = {{name, place}, value_cell(name, value), rate_cell(rate_of(name))}});
  }
}

}  // namespace

Table worker_table(const Rates& rates) {
  Table table{.columns = {{"worker", 0, false},
                          {"busy%", 0},
                          {"rx/s", 0},
                          {"tx/s", 0},
                          {"rxbit/s", 2},
                          {"txbit/s", 2},
                          {"sessions", 1},
                          {"drop/s", 1},
                          {"retr/s", 1},
                          {"wait", 3},
                          {"txq", 3},
                          {"inq", 3},
                          {"mem%", 4},
                          {"win%", 5},
                          {"hand/s", 5},
                          {"stalls", 6},
                          {"overload", 6}},
              .rows = {}};
  for (std::size_t i = 0; i < rates.now().workers.size(); ++i) {
    const Counters& counters = rates.now().workers[i];
    Row row{.id = i, .cells = {count_cell(i)}};
    row.cells.push_back(rate_cell(rates.busy_percent(i)));
    row.cells.push_back(rate_cell(rates.worker(i, "rx_packets")));
    row.cells.push_back(rate_cell(rates.worker(i, "tx_packets")));
    row.cells.push_back(rate_cell(times(rates.worker(i, "rx_bytes"), 8)));
    row.cells.push_back(rate_cell(times(rates.worker(i, "tx_bytes"), 8)));
    row.cells.push_back(count_cell(counters.find("sessions")));
    row.cells.push_back(rate_cell(dropped(rates, i)));
    row.cells.push_back(rate_cell(rates.worker(i, "retransmissions")));
    row.cells.push_back(count_cell(counters.find("sessions_waiting")));
    row.cells.push_back(count_cell(counters.find("tx_frames_waiting")));
    row.cells.push_back(count_cell(counters.find("handed_in_waiting")));
    row.cells.push_back(used_cell(counters, "blocks_free", "blocks_total"));
    const auto used = counters.find("window_bytes_used"), all = counters.find("window_bytes_total");
    const bool known = used && all && *all > 0;
    const double percent = known ? static_cast<double>(*used) * 100 / static_cast<double>(*all) : -1;
    row.cells.emplace_back(known ? fmt::format("{:.0f}", percent) : "-", percent);
    row.cells.push_back(rate_cell(rates.worker(i, "handed_out")));
    row.cells.push_back(count_cell(counters.find("stalls")));
    row.cells.push_back(count_cell(counters.find("overload_level")));
    if (counters.empty() || counters.of("overload_level") > 0) row.style = Style::alarm;
    table.rows.push_back(std::move(row));
  }
  return table;
}

Table port_table(const Rates& rates) {
  Table table{.columns = {{"port", 0, false, true},
                          {"link", 0},
                          {"Mbit/s", 1},
                          {"link chg", 0},
                          {"mtu", 0},
                          {"mtu chg", 2},
                          {"missed", 0},
                          {"no buffer", 1},
                          {"rx errors", 1},
                          {"tx errors", 1},
                          {"queues", 2},
                          {"driver", 2, false, true}},
              .rows = {}};
  for (std::size_t i = 0; i < rates.now().ports.size(); ++i) {
    const PortSample& port = rates.now().ports[i];
    const Counters& counters = port.counters;
    const auto up = counters.find("link_up");
    Row row{.id = i, .cells = {{port.name, static_cast<double>(i)}}};
    row.cells.emplace_back(!up ? "-" : *up != 0 ? "up" : "down", up ? static_cast<double>(*up) : -1);
    for (const char* name : {"link_mbps", "link_changes", "mtu", "mtu_changes", "rx_missed", "rx_no_block", "rx_errors",
                             "tx_errors", "queues"}) {
      row.cells.push_back(count_cell(counters.find(name)));
    }
    row.cells.emplace_back(port.driver);
    if (counters.of("link_up") == 0 || counters.of("mtu") < counters.of("mtu_configured")) row.style = Style::alarm;
    table.rows.push_back(std::move(row));
  }
  return table;
}

Table worker_counters(const Rates& rates, std::size_t worker) {
  Table table = counter_table();
  if (worker >= rates.now().workers.size()) return table;
  add_counters(table, rates.now().workers[worker], [&](const std::string& name) { return rates.worker(worker, name); });
  return table;
}

Table listener_table(const Rates& rates) {
  Table table{.columns = {{"listener", 0, false, true},
                          {"sessions", 0},
                          {"half-open", 1},
                          {"opened/s", 0},
                          {"closed/s", 1},
                          {"refused/s", 1},
                          {"opened", 2},
                          {"refused", 2}},
              .rows = {}};
  for (std::size_t i = 0; i < rates.now().listeners.size(); ++i) {
    const ListenerSample& listener = rates.now().listeners[i];
    std::optional<double> closed;
    for (const auto& [name, value] : listener.counters.all()) {
      if (!name.starts_with("closed_")) continue;
      if (const auto rate = rates.listener(i, name)) closed = closed.value_or(0) + *rate;
    }
    Row row{.id = i, .cells = {Cell(listener.name)}};
    row.cells.push_back(count_cell(listener.counters.find("sessions")));
    row.cells.push_back(count_cell(listener.counters.find("half_open")));
    row.cells.push_back(rate_cell(rates.listener(i, "opened")));
    row.cells.push_back(rate_cell(closed));
    row.cells.push_back(rate_cell(rates.listener(i, "refused")));
    row.cells.push_back(count_cell(listener.counters.find("opened")));
    row.cells.push_back(count_cell(listener.counters.find("refused")));
    if (rates.listener(i, "refused").value_or(0) > 0) row.style = Style::alarm;
    table.rows.push_back(std::move(row));
  }
  return table;
}

Table listener_counters(const Rates& rates, std::size_t listener) {
  Table table = counter_table();
  if (listener >= rates.now().listeners.size()) return table;
  add_counters(table, rates.now().listeners[listener].counters,
               [&](const std::string& name) { return rates.listener(listener, name); });
  return table;
}

std::string_view survey_text(const Survey& survey) {
  if (!survey.known) return "this penstock is too old to tell of its sessions at the top";
  if (survey.busy) return "a worker did not answer in time";
  return survey.ready ? "no sessions" : "the workers look at their sessions: a moment";
}

std::size_t session_column(By by) { return 1 + static_cast<std::size_t>(by); }

Table session_table(const Rates& rates) {
  Table table{.columns = {{"session", 0, false},
                          {"seg/s", 0},
                          {"srtt", 0},
                          {"retr/s", 0},
                          {"listener", 2, false, true},
                          {"worker", 3, false},
                          {"conv", 4, false},
                          {"flight", 1},
                          {"retr", 2},
                          {"silent", 3},
                          {"age", 4}},
              .rows = {}};
  const Sample& now = rates.now();
  const bool told = std::ranges::any_of(now.sessions_top, [](const SessionSample& one) { return !one.remote.empty(); });
  if (told) table.columns.push_back({"peer", 1, false, true});
  for (const SessionSample& session : now.sessions_top) {
    const Counters& fields = session.fields;
    const auto per_s = fields.find("segments_per_s"), resent = fields.find("retransmitted_per_s");
    const std::uint64_t listener = fields.of("listener");
    Row row{.id = fields.of("id"),
            .cells = {Cell(fmt::format("{}", fields.of("id")), static_cast<double>(fields.of("id")))}};
    row.cells.push_back(rate_cell(per_s));
    row.cells.push_back(time_cell(fields.find("srtt_us")));
    row.cells.push_back(rate_cell(resent));
    row.cells.emplace_back(listener < now.listeners.size() ? now.listeners[listener].name : "-");
    row.cells.push_back(count_cell(session.worker));
    row.cells.push_back(Cell(fmt::format("{}", fields.of("conv")), static_cast<double>(fields.of("conv"))));
    row.cells.push_back(count_cell(fields.find("in_flight")));
    row.cells.push_back(count_cell(fields.find("retransmitted")));
    row.cells.push_back(time_cell(fields.find("silent_us")));
    row.cells.push_back(time_cell(fields.find("age_us")));
    if (told) row.cells.emplace_back(session.remote);
    table.rows.push_back(std::move(row));
  }
  return table;
}

Table session_fields(const Rates& rates) {
  Table table = counter_table();
  if (!rates.now().session) return table;
  const SessionSample& session = *rates.now().session;
  // Who it is comes first: the counters may reach beyond a small screen.
  for (const auto& [name, value] : {std::pair("remote", session.remote), std::pair("local", session.local)}) {
    if (value.empty()) continue;
    table.rows.push_back(
        {.id = table.rows.size(), .cells = {{name, static_cast<double>(table.rows.size())}, {value, -1}, {"", -1}}});
  }
  // What is a number but no count has no rate.
  static constexpr std::array counts = {"segments_sent", "segments_received", "retransmitted"};
  for (const auto& [name, value] : session.fields.all()) {
    const auto rate = std::ranges::find(counts, name) == counts.end() ? std::nullopt : rates.session(name);
    table.rows.push_back({.id = table.rows.size(),
                          .cells = {{name, static_cast<double>(table.rows.size())},
                                    field_cell(name, value),
                                    {rate ? rate_text(rate) : "", rate.value_or(-1)}}});
  }
  return table;
}

Table drop_table(const Rates& rates, bool unused) {
  Table table{.columns = {{"reason", 0, false, true}, {"per s", 0}, {"total", 0}, {"share%", 1}}, .rows = {}};
  double all = 0;
  for (const auto& [name, value] : rates.now().drops.all()) all += static_cast<double>(value);
  for (const auto& [name, value] : rates.now().drops.all()) {
    if (value == 0 && !unused) continue;
    const double share = all > 0 ? static_cast<double>(value) * 100 / all : 0;
    const auto rate = rates.drop(name);
    table.rows.push_back(
        {.id = table.rows.size(),
         .cells = {Cell(name), rate_cell(rate), count_cell(value), {fmt::format("{:.1f}", share), share}},
         .style = rate.value_or(0) > 0 ? Style::alarm : Style::normal});
  }
  // Where the rates are equal, as when all is quiet, the most frequent come first.
  sort_rows(table, 2, false);
  return table;
}

Table histogram_table(const Rates& rates, bool since_start) {
  Table table{
      .columns =
          {{"histogram", 0, false, true}, {"count", 1}, {"p50", 0}, {"p90", 1}, {"p99", 0}, {"p99.9", 1}, {"max", 0}},
      .rows = {}};
  for (const HistogramSample& histogram : rates.now().histograms) {
    const HistogramSample* before = since_start ? nullptr : rates.histogram_before(histogram);
    const Distribution values = distribution_of(histogram, before);
    const std::uint64_t max = since_start ? histogram.totals.of("max") : values.highest();
    // A bucket may reach beyond the largest value in it.
    const auto cell = [&](std::uint64_t upper) {
      const std::uint64_t value = std::min(upper, max);
      return Cell(value_text(histogram.name, value), static_cast<double>(value));
    };
    Row row{.id = table.rows.size(), .cells = {Cell(histogram.name), count_cell(values.total())}};
    for (const std::uint32_t per_mille : {500u, 900u, 990u, 999u})
      row.cells.push_back(cell(values.percentile(per_mille)));
    row.cells.push_back(cell(max));
    table.rows.push_back(std::move(row));
  }
  return table;
}

}  // namespace penstock::top
