#include "load/report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <vector>

#include "load/names.hpp"

namespace penstock::load {

namespace {

double seconds_of(std::uint64_t ns) { return static_cast<double>(ns) / 1e9; }

// 0 where nothing passed.
double per(double count, double unit) { return unit > 0 ? count / unit : 0; }

double each(std::uint64_t count, std::uint64_t requests) {
  return per(static_cast<double>(count), static_cast<double>(requests));
}

std::uint64_t mean(const Histogram& histogram) {
  return histogram.count() == 0 ? 0 : histogram.sum() / histogram.count();
}

// 1,234 ns as people read it.
std::string time_text(std::uint64_t ns) {
  if (ns < 10'000) return fmt::format("{} ns", ns);
  if (ns < 10'000'000) return fmt::format("{:.1f} us", static_cast<double>(ns) / 1e3);
  return fmt::format("{:.1f} ms", static_cast<double>(ns) / 1e6);
}

// One JSON object, key by key.
class JsonLine {
 public:
  void text(const char* key, std::string_view value) { member(key, fmt::format("\"{}\"", value)); }
  void number(const char* key, std::uint64_t value) { member(key, fmt::format("{}", value)); }
  void fraction(const char* key, double value) { member(key, fmt::format("{:.3f}", value)); }
  void flag(const char* key, bool value) { member(key, value ? "true" : "false"); }
  std::string line() const { return "{" + body_ + "}"; }

 private:
  void member(const char* key, const std::string& value) {
    body_ += fmt::format("{}\"{}\":{}", body_.empty() ? "" : ",", key, value);
  }
  std::string body_;
};

void rtt_members(JsonLine& json, const Histogram& rtt) {
  json.number("rtt_p50_ns", rtt.percentile(500));
  json.number("rtt_p90_ns", rtt.percentile(900));
  json.number("rtt_p99_ns", rtt.percentile(990));
  json.number("rtt_p999_ns", rtt.percentile(999));
  json.number("rtt_max_ns", rtt.max());
  json.number("rtt_mean_ns", mean(rtt));
}

void traffic_members(JsonLine& json, const TrafficCounts& traffic, std::uint64_t requests) {
  json.fraction("datagrams_out_per_request", each(traffic.tx_packets, requests));
  json.fraction("datagrams_in_per_request", each(traffic.rx_packets, requests));
  json.fraction("bytes_out_per_request", each(traffic.tx_bytes, requests));
  json.fraction("bytes_in_per_request", each(traffic.rx_bytes, requests));
  json.number("retransmitted", traffic.segments_resent);
}

}  // namespace

std::string Results::failure(const RunPlan& plan) const {
  if (mismatches > 0) return fmt::format("{} answers were not what was sent", mismatches);
  if (!complete) return stopped_by;
  if (lost > 0) return fmt::format("{} requests had no answer", lost);
  if (closed_early > 0) return fmt::format("{} sessions ended before their time", closed_early);
  const bool connects = plan.shape != ShapeKind::churn;
  if (connects && connected < plan.sessions)
    return fmt::format("{} of {} sessions were connected", connected, plan.sessions);
  if (requests < plan.requests) return fmt::format("{} of {} requests were answered", requests, plan.requests);
  if (requests == 0 && plan.shape != ShapeKind::idle) return "no request was answered in the time measured";
  if (plan.flood != FloodKind::none && flood_sent == 0) return "the flood sent nothing";
  return "";
}

std::string text_of(const RunPlan& plan, const Results& results) {
  std::string out;
  const auto line = [&out]<class... T>(fmt::format_string<T...> form, T&&... values) {
    fmt::format_to(std::back_inserter(out), form, std::forward<T>(values)...);
    out += '\n';
  };
  const double seconds = seconds_of(results.measured_ns);
  const Histogram& rtt = results.rtt_ns;
  line("shape {}, pick {}, {} sessions, {} of them active, {} to {} bytes a message", name_of(plan.shape),
       name_of(plan.pick), plan.sessions, plan.active, plan.size_min, plan.size_max);
  line("connected    {} sessions in {:.3f} s, {:.0f}/s; p50 {}, p99 {}, max {}", results.connected,
       seconds_of(results.connect_ns), per(results.connected, seconds_of(results.connect_ns)),
       time_text(results.connect_rtt_ns.percentile(500)), time_text(results.connect_rtt_ns.percentile(990)),
       time_text(results.connect_rtt_ns.max()));
  if (plan.check_all) line("checked      {} sessions again in {:.3f} s", results.checked, seconds_of(results.check_ns));
  line("answered     {} in {:.3f} s, {:.0f}/s", results.requests, seconds,
       per(static_cast<double>(results.requests), seconds));
  line("goodput      {:.3f} Mbit/s", per(static_cast<double>(results.payload_bytes) * 8 / 1e6, seconds));
  line("round trip   p50 {}, p90 {}, p99 {}, p99.9 {}, max {}", time_text(rtt.percentile(500)),
       time_text(rtt.percentile(900)), time_text(rtt.percentile(990)), time_text(rtt.percentile(999)),
       time_text(rtt.max()));
  const TrafficCounts& traffic = results.traffic;
  line("a request    {:.2f} datagrams and {:.0f} B out, {:.2f} and {:.0f} B in; {} retransmitted",
       each(traffic.tx_packets, results.requests), each(traffic.tx_bytes, results.requests),
       each(traffic.rx_packets, results.requests), each(traffic.rx_bytes, results.requests), traffic.segments_resent);
  line("mismatches   {}, lost {}, closed early {}, late {}", results.mismatches, results.lost, results.closed_early,
       results.late);
  if (plan.flood != FloodKind::none) {
    line("flood        {}: {} frames sent, {:.0f}/s; {} missed", name_of(plan.flood), results.flood_sent,
         per(static_cast<double>(results.flood_sent), seconds), results.flood_missed);
  }
  const std::string failure = results.failure(plan);
  const char* good =
      plan.one_way ? "good: all was acknowledged, the sink tells what it found" : "good: every byte was compared";
  line("{}", failure.empty() ? good : "FAILED: " + failure);
  return out;
}

std::string json_of(const RunPlan& plan, const Results& results) {
  JsonLine json;
  const double connect_s = seconds_of(results.connect_ns);
  const double seconds = seconds_of(results.measured_ns);
  json.text("shape", name_of(plan.shape));
  json.text("pick", name_of(plan.pick));
  json.flag("one_way", plan.one_way);
  json.number("sessions", plan.sessions);
  json.number("active", plan.active);
  json.number("depth", plan.depth);
  json.number("per_session", plan.per_session);
  json.number("size_bytes_min", plan.size_min);
  json.number("size_bytes_max", plan.size_max);
  json.number("connected", results.connected);
  json.fraction("connect_s", connect_s);
  json.fraction("connects_per_s", per(results.connected, connect_s));
  json.number("connect_rtt_p50_ns", results.connect_rtt_ns.percentile(500));
  json.number("connect_rtt_p99_ns", results.connect_rtt_ns.percentile(990));
  json.number("connect_rtt_max_ns", results.connect_rtt_ns.max());
  json.number("checked", results.checked);
  json.fraction("check_s", seconds_of(results.check_ns));
  json.fraction("seconds", seconds);
  json.number("requests", results.requests);
  json.fraction("requests_per_s", per(static_cast<double>(results.requests), seconds));
  json.number("payload_bytes", results.payload_bytes);
  json.fraction("goodput_bits_per_s", per(static_cast<double>(results.payload_bytes) * 8, seconds));
  rtt_members(json, results.rtt_ns);
  traffic_members(json, results.traffic, results.requests);
  json.number("late", results.late);
  json.number("mismatches", results.mismatches);
  json.number("lost", results.lost);
  json.number("closed_early", results.closed_early);
  if (plan.flood != FloodKind::none) {
    json.text("flood", name_of(plan.flood));
    json.fraction("flood_per_s", per(static_cast<double>(results.flood_sent), seconds));
    json.fraction("flood_missed_per_s", per(static_cast<double>(results.flood_missed), seconds));
  }
  json.flag("ok", results.ok(plan));
  json.text("failure", results.failure(plan));
  return json.line();
}

}  // namespace penstock::load
