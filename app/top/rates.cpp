#include "top/rates.hpp"

#include <algorithm>

namespace penstock::top {

namespace {

// How far a count went; nothing when it is missing or went back.
std::optional<double> moved(const Counters& now, const Counters& before, std::string_view name) {
  const auto to = now.find(name), from = before.find(name);
  if (!to || !from || *to < *from) return std::nullopt;
  return static_cast<double>(*to - *from);
}

std::optional<double> per(std::optional<double> distance, std::optional<double> seconds) {
  if (!distance || !seconds) return std::nullopt;
  return *distance / *seconds;
}

}  // namespace

std::optional<double> Rates::worker_seconds(std::size_t number) const {
  if (before_ == nullptr || number >= now_.workers.size() || number >= before_->workers.size()) return std::nullopt;
  const auto us = moved(now_.workers[number], before_->workers[number], "taken_at_us");
  if (!us || *us <= 0) return std::nullopt;
  return *us / 1e6;
}

std::optional<double> Rates::seconds() const {
  if (before_ == nullptr) return std::nullopt;
  double sum = 0;
  std::size_t known = 0;
  for (std::size_t number = 0; number < now_.workers.size(); ++number) {
    const auto seconds = worker_seconds(number);
    if (!seconds) continue;
    sum += *seconds;
    ++known;
  }
  if (known > 0) return sum / static_cast<double>(known);
  const double ours = std::chrono::duration<double>(now_.taken - before_->taken).count();
  return ours > 0 ? std::optional(ours) : std::nullopt;
}

std::optional<double> Rates::worker(std::size_t number, std::string_view name) const {
  const auto seconds = worker_seconds(number);
  if (!seconds) return std::nullopt;
  return per(moved(now_.workers[number], before_->workers[number], name), seconds);
}

std::optional<double> Rates::busy_percent(std::size_t number) const {
  const auto busy = worker(number, "cycles_busy"), idle = worker(number, "cycles_idle");
  if (!busy || !idle || *busy + *idle <= 0) return std::nullopt;
  return *busy * 100 / (*busy + *idle);
}

std::optional<double> Rates::workers(std::string_view name) const {
  if (now_.workers.empty()) return std::nullopt;
  double sum = 0;
  for (std::size_t number = 0; number < now_.workers.size(); ++number) {
    const auto rate = worker(number, name);
    if (!rate) return std::nullopt;
    sum += *rate;
  }
  return sum;
}

std::optional<double> Rates::drop(std::string_view reason) const {
  if (before_ == nullptr) return std::nullopt;
  return per(moved(now_.drops, before_->drops, reason), seconds());
}

std::optional<double> Rates::listener(std::size_t number, std::string_view name) const {
  if (before_ == nullptr || number >= now_.listeners.size() || number >= before_->listeners.size()) return std::nullopt;
  return per(moved(now_.listeners[number].counters, before_->listeners[number].counters, name), seconds());
}

std::optional<double> Rates::session(std::string_view name) const {
  if (before_ == nullptr || !now_.session || !before_->session) return std::nullopt;
  const Counters& now = now_.session->fields;
  const Counters& before = before_->session->fields;
  if (now.of("id") != before.of("id")) return std::nullopt;
  // Its worker answers with its own time at hand: a session grows older by the time between the answers.
  const auto age_us = moved(now, before, "age_us");
  if (!age_us || *age_us <= 0) return std::nullopt;
  return per(moved(now, before, name), *age_us / 1e6);
}

const HistogramSample* Rates::histogram_before(const HistogramSample& now) const {
  if (before_ == nullptr) return nullptr;
  const auto found = std::ranges::find_if(before_->histograms, [&](const HistogramSample& one) {
    return one.worker == now.worker && one.name == now.name;
  });
  return found == before_->histograms.end() ? nullptr : &*found;
}

}  // namespace penstock::top
