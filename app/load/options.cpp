#include "load/options.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>

#include "load/names.hpp"
#include "load/pattern.hpp"

namespace penstock::load {

namespace {

using Failure = std::unexpected<std::string>;

constexpr std::uint32_t sessions_max = 16'777'216;
constexpr std::uint32_t in_flight_max = 4'194'304;
constexpr std::uint32_t size_bytes_max = 1'000'000;
// What shapes without a depth of their own may have in flight.
constexpr std::uint32_t in_flight_preset = 65'536;

// The options as they were written; what is absent gets its value from the shape.
struct Given {
  std::string config, shape = "closed", pick, size = "64", active_fraction, zipf, flood = "none";
  std::vector<std::string> to;
  std::uint64_t sessions = 1'000, connect_rate = 200'000, connect_depth = 512, ramp_s = 0, warmup_s = 1,
                patience_s = 10;
  std::uint64_t seed = 1;
  std::optional<std::uint64_t> depth, per_session, rate, think_us, seconds, requests, flood_rate;
  bool check_all = false, one_way = false, json = false, help = false, version = false;
};

void declare(CLI::App& app, Given& given) {
  app.set_help_flag();  // ours is a flag like any other, and throws nothing
  app.add_option("--config", given.config);
  app.add_option("--to", given.to);
  app.add_option("--sessions", given.sessions);
  app.add_option("--shape", given.shape);
  app.add_option("--pick", given.pick);
  app.add_option("--depth", given.depth);
  app.add_option("--per-session", given.per_session);
  app.add_option("--rate", given.rate);
  app.add_option("--size", given.size);
  app.add_option("--active-fraction", given.active_fraction);
  app.add_option("--zipf", given.zipf);
  app.add_option("--think-us", given.think_us);
  app.add_option("--ramp-s", given.ramp_s);
  app.add_option("--warmup-s", given.warmup_s);
  app.add_option("--seconds", given.seconds);
  app.add_option("--requests", given.requests);
  app.add_option("--connect-rate", given.connect_rate);
  app.add_option("--connect-depth", given.connect_depth);
  app.add_option("--patience-s", given.patience_s);
  app.add_option("--seed", given.seed);
  app.add_option("--flood", given.flood);
  app.add_option("--flood-rate", given.flood_rate);
  app.add_flag("--check-all", given.check_all);
  app.add_flag("--one-way", given.one_way);
  app.add_flag("--json", given.json);
  app.add_flag("-h,--help", given.help);
  app.add_flag("--version", given.version);
}

// CLI11's own words may hold line feeds.
std::string one_line(std::string_view text) {
  std::string line;
  for (const char c : text) line += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
  return line;
}

template <class T>
std::optional<T> number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

template <std::size_t count>
std::optional<std::size_t> place_of(std::string_view word, const std::array<std::string_view, count>& names) {
  const auto found = std::ranges::find(names, word);
  if (found == names.end()) return std::nullopt;
  return static_cast<std::size_t>(found - names.begin());
}

// Fills a plan in, rule by rule; the first that does not hold is kept.
class Planner {
 public:
  explicit Planner(const Given& given) : given_(given) {}

  std::expected<RunPlan, std::string> plan() {
    read_names();
    read_sizes();
    read_numbers();
    read_flood();
    if (error_.empty() && given_.one_way) check_one_way();
    if (error_.empty()) choose_depths();
    if (error_.empty()) check();
    if (!error_.empty()) return Failure(error_);
    return plan_;
  }

 private:
  void fail(std::string sentence) {
    if (error_.empty()) error_ = std::move(sentence);
  }
  template <class T>
  void bounded(const char* option, std::uint64_t value, std::uint64_t min, std::uint64_t max, T& into) {
    if (value < min || value > max) return fail(fmt::format("{}: {} is not within {}..{}", option, value, min, max));
    into = static_cast<T>(value);
  }
  bool is(ShapeKind shape) const { return plan_.shape == shape; }
  bool loops() const {
    return is(ShapeKind::bulk) || is(ShapeKind::slow) || (is(ShapeKind::closed) && plan_.pick == Pick::same);
  }
  bool picks() const { return is(ShapeKind::churn) || (is(ShapeKind::closed) && plan_.pick != Pick::same); }

  void read_names() {
    const auto shape = place_of(given_.shape, shape_names);
    if (!shape) return fail(fmt::format("--shape: there is no shape \"{}\", try --help", one_line(given_.shape)));
    plan_.shape = static_cast<ShapeKind>(*shape);
    if (given_.pick.empty()) {
      plan_.pick = is(ShapeKind::closed) ? Pick::same : Pick::round_robin;
      return;
    }
    const auto pick = place_of(given_.pick, pick_names);
    if (!pick) return fail(fmt::format("--pick: there is no pick \"{}\", try --help", one_line(given_.pick)));
    plan_.pick = static_cast<Pick>(*pick);
    if (plan_.pick == Pick::same && !is(ShapeKind::closed)) fail("--pick: same is for --shape closed");
  }

  // "64" or "1-1400".
  void read_sizes() {
    const std::string_view text = given_.size;
    const std::size_t dash = text.find('-');
    const auto low = number<std::uint32_t>(text.substr(0, dash));
    const auto high = dash == std::string_view::npos ? low : number<std::uint32_t>(text.substr(dash + 1));
    if (!low || !high || *low == 0 || *high < *low || *high > size_bytes_max)
      return fail(fmt::format("--size: \"{}\" is no size or range within 1..{}", one_line(text), size_bytes_max));
    plan_.size_min = *low;
    plan_.size_max = *high;
  }

  void read_numbers() {
    bounded("--sessions", given_.sessions, 1, sessions_max, plan_.sessions);
    bounded("--connect-rate", given_.connect_rate, 1, 1'000'000'000, plan_.connect_rate);
    bounded("--connect-depth", given_.connect_depth, 1, in_flight_max, plan_.connect_depth);
    bounded("--ramp-s", given_.ramp_s, 0, 86'400, plan_.ramp_s);
    bounded("--warmup-s", given_.warmup_s, 0, 86'400, plan_.warmup_s);
    bounded("--patience-s", given_.patience_s, 1, 3'600, plan_.patience_s);
    bounded("--rate", given_.rate.value_or(0), given_.rate ? 1 : 0, 1'000'000'000, plan_.rate);
    bounded("--think-us", given_.think_us.value_or(is(ShapeKind::slow) ? 20'000 : 0), 0, 3'600'000'000, plan_.think_us);
    bounded("--requests", given_.requests.value_or(0), given_.requests ? 1 : 0, ~0ull, plan_.requests);
    bounded("--seconds", given_.seconds.value_or(given_.requests ? 3'600 : 10), 1, 864'000, plan_.seconds);
    plan_.seed = given_.seed;
    plan_.check_all = given_.check_all;
    plan_.active = plan_.sessions;
    if (!given_.active_fraction.empty()) {
      const auto fraction = number<double>(given_.active_fraction);
      if (!fraction || !(*fraction > 0) || !(*fraction <= 1))
        return fail(
            fmt::format("--active-fraction: \"{}\" is not above 0 and at most 1", one_line(given_.active_fraction)));
      plan_.active = std::max(static_cast<std::uint32_t>(*fraction * plan_.sessions), 1u);
    }
    if (given_.zipf.empty()) return;
    const auto exponent = number<double>(given_.zipf);
    if (!exponent || !(*exponent >= 0.001) || !(*exponent <= 10))
      return fail(fmt::format("--zipf: \"{}\" is no exponent within 0.001..10", one_line(given_.zipf)));
    plan_.zipf_permille = static_cast<std::uint32_t>(*exponent * 1000 + 0.5);
  }

  void read_flood() {
    const auto flood = place_of(given_.flood, flood_names);
    if (!flood) return fail(fmt::format("--flood: there is no flood \"{}\", try --help", one_line(given_.flood)));
    plan_.flood = static_cast<FloodKind>(*flood);
    const bool floods = plan_.flood != FloodKind::none;
    if (floods && !given_.flood_rate) return fail("--flood-rate: is missing, which --flood needs");
    if (!floods && given_.flood_rate) return fail("--flood-rate: is for --flood only");
    bounded("--flood-rate", given_.flood_rate.value_or(0), floods ? 1 : 0, 100'000'000, plan_.flood_rate);
  }

  // Messages are counted by their segments, and tell the sink by themselves what they must hold.
  void check_one_way() {
    plan_.one_way = true;
    if (!is(ShapeKind::bulk)) return fail("--one-way: is for --shape bulk");
    if (plan_.check_all) return fail("--check-all: waits for answers, and with --one-way there are none");
    if (given_.depth || given_.per_session)
      return fail(fmt::format("{}: with --one-way the windows alone tell how much is in flight",
                              given_.depth ? "--depth" : "--per-session"));
    if (plan_.size_min != plan_.size_max || plan_.size_min < Pattern::origin_bytes)
      return fail(
          fmt::format("--size: with --one-way all messages are of one size, {} bytes at least", Pattern::origin_bytes));
  }

  // How much is in flight, and by how many sessions. A loop of fewer requests than sessions runs on so many sessions.
  void choose_depths() {
    const auto each = [](std::uint64_t depth, std::uint64_t sessions) { return (depth + sessions - 1) / sessions; };
    std::uint64_t depth = given_.depth.value_or(picks() || is(ShapeKind::burst) ? 64 : 0);
    std::uint64_t per_session = given_.per_session.value_or(0);
    if (loops()) {
      const std::uint64_t preset = is(ShapeKind::closed) ? 1 : 256;
      if (per_session == 0) per_session = depth > plan_.active ? each(depth, plan_.active) : preset;
      if (depth == 0) depth = std::min<std::uint64_t>(plan_.active * per_session, in_flight_max);
      plan_.active = static_cast<std::uint32_t>(std::min<std::uint64_t>(plan_.active, each(depth, per_session)));
    } else if (per_session == 0) {
      const bool in_turn = plan_.pick == Pick::round_robin && picks();
      per_session = is(ShapeKind::churn) ? 1 : in_turn ? each(depth, plan_.active) : 128;
    }
    if (depth == 0) depth = in_flight_preset;
    bounded("--depth", depth, 1, in_flight_max, plan_.depth);
    bounded("--per-session", per_session, 1, in_flight_max, plan_.per_session);
    const std::uint64_t most = is(ShapeKind::burst) ? std::max<std::uint64_t>(depth * 4, in_flight_preset) : depth;
    plan_.requests_in_flight_max = static_cast<std::uint32_t>(
        std::max<std::uint64_t>(std::min<std::uint64_t>(most, in_flight_max), plan_.connect_depth));
    if (!plan_.one_way) return;
    plan_.per_session = in_flight_max;
    plan_.requests_in_flight_max = 0;
  }

  void check() {
    const bool paced = is(ShapeKind::open) || is(ShapeKind::churn);
    if (is(ShapeKind::open) && plan_.rate == 0) return fail("--rate: is missing, which --shape open needs");
    if (plan_.rate > 0 && !paced) return fail(fmt::format("--rate: is not for --shape {}", name_of(plan_.shape)));
    if (is(ShapeKind::burst) && plan_.think_us == 0)
      return fail("--think-us: is missing, the time from one burst to the next");
    const bool thinks = plan_.think_us > 0 && is(ShapeKind::closed);
    if (thinks && loops() && plan_.per_session > 1)
      return fail("--think-us: a session that thinks has one request in flight");
    if (picks() && !is(ShapeKind::churn) && std::uint64_t{plan_.active} * plan_.per_session < plan_.depth)
      return fail("--depth: is more than the active sessions may have in flight, see --per-session");
    if (is(ShapeKind::churn) && plan_.rate == 0 && plan_.depth > plan_.active)
      return fail("--depth: is more than there are active sessions");
  }

  const Given& given_;
  RunPlan plan_;
  std::string error_;
};

std::expected<Given, std::string> parse_app(std::vector<std::string> words) {
  CLI::App app;
  Given given;
  declare(app, given);
  std::ranges::reverse(words);  // as CLI11 takes them
  try {
    app.parse(std::move(words));
  } catch (const CLI::ParseError& error) {
    return Failure(one_line(error.what()));
  }
  return given;
}

bool is_informational(std::string_view word) { return word == "--help" || word == "-h" || word == "--version"; }

}  // namespace

std::expected<Options, std::string> parse_options(std::span<const std::string> words) {
  const auto dashes = std::ranges::find(words, std::string("--"));
  Options options;
  std::vector<std::string> app_words;
  for (auto word = words.begin(); word != dashes; ++word) {
    (is_informational(*word) ? app_words : options.eal_words).push_back(*word);
  }
  if (dashes != words.end()) app_words.insert(app_words.end(), dashes + 1, words.end());
  const auto given = parse_app(std::move(app_words));
  if (!given) return Failure(given.error());
  if (given->help || given->version) {
    options.action = given->help ? Action::help : Action::version;
    return options;
  }
  if (given->config.empty()) return Failure(std::string("--config: is missing after --, try --help"));
  options.config_file = given->config;
  if (given->to.empty()) return Failure(std::string("--to: is missing, as in --to 10.0.0.1:4000"));
  for (const std::string& text : given->to) {
    const auto endpoint = parse_endpoint(text);
    if (!endpoint)
      return Failure(
          fmt::format("--to: \"{}\" is no address and port, such as 10.0.0.1:4000 or [fd77::1]:4000", one_line(text)));
    options.to.push_back(*endpoint);
  }
  const auto plan = Planner(*given).plan();
  if (!plan) return Failure(plan.error());
  options.plan = *plan;
  const bool has_v4 = std::ranges::any_of(options.to, [](const net::Endpoint& to) { return to.address.is_v4(); });
  if (plan->flood != FloodKind::none && !has_v4) return Failure(std::string("--flood: needs an IPv4 server in --to"));
  options.json = given->json;
  return options;
}

std::optional<net::Endpoint> parse_endpoint(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  const auto address = net::parse_ip(host);
  const auto port = number<std::uint16_t>(text.substr(colon + 1));
  if (!address || !port || *port == 0 || bracketed == address->is_v4()) return std::nullopt;
  return net::Endpoint{*address, *port};
}

std::string help_text() {
  return R"(Usage: penstock-load [EAL options] -- --config FILE --to ADDR:PORT [options]
       penstock-load --help | --version

Speaks KCP to a server that echoes, on DPDK, and compares every byte that comes
back. One worker: give EAL one lcore.

  --config FILE        ports, addresses and KCP options, as penstock's; one
                       [[listener]] with service = "load" and the local port
  --to ADDR:PORT       the server; several, of both families, take turns
  --sessions N         sessions to connect (1000); session i begins from the
                       i-th address of the port's local_prefixes
  --check-all          one more compared echo of each session before the shape
  --connect-rate N     sessions a second that are begun at most (200000)
  --connect-depth N    sessions that wait for their first echo at most (512)

  --shape NAME         closed      --depth requests in flight (default)
                       open        --rate requests a second; the round trip
                                   counts from when a request was due
                       bulk        as many messages as the windows take
                       burst       --depth requests every --think-us
                       slow        as bulk; answers are read --think-us late
                       churn       connect, one echo, close, again
                       connect     connecting all is what is measured
                       disconnect  closing all is what is measured
                       idle        nothing at all
  --one-way            bulk toward a server whose service is "sink": it compares
                       and answers nothing; what it acknowledged counts
  --pick NAME          same: a session asks again when it is answered (the
                       default of closed); round-robin, uniform or zipf
  --zipf EXPONENT      of --pick zipf (0.99)
  --depth D            requests in flight, all sessions together
  --per-session N      requests in flight of one session at most
  --rate R             requests (churn: cycles) a second
  --size A[-B]         bytes of a message (64)
  --think-us N         from an answer to the next request
  --active-fraction F  only so many of the sessions, evenly spread (1)
  --ramp-s, --warmup-s, --seconds   until all goes on (0), until measuring
                       begins (1), and how long it takes at most (10)
  --requests N         end after N answers
  --patience-s N       give up when no answer comes for so long (10)
  --seed N             of contents, sizes and choices (1)
  --flood KIND         send prepared frames to an IPv4 server beside the shape,
                       through the same port: invalid, unknown, unproven or
                       newcomers
  --flood-rate N       frames a second of it
  --json               one JSON object as the last line; its keys are told in
                       docs/load.md

Exit status: 0 every answer was right, none is missing, and what was asked for
was reached; 1 not so; 2 refused, with the reason.
)";
}

}  // namespace penstock::load
