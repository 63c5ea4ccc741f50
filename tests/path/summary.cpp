#include "path/summary.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace penstock::path {

namespace {

constexpr double mega = 1e6;
constexpr std::uint32_t whole = 1000;

double ratio(std::uint64_t part, std::uint64_t of) {
  return of == 0 ? 0 : static_cast<double>(part) / static_cast<double>(of);
}

std::string number(std::optional<double> value, int digits) {
  return value ? fmt::format("{:.{}f}", *value, digits) : std::string("null");
}

// Milliseconds, messages delivered, bytes queued, segments in flight and allowed.
std::string list_of(const std::vector<Sample>& samples) {
  std::string list;
  for (const Sample& one : samples) {
    list +=
        fmt::format("{}[{:.3f},{},{},{},{}]", list.empty() ? "" : ",", static_cast<double>(one.at.count_us()) / 1000,
                    one.delivered, one.queued_bytes, one.in_flight, one.window);
  }
  return list;
}

}  // namespace

void Summary::add(const Outcome& outcome) {
  const double goodput = outcome.goodput() / mega;
  goodput_least_ = seeds_ == 0 ? goodput : std::min(goodput_least_, goodput);
  goodput_most_ = std::max(goodput_most_, goodput);
  goodput_sum_ += goodput;
  ++seeds_;
  first_ += outcome.tally.first();
  resent_ += outcome.tally.resent();
  lost_ += outcome.tally.lost();
  spurious_ += outcome.tally.spurious();
  queue_refused_ += outcome.queue_refused;
  queue_bytes_most_ = std::max(queue_bytes_most_, outcome.queue_bytes_most);
  if (seeds_ == 1) samples_ = outcome.samples;
  // Bulk waits for the window before it is sent, which says nothing of the path; a game's message is due when it is due.
  const auto delays =
      trial_.work == Work::bulk ? outcome.tally.delays_from_first_copy_us() : outcome.tally.delays_from_handing_us();
  delays_us_.insert(delays_us_.end(), delays.begin(), delays.end());
}

std::optional<double> Summary::link_share() const {
  const std::uint64_t rate = trial_.there.rate_bits_per_second;
  if (rate == 0) return std::nullopt;
  const double payload = ratio(trial_.message_bytes(), trial_.message_bytes() + kcp::header_bytes);
  return goodput() * mega / (static_cast<double>(rate) * payload);
}

std::optional<double> Summary::resent_per_lost() const {
  return lost_.bytes == 0 ? std::nullopt : std::optional(ratio(resent_.bytes, lost_.bytes));
}

double Summary::resent_share() const { return ratio(resent_.bytes, first_.bytes); }
double Summary::spurious_share() const { return ratio(spurious_.count, resent_.count); }

double Summary::delay_rtt(std::uint32_t per_mille) {
  return static_cast<double>(quantile(delays_us_, per_mille)) / static_cast<double>(trial_.round_trip().count_us());
}

std::string Summary::text() {
  const auto share = link_share();
  const auto per_lost = resent_per_lost();
  return fmt::format(
      "{:<6} {}, window {}, loss {:.2f} %: {:.1f} Mbit/s ({:.1f} to {:.1f}){}, resent {:.2f} %{}, {} of {} resends "
      "spurious, delay p50 {:.2f} p99 {:.2f} most {:.2f} RTT, queue at most {} KB, {} refused",
      name_of(trial_.sender), name_of(trial_.work), trial_.options.snd_wnd, trial_.there.loss_ppm / 1e4, goodput(),
      goodput_least_, goodput_most_, share ? fmt::format(", {:.1f} % of the link", *share * 100) : "",
      resent_share() * 100, per_lost ? fmt::format(", {:.2f} for each lost", *per_lost) : "", spurious_.count,
      resent_.count, delay_rtt(500), delay_rtt(990), delay_rtt(whole), queue_bytes_most_ / 1000, queue_refused_);
}

std::string Summary::json() {
  return fmt::format(
      R"({{"sender":"{}","work":"{}","window":{},"loss":{},"rtt_ms":{:.3f},"rate_mbit":{:.3f},"seeds":{:.0f},)"
      R"("goodput_mbit":{:.2f},"goodput_least":{:.2f},"goodput_most":{:.2f},"link_share":{},"resent_share":{:.5f},)"
      R"("resent_per_lost":{},"resent":{},"lost":{},"spurious":{},"spurious_share":{:.4f},"p50_rtt":{:.3f},)"
      R"("p99_rtt":{:.3f},"most_rtt":{:.3f},"queue_bytes_most":{},"queue_refused":{},"samples":[{}]}})",
      name_of(trial_.sender), name_of(trial_.work), trial_.options.snd_wnd, trial_.there.loss_ppm / mega,
      static_cast<double>(trial_.round_trip().count_us()) / 1000,
      static_cast<double>(trial_.there.rate_bits_per_second) / mega, seeds_, goodput(), goodput_least_, goodput_most_,
      number(link_share(), 4), resent_share(), number(resent_per_lost(), 3), resent_.count, lost_.count,
      spurious_.count, spurious_share(), delay_rtt(500), delay_rtt(990), delay_rtt(whole), queue_bytes_most_,
      queue_refused_, list_of(samples_));
}

}  // namespace penstock::path
