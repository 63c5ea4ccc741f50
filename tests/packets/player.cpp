#include "packets/player.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <sstream>
#include <utility>

#include "packets/limits.hpp"

namespace penstock::packets {

namespace {

// A timer fires up to a tick of the wheel late, and a stamp is cut to whole milliseconds.
constexpr Duration late_max = Duration::us(2'500);
constexpr Duration early_max = Duration::us(100);
constexpr std::size_t lines_max = 2'000;
constexpr Duration connect_step = Duration::ms(50);
constexpr int connect_steps_max = 40;
constexpr int connect_resend_every = 4;

std::string trim(const std::string& text) {
  const std::size_t first = text.find_first_not_of(" \t\r");
  if (first == std::string::npos) return "";
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

template <class Names>
std::size_t index_of(const Names& names, const std::string& name, std::string_view what) {
  const auto found = std::ranges::find(names, name);
  if (found == names.end()) throw ScriptError(fmt::format("there is no {} '{}'", what, name));
  return static_cast<std::size_t>(found - names.begin());
}

}  // namespace

Player::Player(std::string name, const std::string& text, BenchSetup setup)
    : name_(std::move(name)), text_(text), setup_(std::move(setup)) {}

void Player::play() {
  std::istringstream lines(text_);
  std::string line;
  try {
    while (std::getline(lines, line)) {
      if (++line_ > lines_max) throw ScriptError("the script is too long");
      play_line(trim(line));
    }
    finish();
  } catch (const NodeFault& error) {
    throw NodeFault(fmt::format("{}:{}: {}", name_, line_, error.what()));
  } catch (const std::runtime_error& error) {
    throw ScriptError(fmt::format("{}:{}: {}", name_, std::max(line_, 1u), error.what()));
  }
}

void Player::play_line(const std::string& line) {
  if (line.empty()) return;
  if (line[0] == '#') return declare(std::string_view(line).substr(1));
  const std::vector<Word> words = split(line);
  if (set_up(words)) return;
  if (!bench_) bench_ = std::make_unique<Bench>(setup_);
  Words rest = words;
  const When when = take_time(rest);
  if (rest.empty()) throw ScriptError("nothing happens at that time");
  act(rest, when);
}

// "# rule: 4.A name": what the script claims to show. Any other comment is for the reader.
void Player::declare(std::string_view comment) {
  const std::string text = trim(std::string(comment));
  for (const std::string kind : {"rule", "drop", "close", "attack"}) {
    if (text.starts_with(kind + ": ")) claims_[kind].insert(trim(text.substr(kind.size() + 2)));
  }
}

// "at 1.5", "+0.01" or "within 0.5" in front of a line.
Player::When Player::take_time(Words& words) {
  const std::string first = words[0].key;
  if (first.starts_with("+") && first.size() > 1) {
    const auto step = seconds_as_us(std::string_view(first).substr(1));
    if (!step) throw ScriptError(fmt::format("'{}' is no time", first));
    words = words.subspan(1);
    return {time_ + Duration::us(*step)};
  }
  if (first != "at" && first != "within") return {time_};
  const auto seconds = words.size() > 1 ? seconds_as_us(words[1].key) : std::nullopt;
  if (!seconds) throw ScriptError(fmt::format("'{}' needs a time in seconds", first));
  words = words.subspan(2);
  if (first == "within") return {time_ + Duration::us(*seconds), false};
  if (Duration::us(*seconds) < time_) throw ScriptError("that time has passed");
  return {Duration::us(*seconds)};
}

void Player::act(Words words, const When& when) {
  const std::string& what = words[0].key;
  if (what == ">") return expect(words.subspan(1), when);
  if (!when.exact) throw ScriptError("'within' is for what is expected");
  if (bench_->time() < when.at) bench_->pass_until(when.at);
  time_ = when.at;
  if (what == "<") return arrive(words.subspan(1));
  if (what == "connect") return connect(words.subspan(1));
  if (what == "app") return app(words.subspan(1));
  if (what == "drop" || what == "close" || what == "stat") return expect_count(words);
  if (what == "wait") return;
  switch_node(words);
}

void Player::arrive(Words words) {
  const FrameSpec spec(words, variables_);
  if (spec.queue() >= setup_.node.workers) throw ScriptError("there is no such queue");
  if (std::uint64_t{spec.times()} * spec.same() > setup_.frames_max) {
    throw ScriptError("more frames than a line may bring");
  }
  for (std::uint32_t i = 0; i < spec.times() * spec.same(); ++i) {
    Bytes frame = spec.make(i / spec.same());
    check_frame(frame);
    bench_->queue_up(std::move(frame), spec.queue());
  }
  bench_->take_in();
}

void Player::expect(Words words, const When& when) {
  if (words.empty()) throw ScriptError("what is expected?");
  if (words[0].is("none")) return expect_none(words.subspan(1), when);
  if (words[0].is("some")) {
    // Whatever is on its way by then is of no interest to the script.
    bench_->pass_until(when.at);
    bench_->sent().clear();
    time_ = when.at;
    return;
  }
  const FrameSpec spec(words, variables_);
  if (bench_->sent().empty()) bench_->pass_until(when.at + late_max, true);
  if (bench_->sent().empty()) throw ScriptError("nothing left");
  const Sent sent = bench_->sent().front();
  bench_->sent().pop_front();
  const std::string difference = spec.differs(sent.bytes, variables_);
  if (!difference.empty()) throw ScriptError(fmt::format("{}: {}", difference, describe_frame(sent.bytes)));
  const Duration at = bench_->of(sent.at);
  const bool in_time = at <= when.at + late_max && (!when.exact || at + early_max >= when.at);
  if (!in_time) {
    throw ScriptError(fmt::format("it left at {:.6f}, not at {:.6f}", static_cast<double>(at.count_us()) / 1e6,
                                  static_cast<double>(when.at.count_us()) / 1e6));
  }
  time_ = std::max(time_, at);
}

// "none for 0.5", or at this moment.
void Player::expect_none(Words words, const When& when) {
  time_ = when.at;
  bench_->pass_until(time_, true);
  if (!words.empty()) {
    const auto span = words.size() == 2 && words[0].is("for") ? seconds_as_us(words[1].key) : std::nullopt;
    if (!span) throw ScriptError("'none' is followed by 'for' and seconds");
    time_ += Duration::us(*span);
    bench_->pass_until(time_, true);
  }
  if (bench_->sent().empty()) return;
  throw ScriptError("something left: " + describe_frame(bench_->sent().front().bytes));
}

std::uint64_t Player::counter(const std::string& kind, const std::string& name) const {
  const StatsSnapshot s = bench_->counters();
  if (kind == "drop") return s.drops[index_of(net::drop_reason_names, name, "drop reason")];
  if (kind == "close") {
    return bench_->closed(static_cast<CloseReason>(index_of(close_reason_names, name, "close reason")));
  }
  const std::map<std::string, std::uint64_t> stats = {
      {"sessions", s.worker.sessions_now},
      {"opened", s.worker.sessions_opened},
      {"challenges", s.worker.challenges_sent},
      {"stateless", s.worker.half_open_stateless},
      {"held", s.worker.half_open_held},
      {"credit_waits", s.worker.credit_waits},
      {"acks_unmatched", s.machine.acks_unmatched},
      {"duplicates", s.machine.segments_duplicate},
      {"beyond_window", s.machine.segments_beyond_window},
      {"resent_timeout", s.machine.retransmitted_timeout},
      {"resent_fast", s.machine.retransmitted_fast},
      {"pings", s.machine.proof_pings_sent},
      {"messages", s.machine.messages_received},
      {"handed_over", s.worker.handed_in},
  };
  const auto found = stats.find(name);
  if (found == stats.end()) throw ScriptError(fmt::format("there is no statistic '{}'", name));
  return found->second;
}

// "drop name 1": it has moved by so much since the last such line. "stat sessions 1" is as it stands.
void Player::expect_count(Words words) {
  if (words.size() != 3) throw ScriptError("a counter's name and how far it moved are needed");
  const std::string& kind = words[0].key;
  const std::string& name = words[1].key;
  const std::uint64_t now = counter(kind, name);
  std::uint64_t& before = counted_[kind + " " + name];
  const bool stands = kind == "stat" && name == "sessions";
  const std::uint64_t moved = now - (stands ? 0 : before);
  before = now;
  const std::string difference =
      compare(kind + " " + name, words[2].key, static_cast<std::uint32_t>(moved), variables_);
  if (!difference.empty()) throw ScriptError(difference);
}

// --- a session, by a client that keeps the rules

// Opens a conversation and proves the client's address, whatever the node wants to see for it; sn 0 is used up.
void Player::connect(Words words) {
  std::vector<Word> line = {{"kcp", "", {}}, {"push", "", {}}, {"", "", Bytes{'x'}}};
  line.insert(line.end(), words.begin(), words.end());
  const FrameSpec spec(line, variables_);
  const Bytes frame = spec.make();
  check_frame(frame);
  const auto view = sim::peek(frame);
  const auto opening = view ? sim::peek_kcp(view->payload) : std::nullopt;
  if (!opening) throw ScriptError("'connect' takes conv=, from= and to= only");
  const net::Endpoint client = view->source;
  const std::uint32_t conv = opening->conv;
  for (int i = 0; i < connect_steps_max; ++i) {
    if (i % connect_resend_every == 0) bench_->bring(spec.make());
    if (answer_for(client, conv)) {
      bench_->with_app([&](App& by_hand, Connections& connections) {
        const Connection connection = by_hand.find(connections, conv);
        if (connection) static_cast<void>(read_message(connection));
      });
      time_ = std::max(time_, bench_->time());
      counted_["stat pings"] = counter("stat", "pings");
      return;
    }
    bench_->pass_until(bench_->time() + connect_step);
  }
  throw ScriptError("the node did not take the session in");
}

// Acknowledges what came for the client. True when sn 0 of its own was acknowledged.
bool Player::answer_for(const net::Endpoint& client, std::uint32_t conv) {
  bool acknowledged = false;
  while (!bench_->sent().empty()) {
    const Bytes frame = bench_->sent().front().bytes;
    bench_->sent().pop_front();
    const auto view = sim::peek(frame);
    if (!view || !(view->destination == client) || view->payload.size() < 24) continue;
    const auto b = view->payload;
    const auto field = [&](std::size_t at) {
      return static_cast<std::uint32_t>(b[at]) | static_cast<std::uint32_t>(b[at + 1]) << 8 |
             static_cast<std::uint32_t>(b[at + 2]) << 16 | static_cast<std::uint32_t>(b[at + 3]) << 24;
    };
    if (b[4] == 82 && field(16) == 1) acknowledged = true;
    if (b[4] != 81) continue;
    const Bytes answer = sim::kcp(conv, 82, 0, field(12), 0, {}, field(8));
    const Bytes packet = sim::ip(client.address, view->source.address, 17, sim::udp(client, view->source, answer));
    const auto type = static_cast<std::uint16_t>(client.address.is_v4() ? 0x0800 : 0x86dd);
    bench_->bring(sim::ethernet(node_mac, gateway_mac, {}, type, packet));
  }
  return acknowledged;
}

// --- the application

void Player::app(Words words) {
  if (words.empty()) throw ScriptError("what shall the application do?");
  if (words[0].is("read")) return app_read(words.subspan(1));
  if (words[0].is("send")) return app_send(words.subspan(1));
  if (!words[0].is("close")) throw ScriptError(fmt::format("the application cannot '{}'", words[0].key));
  std::optional<std::uint32_t> conv;
  if (words.size() > 1 && words[1].key == "conv") conv = number_of(words[1]);
  bool found = false;
  bench_->with_app([&](App& by_hand, Connections& connections) {
    Connection connection = by_hand.find(connections, conv);
    found = static_cast<bool>(connection);
    if (found) connection.close();
  });
  if (!found) throw ScriptError("the application has no such session");
}

// "app read "abc"" or "app read none"; with conv=N of that conversation.
void Player::app_read(Words words) {
  std::optional<std::uint32_t> conv;
  std::optional<Bytes> expected;
  bool none = false;
  for (const Word& word : words) {
    if (word.data) expected = *word.data;
    else if (word.key == "conv") conv = number_of(word);
    else if (word.is("none")) none = true;
    else throw ScriptError(fmt::format("'{}' is nothing to read", word.key));
  }
  if (none == expected.has_value()) throw ScriptError("say what is read, or none");
  std::optional<Bytes> got;
  bench_->with_app([&](App& by_hand, Connections& connections) {
    const Connection connection = by_hand.find(connections, conv);
    if (connection) got = read_message(connection);
  });
  if (none && got) throw ScriptError(fmt::format("the application read {} B", got->size()));
  if (none) return;
  if (!got) throw ScriptError("there is nothing to read");
  if (*got != *expected) {
    throw ScriptError(fmt::format(
        "the application read {} B, '{}'", got->size(),
        std::string(got->begin(), got->begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(got->size(), 40)))));
  }
}

// "app send "abc" [accepted|full|too_large|closed]".
void Player::app_send(Words words) {
  static constexpr std::array names = {"accepted", "full", "too_large", "closed"};
  std::optional<std::uint32_t> conv;
  std::string wanted = "accepted";
  const Word* data = nullptr;
  for (const Word& word : words) {
    if (word.data) data = &word;
    else if (word.key == "conv") conv = number_of(word);
    else wanted = word.key;
  }
  if (data == nullptr) throw ScriptError("say what is sent");
  index_of(names, wanted, "answer to a send");
  std::string answer = "no session";
  bench_->with_app([&](App& by_hand, Connections& connections) {
    const Connection connection = by_hand.find(connections, conv);
    if (connection) answer = names[static_cast<std::size_t>(send_message(connections, connection, *data->data))];
  });
  if (answer != wanted) throw ScriptError(fmt::format("the send was answered '{}', not '{}'", answer, wanted));
}

// --- the end

void Player::finish() {
  if (!bench_) throw ScriptError("the script does nothing");
  if (!bench_->sent().empty()) {
    throw ScriptError("at the end something had left that no line expects: " +
                      describe_frame(bench_->sent().front().bytes));
  }
  finish_counts();
  const std::string fault = bench_->switch_off();
  if (!fault.empty()) throw NodeFault(fault);
}

// What moved must have been said, and what is claimed must have moved.
void Player::finish_counts() const {
  for (const std::string_view name : net::drop_reason_names) {
    const std::string key = "drop " + std::string(name);
    const std::uint64_t said = counted_.contains(key) ? counted_.at(key) : 0;
    const std::uint64_t moved = counter("drop", std::string(name));
    if (moved != said)
      throw ScriptError(fmt::format("{} moved by {} and the script accounts for {}", key, moved, said));
  }
  for (const std::string kind : {"drop", "close"}) {
    if (!claims_.contains(kind)) continue;
    for (const std::string& name : claims_.at(kind)) {
      if (counter(kind, name) == 0)
        throw ScriptError(fmt::format("it claims to show {} {}, which never moved", kind, name));
    }
  }
}

}  // namespace penstock::packets
