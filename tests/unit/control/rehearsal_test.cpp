// Shows that a change reaches every worker, that what is told are sums of all of them, that what will not do reaches nobody,
// and that a worker which is silent is named. A thread plays the workers, as links that count what they are told.
#include "control/rehearsal.hpp"

#include <array>
#include <atomic>
#include <catch2/catch.hpp>
#include <mutex>
#include <thread>

namespace penstock::control {

namespace {

using std::chrono::milliseconds;

// Two workers of two ports, of which the second has no impairment.
struct Workers {
  explicit Workers(std::uint32_t silent = 2) : silent_from(silent) {
    for (Mailbox& mailbox : mailboxes) inquiries.emplace_back(mailbox);
    rehearsal.emplace(std::vector<std::optional<ImpairConfig>>{ImpairConfig{.queue_packets = 64}, std::nullopt},
                      inquiries, milliseconds(silent < 2 ? 20 : 60'000));
    thread = std::thread([this] { serve(); });
  }
  ~Workers() {
    ended = true;
    thread.join();
  }
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  void serve() {
    while (!ended) {
      for (std::uint32_t i = 0; i < silent_from; ++i) {
        Command command;
        if (!mailboxes[i].commands.pop(command)) continue;
        Answer answer;
        answer.ticket = command.ticket;
        const std::scoped_lock lock(mutex);
        if (command.kind == Command::Kind::impair) {
          faults[i] = command.impairment;
          ++changes;
        }
        answer.impair = {
            .impaired = 1, .faults = faults[i], .receive = {.offered = 10 + i, .lost = 3}, .send = {.ecn_marked = 1}};
        mailboxes[i].answers.push(answer);
      }
      std::this_thread::yield();
    }
  }

  std::array<Mailbox, 2> mailboxes;
  std::vector<Inquiry> inquiries;
  std::optional<Rehearsal> rehearsal;
  std::uint32_t silent_from;
  std::mutex mutex;
  std::array<impair::Impairment, 2> faults;
  std::atomic<int> changes{0};
  std::atomic<bool> ended{false};
  std::thread thread;
};

std::uint64_t number(const Rehearsal::Outcome& outcome, std::string_view name) {
  INFO(name << (outcome ? "" : outcome.error()));
  REQUIRE(outcome);
  REQUIRE(outcome->find(name) != nullptr);
  return std::get<std::uint64_t>(*outcome->find(name));
}

}  // namespace

TEST_CASE("rehearsal: a change reaches every worker and is told back, with the sums of what came of it") {
  const auto workers = std::make_unique<Workers>();
  const auto outcome = workers->rehearsal->change(0, "loss=5%,partition=send");
  CHECK(number(outcome, "loss_ppm") == 50'000);
  CHECK(std::get<std::string>(*outcome->find("partition")) == "send");
  CHECK(std::get<std::string>(*outcome->find("direction")) == "both");
  CHECK(number(outcome, "queue_packets") == 64);
  CHECK(number(outcome, "workers_that_differ") == 0);
  CHECK(number(outcome, "receive_offered") == 21);
  CHECK(number(outcome, "receive_lost") == 6);
  CHECK(number(outcome, "send_lost") == 0);
  CHECK(number(outcome, "send_ecn_marked") == 2);
  CHECK(workers->changes == 2);
  for (const auto& faults : workers->faults) {
    CHECK(faults.loss_ppm == 50'000);
    CHECK(faults.partition == impair::Ways::send);
  }
  // The next one builds on it, and off takes all away.
  CHECK(number(workers->rehearsal->change(0, "delay_ms=7"), "loss_ppm") == 50'000);
  CHECK(number(workers->rehearsal->report(0), "delay_ms") == 7);
  CHECK(number(workers->rehearsal->change(0, "off"), "loss_ppm") == 0);
  CHECK(workers->faults[1] == impair::Impairment{.queue_frames = 64});
}

TEST_CASE("rehearsal: what will not do changes nothing") {
  const auto workers = std::make_unique<Workers>();
  REQUIRE(workers->rehearsal->change(0, "loss=1%"));
  const auto bad = workers->rehearsal->change(0, "delay_ms=5,loss=2");
  REQUIRE_FALSE(bad);
  CHECK(bad.error() == "loss: 2 is not between 0 and 1");
  CHECK(workers->changes == 2);
  CHECK(number(workers->rehearsal->report(0), "delay_ms") == 0);
  // Nor is anything of it left for the next change.
  CHECK(number(workers->rehearsal->change(0, "jitter_ms=1"), "delay_ms") == 0);
}

TEST_CASE("rehearsal: a port without an impairment says so, and no worker is asked") {
  const auto workers = std::make_unique<Workers>();
  for (const auto& outcome : {workers->rehearsal->report(1), workers->rehearsal->change(1, "loss=1%")}) {
    REQUIRE_FALSE(outcome);
    CHECK(outcome.error().starts_with("this port has no impairment in its path: [port.impair]"));
  }
  CHECK(workers->changes == 0);
}

TEST_CASE("rehearsal: workers that differ are counted") {
  const auto workers = std::make_unique<Workers>();
  {
    const std::scoped_lock lock(workers->mutex);
    workers->faults[1].delay = Duration::ms(1);
  }
  CHECK(number(workers->rehearsal->report(0), "workers_that_differ") == 1);
}

TEST_CASE("rehearsal: a worker that is silent is told, and has the change in its mailbox") {
  const auto workers = std::make_unique<Workers>(1);
  const auto outcome = workers->rehearsal->change(0, "loss=1%");
  REQUIRE_FALSE(outcome);
  CHECK(outcome.error().starts_with("busy: worker "));
  Command waiting;
  REQUIRE(workers->mailboxes[1].commands.pop(waiting));
  CHECK(waiting.kind == Command::Kind::impair);
  CHECK(waiting.impairment.loss_ppm == 10'000);
}

}  // namespace penstock::control
