#include "control/commands.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/assert.hpp"
#include "session/session_id.hpp"

namespace penstock::control {

namespace {

constexpr std::size_t parameters_max = 4;

// Nothing before the first comma and nothing at all are no parameters; "1," is two, the second of them empty.
std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> parts;
  if (text.empty()) return parts;
  while (parts.size() <= parameters_max) {
    const std::size_t comma = text.find(',');
    parts.push_back(text.substr(0, comma));
    if (comma == std::string_view::npos) break;
    text.remove_prefix(comma + 1);
  }
  return parts;
}

std::unexpected<std::string> fail(std::string sentence) { return std::unexpected(std::move(sentence)); }

std::expected<void, std::string> expect_count(const std::vector<std::string_view>& parameters, std::size_t min,
                                              std::size_t max) {
  if (parameters.size() < min) return fail("missing parameter, see /help");
  if (parameters.size() > max) return fail("too many parameters, see /help");
  return {};
}

// Decimal digits only, as from_chars takes no sign for unsigned numbers.
std::expected<std::uint64_t, std::string> number(std::string_view what, std::string_view text, std::uint64_t end) {
  std::uint64_t value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error == std::errc::invalid_argument || stop != text.data() + text.size())
    return fail(fmt::format("{} is not a number", what));
  if (error != std::errc{} || value >= end)
    return fail(fmt::format("{} is out of range, below {} expected", what, end));
  return value;
}

// The optional last parameter.
std::expected<Addresses, std::string> addresses_at(const std::vector<std::string_view>& parameters, std::size_t index) {
  if (parameters.size() <= index) return Addresses::hidden;
  if (parameters[index] != "addresses") return fail("the last parameter is not \"addresses\"");
  return Addresses::shown;
}

std::vector<Inquiry> inquiries_of(std::span<const WorkerView> workers) {
  std::vector<Inquiry> made;
  for (const WorkerView& view : workers) made.emplace_back(*view.mailbox);
  return made;
}

std::vector<std::optional<ImpairConfig>> impairments_of(const NodeInfo& info) {
  std::vector<std::optional<ImpairConfig>> made;
  for (const PortView& port : info.ports) made.push_back(port.impair);
  return made;
}

constexpr std::string_view busy = "busy: the worker did not answer in time";

}  // namespace

Commands::Commands(NodeInfo info, std::span<const WorkerView> workers, std::chrono::milliseconds wait)
    : info_(std::move(info)),
      wait_(wait),
      workers_(workers.begin(), workers.end()),
      inquiries_(inquiries_of(workers)),
      snapshots_(workers.size()),
      rehearsal_(impairments_of(info_), inquiries_, wait),
      controllers_(inquiries_, wait) {
  PENSTOCK_ASSERT(!workers_.empty());
  PENSTOCK_ASSERT(workers_.size() <= workers_max);
  PENSTOCK_ASSERT(info_.listeners.size() <= listeners_max);
}

Reply Commands::run(std::string_view command, std::string_view parameters) {
  const std::scoped_lock lock(mutex_);
  const Outcome outcome = dispatch(command, split(parameters));
  return outcome ? *outcome : Reply::error(outcome.error());
}

Commands::Outcome Commands::dispatch(std::string_view command, const Parameters& parameters) {
  struct Row {
    std::string_view name;
    Outcome (Commands::*run)(const Parameters&);
    std::size_t parameters_min;
    std::size_t parameters_max;
  };
  static constexpr std::array rows = {
      Row{"/penstock/info", &Commands::info, 0, 0},         Row{"/penstock/workers", &Commands::workers, 0, 0},
      Row{"/penstock/worker", &Commands::worker, 1, 1},     Row{"/penstock/memory", &Commands::memory, 1, 1},
      Row{"/penstock/port", &Commands::port, 1, 1},         Row{"/penstock/impair", &Commands::impair, 1, 1},
      Row{"/penstock/listener", &Commands::listener, 1, 1}, Row{"/penstock/drops", &Commands::drops, 0, 0},
      Row{"/penstock/sessions", &Commands::sessions, 2, 3}, Row{"/penstock/top", &Commands::top, 2, 3},
      Row{"/penstock/session", &Commands::session, 1, 2},   Row{"/penstock/histogram", &Commands::histogram, 2, 2},
  };
  static_assert(rows.size() == command_names.size());
  const auto row = std::ranges::find(rows, command, &Row::name);
  if (row == rows.end()) return fail("unknown command");
  if (const auto good = expect_count(parameters, row->parameters_min, row->parameters_max); !good)
    return fail(good.error());
  return (this->*row->run)(parameters);
}

Commands::Outcome Commands::info(const Parameters&) {
  if (const auto done = read_all(); !done) return fail(done.error());
  std::uint64_t sessions = 0;
  for (const StatsSnapshot& snapshot : snapshots_) sessions += snapshot.worker.sessions_now;
  return report_info(info_, sessions);
}

Commands::Outcome Commands::workers(const Parameters&) {
  if (const auto done = read_all(); !done) return fail(done.error());
  return report_workers(snapshots_);
}

Commands::Outcome Commands::worker(const Parameters& parameters) {
  const auto index = number("worker", parameters[0], workers_.size());
  if (!index) return fail(index.error());
  if (const auto done = read(*index); !done) return fail(done.error());
  return report_worker(snapshots_[*index]);
}

Commands::Outcome Commands::memory(const Parameters& parameters) {
  const auto index = number("worker", parameters[0], info_.memory.size());
  if (!index) return fail(index.error());
  return report_memory(info_.memory[*index]);
}

Commands::Outcome Commands::port(const Parameters& parameters) {
  const auto index = number("port", parameters[0], info_.ports.size());
  if (!index) return fail(index.error());
  return report_port(info_.ports[*index]);
}

Commands::Outcome Commands::impair(const Parameters& parameters) {
  const auto index = number("port", parameters[0], rehearsal_.ports());
  if (!index) return fail(index.error());
  return rehearsal_.report(*index);
}

Commands::Outcome Commands::change_impairment(std::string_view port, std::string_view words) {
  const std::scoped_lock lock(mutex_);
  const auto index = number("port", port, rehearsal_.ports());
  if (!index) return fail(index.error());
  return rehearsal_.change(*index, words);
}

Commands::Outcome Commands::switch_congestion(std::string_view what, std::string_view which, std::string_view name) {
  const std::scoped_lock lock(mutex_);
  const auto kind = congestion_named(name);
  if (!kind) return fail(kind.error());
  if (what == "listener") {
    const auto index = number("listener", which, info_.listeners.size());
    return index ? controllers_.switch_listener(*index, info_.listeners[*index], *kind) : fail(index.error());
  }
  if (what != "session") return fail("what is switched is session,ID,NAME or listener,NUMBER,NAME");
  const auto raw = number("id", which, ~std::uint64_t{0});
  return raw ? controllers_.switch_session(SessionId::from_raw(*raw), *kind) : fail(raw.error());
}

Commands::Outcome Commands::listener(const Parameters& parameters) {
  const auto index = number("listener", parameters[0], info_.listeners.size());
  if (!index) return fail(index.error());
  if (const auto done = read_all(); !done) return fail(done.error());
  return report_listener(info_.listeners[*index], static_cast<std::uint32_t>(*index), snapshots_);
}

Commands::Outcome Commands::drops(const Parameters&) {
  if (const auto done = read_all(); !done) return fail(done.error());
  return report_drops(snapshots_);
}

Commands::Outcome Commands::sessions(const Parameters& parameters) {
  const auto worker = number("worker", parameters[0], workers_.size());
  if (!worker) return fail(worker.error());
  const auto cursor = number("cursor", parameters[1], std::uint64_t{1} << 32);
  if (!cursor) return fail(cursor.error());
  const auto addresses = addresses_at(parameters, 2);
  if (!addresses) return fail(addresses.error());
  const std::optional<Answer> answer = inquiries_[*worker].ask(Command::Kind::sessions, *cursor, wait_);
  if (!answer) return fail(std::string(busy));
  return report_sessions(*answer, *addresses);
}

Commands::Outcome Commands::top(const Parameters& parameters) {
  const auto worker = number("worker", parameters[0], workers_.size());
  if (!worker) return fail(worker.error());
  const auto order = std::ranges::find(top_by_names, parameters[1]);
  if (order == top_by_names.end()) return fail("no such order, see /help");
  const auto addresses = addresses_at(parameters, 2);
  if (!addresses) return fail(addresses.error());
  const auto by = static_cast<std::uint64_t>(order - top_by_names.begin());
  const std::optional<Answer> answer = inquiries_[*worker].ask(Command::Kind::top, by, wait_);
  if (!answer) return fail(std::string(busy));
  return report_top(*answer, *addresses);
}

Commands::Outcome Commands::session(const Parameters& parameters) {
  const auto raw = number("id", parameters[0], ~std::uint64_t{0});
  if (!raw) return fail(raw.error());
  const auto addresses = addresses_at(parameters, 1);
  if (!addresses) return fail(addresses.error());
  const SessionId id = SessionId::from_raw(*raw);
  if (!id.is_valid() || id.worker() >= workers_.size()) return fail("no such session");
  const std::optional<Answer> answer = inquiries_[id.worker()].ask(Command::Kind::session, *raw, wait_);
  if (!answer) return fail(std::string(busy));
  if (answer->count == 0) return fail("no such session");
  return report_session(answer->sessions[0], *addresses);
}

Commands::Outcome Commands::histogram(const Parameters& parameters) {
  const auto worker = number("worker", parameters[0], workers_.size());
  if (!worker) return fail(worker.error());
  const auto name = std::ranges::find(histogram_names, parameters[1]);
  if (name == histogram_names.end()) return fail("no such histogram, see /help");
  if (const auto done = read(*worker); !done) return fail(done.error());
  return report_histogram(snapshots_[*worker].histograms[static_cast<std::size_t>(name - histogram_names.begin())]);
}

std::expected<void, std::string> Commands::read(std::size_t worker) {
  if (!workers_[worker].published->read(snapshots_[worker])) return fail(std::string(busy));
  return {};
}

std::expected<void, std::string> Commands::read_all() {
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    if (auto done = read(i); !done) return done;
  }
  return {};
}

}  // namespace penstock::control
