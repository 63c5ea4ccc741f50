// Whole trials with the original ikcp as receiver: each sender brings every byte, the oracle reaches what arithmetic says, and
// a trial can be repeated. What a figure comes to is for penstock-bench, but for bounds that no sender can pass.
#include "path/trial.hpp"

#include <catch2/catch.hpp>

#include "diff/ikcp.hpp"
#include "path/oracle_sender.hpp"
#include "path/summary.hpp"
#include "path/ticked_ikcp.hpp"

namespace penstock::path {

namespace {

// What 1,024 datagrams take in 20 ms.
constexpr std::uint64_t rate = 573'440'000;

diff::Memory& memory() {
  static diff::Memory one;
  return one;
}

Outcome outcome_of(const Trial& trial) {
  static const bool loaded = (diff::load_ikcp(diff::ikcp_library()), true);
  REQUIRE(loaded);
  return run(trial, memory());
}

Trial bulk(SenderKind kind, std::uint32_t loss_ppm) {
  Trial trial;
  trial.sender = kind;
  trial.options = turbo(256);
  trial.bulk_bytes = 4'000'000;
  trial.there.delay = Duration::ms(10);
  trial.back.delay = Duration::ms(10);
  trial.there.loss_ppm = loss_ppm;
  return trial;
}

Trial game(SenderKind kind) {
  Trial trial = bulk(kind, 50'000);
  trial.back.loss_ppm = 50'000;
  trial.work = Work::game;
  trial.game_time = Duration::seconds(20);
  return trial;
}

}  // namespace

TEST_CASE("every sender brings every byte over a path that loses both ways") {
  for (const SenderKind kind : sender_kinds) {
    INFO(name_of(kind));
    Trial trial = bulk(kind, 50'000);
    trial.back.loss_ppm = 50'000;
    const Outcome outcome = outcome_of(trial);
    CHECK(outcome.tally.delivered() == trial.messages());
    CHECK(outcome.tally.first().bytes == trial.messages() * 1376);
    CHECK(outcome.tally.lost().count > 0);
    CHECK(outcome.tally.resent().count >= outcome.tally.lost().count);
    CHECK(memory().whole());
  }
}

TEST_CASE("without a loss nothing is resent, and a window takes a round trip") {
  for (const SenderKind kind : sender_kinds) {
    INFO(name_of(kind));
    const Trial trial = bulk(kind, 0);
    const Outcome outcome = outcome_of(trial);
    CHECK(outcome.tally.resent().count == 0);
    // 2,907 segments, 256 in 20 ms, or, as KCP begins with what every peer has room for, 128 and then 256: 12 round trips.
    CHECK(outcome.took == Duration::ms(240));
  }
}

TEST_CASE("the oracle resends what was lost and nothing else") {
  for (const SenderKind kind : {SenderKind::oracle, SenderKind::ticked_oracle}) {
    Trial trial = bulk(kind, 100'000);
    trial.there.rate_bits_per_second = rate;
    const Outcome outcome = outcome_of(trial);
    CHECK(outcome.tally.lost().count > 200);
    CHECK(outcome.tally.resent().count == outcome.tally.lost().count);
    CHECK(outcome.tally.spurious().count == 0);
    // It keeps to the rate, so that it finds no queue but its own datagram and what is left of the one before.
    CHECK(outcome.queue_bytes_most <= 2 * 1400);
  }
}

TEST_CASE("on a link with a rate the oracle fills it, and knowing later costs") {
  Trial trial = bulk(SenderKind::oracle, 10'000);
  trial.options = turbo(1024);
  trial.there.rate_bits_per_second = rate;
  trial.bulk_bytes = 10'000'000;
  const double at_once = outcome_of(trial).goodput();
  trial.sender = SenderKind::ticked_oracle;
  const double at_flush = outcome_of(trial).goodput();
  CHECK(at_once < static_cast<double>(rate) * 1376 / 1400);
  CHECK(at_flush < at_once);
}

TEST_CASE("spare copies of what was lost twice are few, and keep the window from waiting for what is lost again") {
  Trial trial = bulk(SenderKind::ticked_oracle, 100'000);
  trial.bulk_bytes = 20'000'000;
  trial.there.rate_bits_per_second = rate;
  const Outcome without = outcome_of(trial);
  trial.sender = SenderKind::spare_oracle;
  const Outcome with = outcome_of(trial);
  CHECK(with.tally.spurious().count > 0);
  CHECK(with.tally.resent().count > with.tally.lost().count);
  CHECK(with.tally.resent().count < with.tally.lost().count * 11 / 10);
  CHECK(with.took < without.took);
}

TEST_CASE("the same seed is the same trial, and another one is another") {
  for (const SenderKind kind : sender_kinds) {
    Trial trial = bulk(kind, 20'000);
    trial.there.rate_bits_per_second = rate;
    const Outcome one = outcome_of(trial);
    const Outcome two = outcome_of(trial);
    CHECK(one.took == two.took);
    CHECK(one.tally.delays_from_first_copy_us() == two.tally.delays_from_first_copy_us());
    trial.seed = 2;
    CHECK(outcome_of(trial).tally.delays_from_first_copy_us() != one.tally.delays_from_first_copy_us());
  }
}

TEST_CASE("by time each needless copy is a spare, or noticed, while ACKs arrive") {
  for (const std::uint32_t loss_ppm : {10'000u, 50'000u}) {
    Trial trial = bulk(SenderKind::ours, loss_ppm);
    trial.options = turbo(4096);
    trial.options.recovery = kcp::Recovery::rack;
    trial.options.congestion = congestion::Kind::none;
    trial.there.rate_bits_per_second = rate;
    trial.bulk_bytes = 20'000'000;
    const Outcome outcome = outcome_of(trial);
    INFO(loss_ppm << " ppm: " << outcome.tally.spurious().count << " of " << outcome.tally.resent().count
                  << " needless, " << outcome.spares << " spares, " << outcome.seen << " noticed");
    CHECK(outcome.tally.spurious().count > 0);
    CHECK(outcome.tally.spurious().count <= outcome.spares + outcome.seen);
    CHECK(outcome.tally.spurious().count < outcome.tally.resent().count / 10);
  }
}

// The link holds 893 segments of 1,400 bytes a round trip. bbr is out of its start-up after 20 round trips here.
TEST_CASE("what is in flight settles within a quarter of the bandwidth-delay product") {
  using congestion::Kind;
  for (const Kind kind : {Kind::none, Kind::bbr}) {
    Trial trial = bulk(SenderKind::ours, 0);
    trial.options = turbo(4096);
    trial.options.recovery = kcp::Recovery::rack;
    trial.options.congestion = kind;
    trial.there.rate_bits_per_second = 100'000'000;
    trial.there.queue_bytes = 2'500'000;
    trial.there.delay = trial.back.delay = Duration::ms(50);
    trial.bulk_bytes = 50'000'000;
    trial.sample_every = Duration::ms(1);
    const Outcome outcome = outcome_of(trial);
    const Instant begin = Instant() + trial.round_trip() * (kind == Kind::none ? 10 : 20);
    double sum = 0, count = 0;
    for (const Sample& sample : outcome.samples) {
      if (sample.at < begin || sample.at >= begin + trial.round_trip() * 10) continue;
      sum += sample.in_flight;
      count += 1;
    }
    REQUIRE(count > 900);
    const double bdp = 100'000'000.0 / 8 * 0.1 / 1400;
    INFO(congestion::name_of(kind) << " " << sum / count / bdp << " of it");
    CHECK(sum / count > bdp * 0.75);
    CHECK(sum / count < bdp * 1.25);
  }
}

TEST_CASE("a queue that is too short loses, and what it refused is counted as lost") {
  Trial trial = bulk(SenderKind::ours, 0);
  trial.there.rate_bits_per_second = 10'000'000;
  trial.there.queue_bytes = 30'000;
  const Outcome outcome = outcome_of(trial);
  CHECK(outcome.queue_refused > 0);
  CHECK(outcome.tally.lost().count == outcome.queue_refused);
  CHECK(outcome.queue_bytes_most <= 30'000);
}

TEST_CASE("a game's messages come when they are due, and none before half a round trip") {
  for (const SenderKind kind : sender_kinds) {
    INFO(name_of(kind));
    const Outcome outcome = outcome_of(game(kind));
    CHECK(outcome.tally.messages() == 1000);
    CHECK(outcome.took >= Duration::ms(999 * 20 + 20));
    auto delays = outcome.tally.delays_from_handing_us();
    CHECK(quantile(delays, 0) == 10'000);
    CHECK(quantile(delays, 1000) > 20'000);
  }
}

TEST_CASE("the receiver answers at its flush: a phase between the ends costs a round trip its rest") {
  Trial trial = bulk(SenderKind::ikcp, 0);
  const Duration in_phase = outcome_of(trial).took;
  trial.receiver_phase = Duration::us(1'500);
  CHECK(outcome_of(trial).took > in_phase + Duration::ms(100));
}

TEST_CASE("a summary takes seeds together and tells them as a line, and as JSON") {
  Trial trial = bulk(SenderKind::oracle, 0);
  trial.there.rate_bits_per_second = rate;
  Summary clean(trial);
  clean.add(outcome_of(trial));
  CHECK(!clean.resent_per_lost());
  CHECK(clean.json().find(R"("resent_per_lost":null)") != std::string::npos);
  CHECK(clean.delay_rtt(500) < 0.51);
  trial.there.loss_ppm = 50'000;
  Summary lossy(trial);
  for (trial.seed = 1; trial.seed <= 2; ++trial.seed) lossy.add(outcome_of(trial));
  CHECK(lossy.resent_per_lost() == 1.0);
  CHECK(lossy.spurious_share() == 0);
  CHECK(lossy.link_share().value() > 0);
  CHECK(lossy.link_share().value() < clean.link_share().value());
  CHECK(lossy.text().find("oracle bulk, window 256, loss 5.00 %") == 0);
  CHECK(lossy.json().find(R"("seeds":2)") != std::string::npos);
}

TEST_CASE("an ikcp takes no more messages than its window has room for until it was asked to send") {
  outcome_of(bulk(SenderKind::oracle, 0));  // loads ikcp
  TickedIkcp ikcp(turbo(4), Duration());
  const diff::Bytes message(10);
  for (int i = 0; i < 4; ++i) CHECK(ikcp.send(message, Instant()));
  CHECK(!ikcp.send(message, Instant()));
  CHECK(!ikcp.drained());
  CHECK(ikcp.next_deadline(Instant()) == Instant());
  CHECK(!ikcp.turn(Instant()).empty());
  CHECK(ikcp.turn(Instant()).empty());
  CHECK(ikcp.next_deadline(Instant()) == Instant::at_us(1'000));
  CHECK(ikcp.send(message, Instant()));
  CHECK_THROWS_AS(ikcp.input(message, Instant()), diff::Broken);
}

TEST_CASE("the oracle as a sender keeps its messages until they are known to have arrived") {
  OracleSender oracle(turbo(2), 0);
  const diff::Bytes message(10, 0x77);
  for (int i = 0; i < 4; ++i) CHECK(oracle.send(message, Instant()));
  CHECK(!oracle.send(message, Instant()));
  const auto datagrams = oracle.turn(Instant());
  REQUIRE(datagrams.size() == 2);
  const auto segments = diff::take_apart(datagrams[1]);
  REQUIRE(segments.size() == 1);
  CHECK(segments[0].header.sn == Seq32(1));
  CHECK(segments[0].header.command == kcp::Command::push);
  CHECK(diff::Bytes(segments[0].payload.begin(), segments[0].payload.end()) == message);
  oracle.on_fate(0, false, Instant::at_us(10));
  oracle.on_fate(1, true, Instant::at_us(10));
  const auto later = oracle.turn(Instant::at_us(10));
  REQUIRE(later.size() == 2);
  CHECK(diff::take_apart(later[0])[0].header.sn == Seq32(1));
  CHECK(diff::take_apart(later[1])[0].header.sn == Seq32(2));
  CHECK(!oracle.drained());
}

}  // namespace penstock::path
