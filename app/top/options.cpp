#include "top/options.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <optional>

#include "top/reply.hpp"
#include "top/view.hpp"

namespace penstock::top {

namespace {

using Failure = std::unexpected<std::string>;

constexpr std::uint64_t samples_max = 1'000'000'000;

// The options as they were written.
struct Given {
  std::vector<std::string> prefixes;
  std::optional<std::string> interval, batch, by;
  bool all = false, json = false, addresses = false, help = false, version = false;
};

void declare(CLI::App& app, Given& given) {
  app.set_help_flag();  // ours is a flag like any other, and throws nothing
  app.add_option("-f,--file-prefix", given.prefixes)->expected(1)->take_all();
  app.add_flag("--all", given.all);
  app.add_option("-i,--interval", given.interval);
  app.add_option("--batch", given.batch);
  app.add_flag("--json", given.json);
  app.add_option("--by", given.by);
  app.add_flag("--addresses", given.addresses);
  app.add_flag("-h,--help", given.help);
  app.add_flag("--version", given.version);
}

template <class T>
std::optional<T> number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

std::expected<void, std::string> read_interval(const std::string& text, Options& options) {
  const double min_s = std::chrono::duration<double>(View::interval_min).count();
  const double max_s = std::chrono::duration<double>(View::interval_max).count();
  const auto seconds = number<double>(text);
  if (!seconds || !(*seconds >= min_s && *seconds <= max_s))
    return Failure(fmt::format("--interval: \"{}\" is not within {}..{} seconds", printable(text), min_s, max_s));
  options.interval = std::chrono::milliseconds(static_cast<std::int64_t>(*seconds * 1000 + 0.5));
  return {};
}

std::expected<void, std::string> read_by(const std::string& text, Options& options) {
  const auto* found = std::ranges::find(by_names, text);
  if (found == std::end(by_names))
    return Failure(fmt::format("--by: \"{}\" is none of rate, rtt, retransmission", printable(text)));
  options.by = static_cast<By>(found - std::begin(by_names));
  return {};
}

std::expected<Options, std::string> options_of(const Given& given) {
  Options options{.prefixes = given.prefixes, .json = given.json, .addresses = given.addresses};
  if (given.all && !given.prefixes.empty()) return Failure("--all: all penstocks are those of --file-prefix, too");
  for (const std::string& prefix : given.prefixes) {
    if (prefix.empty()) return Failure("--file-prefix: is empty");
  }
  if (given.interval) {
    if (const auto done = read_interval(*given.interval, options); !done) return Failure(done.error());
  }
  if (given.by) {
    if (const auto done = read_by(*given.by, options); !done) return Failure(done.error());
  }
  if (given.batch) {
    const auto samples = number<std::uint64_t>(*given.batch);
    if (!samples || *samples == 0 || *samples > samples_max)
      return Failure(fmt::format("--batch: \"{}\" is not within 1..{} samples", printable(*given.batch), samples_max));
    options.samples = *samples;
  }
  if (given.batch || given.json) options.action = Action::batch;
  if (given.version) options.action = Action::version;
  if (given.help) options.action = Action::help;
  return options;
}

}  // namespace

std::expected<Options, std::string> parse_options(std::span<const std::string> words) {
  CLI::App app;
  Given given;
  declare(app, given);
  try {
    // CLI11 takes the last word first.
    app.parse(std::vector<std::string>(words.rbegin(), words.rend()));
  } catch (const CLI::ParseError& error) {
    return Failure(fmt::format("{}, try --help", printable(error.what())));
  }
  return options_of(given);
}

std::string help_text() {
  return R"(Usage: penstock-top [-f PREFIX]... [options]
       penstock-top --batch N [--json] [-f PREFIX]... [options]
       penstock-top --help | --version

Shows what a running penstock does, from its telemetry socket: workers,
listeners, the sessions at the top, drops by reason, histograms. In a terminal;
`?` tells the keys. Without -f all penstocks that are found are looked at, one
at a time (n: the next one).

  -f, --file-prefix PREFIX  the penstock of this EAL --file-prefix; may be
                            repeated. PREFIX:1 is a second process of that
                            prefix; with a slash it is the path of a socket
  --all                     all that are found, which is the default
  -i, --interval SECONDS    between two samples (1; 0.2 to 60)
  --by NAME                 the sessions at the top by rate (default), rtt or
                            retransmission
  --addresses               tell the addresses of peers, too
  --batch N                 N samples as plain text, without a terminal. Rates
                            are those since the sample before, so the first
                            comes after one interval
  --json                    one JSON document a line and sample instead, until
                            stopped or as many as --batch says; its names are
                            told in docs/top.md
  -h, --help                this text
  --version                 the version

Sockets are looked for below /var/run/dpdk, $RUNTIME_DIRECTORY/dpdk,
$XDG_RUNTIME_DIR/dpdk and /tmp/dpdk. A penstock serves 64 clients at a time;
penstock-top takes one place at the penstock that it shows.

Exit status: 0 left by a key or a signal, or every sample was taken; 1 there was
no penstock to ask, or one did not answer; 2 refused, with the reason.
)";
}

}  // namespace penstock::top
