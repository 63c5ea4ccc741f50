#include "top/batch.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "top/number_text.hpp"
#include "top/reply.hpp"
#include "top/tables.hpp"

namespace penstock::top {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t any_width = 4096;
// Sessions of a text: the others are of little interest, and the JSON has them.
constexpr std::size_t sessions_max = 10;

std::string trimmed(std::string line) {
  line.resize(line.find_last_not_of(' ') + 1);
  return line;
}

std::string lines_of(const Table& table, std::size_t rows_max = ~std::size_t{0}) {
  const Laid laid = lay_out(table, any_width);
  std::string text = fmt::format("{}\n", trimmed(laid.header));
  for (std::size_t i = 0; i < laid.rows.size() && i < rows_max; ++i) text += fmt::format("{}\n", trimmed(laid.rows[i]));
  return text;
}

Json numbers_of(const Counters& counters) {
  Json object = Json::object();
  for (const auto& [name, value] : counters.all()) object[name] = value;
  return object;
}

// What is not known is left out.
template <class RateOf>
Json rates_of(const Counters& counters, RateOf rate_of) {
  Json object = Json::object();
  for (const auto& [name, value] : counters.all()) {
    if (const auto rate = rate_of(name)) object[name] = *rate;
  }
  return object;
}

Json ports_of(const Sample& sample) {
  Json list = Json::array();
  for (std::size_t i = 0; i < sample.ports.size(); ++i) {
    const PortSample& port = sample.ports[i];
    list.push_back(
        {{"port", i}, {"name", port.name}, {"driver", port.driver}, {"counters", numbers_of(port.counters)}});
  }
  return list;
}

Json penstock_of(const Sample& sample) {
  return {{"version", sample.version},    {"dpdk", sample.dpdk},         {"config", sample.config_file},
          {"pid", sample.process_id},     {"sessions", sample.sessions}, {"sessions_max", sample.sessions_max},
          {"addresses", sample.addresses}};
}

Json workers_of(const Rates& rates) {
  Json list = Json::array();
  for (std::size_t i = 0; i < rates.now().workers.size(); ++i) {
    const Counters& counters = rates.now().workers[i];
    Json worker = {{"worker", i}, {"counters", numbers_of(counters)}};
    worker["per_s"] = rates_of(counters, [&](const std::string& name) { return rates.worker(i, name); });
    if (const auto busy = rates.busy_percent(i)) worker["busy_percent"] = *busy;
    list.push_back(std::move(worker));
  }
  return list;
}

Json listeners_of(const Rates& rates) {
  Json list = Json::array();
  for (std::size_t i = 0; i < rates.now().listeners.size(); ++i) {
    const ListenerSample& listener = rates.now().listeners[i];
    Json entry = {{"listener", i}, {"name", listener.name}, {"counters", numbers_of(listener.counters)}};
    entry["per_s"] = rates_of(listener.counters, [&](const std::string& name) { return rates.listener(i, name); });
    list.push_back(std::move(entry));
  }
  return list;
}

Json sessions_of(const Rates& rates) {
  Json list = Json::array();
  for (const SessionSample& session : rates.now().sessions_top) {
    Json entry = {{"worker", session.worker}};
    entry.update(numbers_of(session.fields));
    if (!session.remote.empty()) entry["remote"] = session.remote;
    list.push_back(std::move(entry));
  }
  return list;
}

Json histograms_of(const Sample& sample) {
  Json list = Json::array();
  for (const HistogramSample& histogram : sample.histograms) {
    Json entry = {{"worker", histogram.worker}, {"name", histogram.name}};
    entry.update(numbers_of(histogram.totals));
    entry["upper"] = histogram.upper;
    entry["counts"] = histogram.counts;
    list.push_back(std::move(entry));
  }
  return list;
}

}  // namespace

std::string text_of(const Instance& instance, const Rates& rates, By by) {
  const Sample& now = rates.now();
  const std::time_t second = now.wall_us / 1'000'000;
  std::string text = fmt::format("{} {:%Y-%m-%dT%H:%M:%SZ} over {} s: {} of {} sessions\n", printable(instance.name),
                                 fmt::gmtime(second), rate_text(rates.seconds()), now.sessions, now.sessions_max);
  text += '\n';
  text += lines_of(port_table(rates));
  text += '\n';
  text += lines_of(worker_table(rates));
  text += '\n';
  text += lines_of(listener_table(rates));
  Table drops = drop_table(rates, false);
  sort_rows(drops, 1, false);
  text += '\n';
  text += drops.rows.empty() ? "nothing was dropped\n" : lines_of(drops);
  Table sessions = session_table(rates);
  sort_rows(sessions, session_column(by), false);
  text += '\n';
  text += sessions.rows.empty() ? fmt::format("{}\n", survey_text(now.survey)) : lines_of(sessions, sessions_max);
  text += '\n';
  return text;
}

std::string json_of(const Instance& instance, const Rates& rates, By by) {
  const Sample& now = rates.now();
  Json drops = Json::object();
  drops["total"] = numbers_of(now.drops);
  drops["per_s"] = rates_of(now.drops, [&](const std::string& name) { return rates.drop(name); });
  Json document = {
      {"instance", printable(instance.name)}, {"socket", printable(instance.path)}, {"time_us", now.wall_us}};
  if (const auto seconds = rates.seconds()) document["seconds"] = *seconds;
  document["penstock"] = penstock_of(now);
  document["ports"] = ports_of(now);
  document["workers"] = workers_of(rates);
  document["listeners"] = listeners_of(rates);
  document["drops"] = std::move(drops);
  document["survey"] = {{"by", by_names[static_cast<std::size_t>(by)]},
                        {"ready", now.survey.ready},
                        {"looked_at", now.survey.looked_at},
                        {"took_us", now.survey.took_us},
                        {"ended_us", now.survey.age_us}};
  document["sessions"] = sessions_of(rates);
  document["histograms"] = histograms_of(now);
  return fmt::format("{}\n", document.dump());
}

}  // namespace penstock::top
