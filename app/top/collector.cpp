#include "top/collector.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>

namespace penstock::top {

namespace {

constexpr std::array histogram_names = {"rtt_us", "burst_packets", "turn_gap_us"};

// Penstock answered, but not what was asked for: others of its parts can still be shown.
bool is_partial(const Fault& fault) {
  return fault.kind == Fault::Kind::refused || fault.kind == Fault::Kind::unknown || fault.kind == Fault::Kind::strange;
}

bool is_busy(const Fault& fault) { return fault.kind == Fault::Kind::refused && fault.sentence.starts_with("busy"); }

class Taking {
 public:
  Taking(const Ask& ask, const Wish& wish) : ask_(ask), wish_(wish) {}

  std::expected<Sample, Fault> all() {
    sample_.taken = std::chrono::steady_clock::now();
    sample_.wall_us =
        std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch())
            .count();
    take_info();
    if (!fault_) take_workers();
    if (!fault_) take_ports();
    if (!fault_) take_drops();
    if (!fault_) take_listeners();
    for (std::uint32_t worker = 0; worker < workers_ && !fault_; ++worker) {
      if (wish_.all_histograms || wish_.histograms == worker) take_histograms(worker);
    }
    if (!fault_ && wish_.sessions) take_top(by_names[static_cast<std::size_t>(*wish_.sessions)]);
    if (!fault_ && wish_.session) take_session(*wish_.session);
    if (fault_) return std::unexpected(*fault_);
    return std::move(sample_);
  }

 private:
  // Nothing when this part is missing; fault_ is set when all the rest would be.
  std::optional<Reply> try_ask(const std::string& command) {
    auto reply = ask_(command);
    // A worker whose core was taken away for a moment may be asked again.
    busy_ = !reply && is_busy(reply.error());
    if (busy_) reply = ask_(command);
    busy_ = !reply && is_busy(reply.error());
    if (reply) return std::move(*reply);
    unknown_ = reply.error().kind == Fault::Kind::unknown;
    if (!is_partial(reply.error())) fault_ = reply.error();
    return std::nullopt;
  }

  // Without it nothing else makes sense, and who cannot answer it is no penstock.
  void take_info() {
    const auto reply = ask_("/penstock/info");
    if (!reply) {
      fault_ = reply.error();
      return;
    }
    sample_.version = reply->text("version");
    sample_.dpdk = reply->text("dpdk");
    sample_.config_file = reply->text("config");
    sample_.sessions = reply->numbers.of("sessions");
    sample_.sessions_max = reply->numbers.of("sessions_max");
    for (const std::string& name : reply->text_column("ports")) {
      if (sample_.ports.size() < ports_max) sample_.ports.push_back({.name = name, .driver = "", .counters = {}});
    }
    sample_.addresses = reply->text_column("addresses");
    workers_ = std::min(reply->numbers.of("workers"), workers_max);
    for (const std::string& name : reply->text_column("listeners")) {
      if (sample_.listeners.size() < listeners_max) sample_.listeners.push_back({.name = name, .counters = {}});
    }
  }

  void take_workers() {
    sample_.workers.resize(workers_);
    for (std::uint64_t number = 0; number < workers_ && !fault_; ++number) {
      if (auto reply = try_ask(fmt::format("/penstock/worker,{}", number)))
        sample_.workers[number] = std::move(reply->numbers);
    }
  }

  void take_ports() {
    for (std::size_t number = 0; number < sample_.ports.size() && !fault_; ++number) {
      auto reply = try_ask(fmt::format("/penstock/port,{}", number));
      if (!reply) continue;
      sample_.ports[number].driver = std::string(reply->text("driver"));
      sample_.ports[number].counters = std::move(reply->numbers);
    }
  }

  void take_drops() {
    if (auto reply = try_ask("/penstock/drops")) sample_.drops = std::move(reply->numbers);
  }

  void take_listeners() {
    for (std::size_t number = 0; number < sample_.listeners.size() && !fault_; ++number) {
      if (auto reply = try_ask(fmt::format("/penstock/listener,{}", number)))
        sample_.listeners[number].counters = std::move(reply->numbers);
    }
  }

  void take_histograms(std::uint32_t worker) {
    for (const char* name : histogram_names) {
      if (fault_) return;
      auto reply = try_ask(fmt::format("/penstock/histogram,{},{}", worker, name));
      if (!reply) continue;
      HistogramSample histogram{.worker = worker,
                                .name = name,
                                .totals = std::move(reply->numbers),
                                .upper = reply->column("upper"),
                                .counts = reply->column("counts")};
      // Buckets ascend; what does not is none of penstock's.
      if (histogram.upper.size() != histogram.counts.size()) continue;
      if (std::ranges::adjacent_find(histogram.upper, std::greater_equal()) != histogram.upper.end()) continue;
      sample_.histograms.push_back(std::move(histogram));
    }
  }

  void take_top(std::string_view by) {
    sample_.survey = {.ready = workers_ > 0, .looked_at = 0, .took_us = 0, .age_us = 0};
    for (std::uint32_t worker = 0; worker < workers_ && !fault_; ++worker) {
      const auto reply = try_ask(fmt::format("/penstock/top,{},{}{}", worker, by, wish_.addresses ? ",addresses" : ""));
      Survey& survey = sample_.survey;
      if (!reply || reply->numbers.of("ready") == 0) {
        survey.ready = false;
        if (!reply && unknown_) survey.known = false;
        if (!reply && busy_) survey.busy = true;
        continue;
      }
      survey.looked_at += reply->numbers.of("looked_at");
      survey.took_us = std::max(survey.took_us, reply->numbers.of("took_us"));
      survey.age_us = std::max(survey.age_us, reply->numbers.of("ended_us"));
      add_sessions(*reply, worker);
    }
  }

  // The columns become rows; one that has not an element a session tells nothing.
  void add_sessions(const Reply& reply, std::uint32_t worker) {
    const std::size_t count = reply.column("id").size();
    const auto& remotes = reply.text_column("remote");
    for (std::size_t i = 0; i < count && sample_.sessions_top.size() < workers_max * sessions_top_max; ++i) {
      SessionSample session;
      session.worker = worker;
      for (const auto& [name, values] : reply.columns) {
        if (values.size() == count) session.fields.add(name, values[i]);
      }
      if (remotes.size() == count) session.remote = remotes[i];
      sample_.sessions_top.push_back(std::move(session));
    }
  }

  void take_session(std::uint64_t id) {
    auto reply = try_ask(fmt::format("/penstock/session,{}{}", id, wish_.addresses ? ",addresses" : ""));
    if (!reply) return;
    sample_.session = SessionSample{.worker = static_cast<std::uint32_t>(id >> 56),
                                    .fields = std::move(reply->numbers),
                                    .remote = std::string(reply->text("remote")),
                                    .local = std::string(reply->text("local"))};
  }

  const Ask& ask_;
  const Wish& wish_;
  Sample sample_;
  std::uint64_t workers_ = 0;
  bool busy_ = false;     // the last command found its worker busy
  bool unknown_ = false;  // … is what penstock said of the last command that it did not answer
  std::optional<Fault> fault_;
};

}  // namespace

std::expected<Sample, Fault> collect(const Ask& ask, const Wish& wish) { return Taking(ask, wish).all(); }

}  // namespace penstock::top
