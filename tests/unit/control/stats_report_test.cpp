// Shows that every counter reaches the report under its name, that workers are added up where they should be, that a worker's
// books balance as told, and that the largest replies stay within the limits of DPDK's telemetry.
#include "control/stats_report.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <fstream>
#include <iterator>
#include <limits>
#include <set>

namespace penstock::control {

namespace {

std::uint64_t number(const Reply& reply, std::string_view name) {
  INFO(name);
  const Reply::Value* value = reply.find(name);
  REQUIRE(value != nullptr);
  return std::get<std::uint64_t>(*value);
}

std::vector<std::uint64_t> numbers(const Reply& reply, std::string_view name) {
  const Reply::Value* value = reply.find(name);
  REQUIRE(value != nullptr);
  return std::get<std::vector<std::uint64_t>>(*value);
}

// A snapshot whose every word is another, so that a counter under a wrong name shows.
StatsSnapshot numbered() {
  StatsSnapshot snapshot;
  std::uint64_t next = 1;
  const auto fill = [&](auto& part) {
    auto* words = reinterpret_cast<std::uint64_t*>(&part);
    for (std::size_t i = 0; i < sizeof(part) / sizeof(std::uint64_t); ++i) words[i] = next++;
  };
  fill(snapshot.worker);
  fill(snapshot.machine);
  fill(snapshot.levels);
  fill(snapshot.drops);
  fill(snapshot.listeners);
  snapshot.sequence = next++;
  return snapshot;
}

constexpr std::uint64_t huge = std::numeric_limits<std::uint64_t>::max();

}  // namespace

TEST_CASE("a worker's report tells every counter once, under its own name") {
  const StatsSnapshot s = numbered();
  const Reply reply = report_worker(s);
  CHECK(number(reply, "snapshot") == s.sequence);
  CHECK(number(reply, "turns") == s.worker.turns);
  CHECK(number(reply, "rx_packets") == s.worker.rx_packets);
  CHECK(number(reply, "tx_bytes") == s.worker.tx_bytes);
  CHECK(number(reply, "delivered") == s.worker.delivered);
  CHECK(number(reply, "handed_out") == s.worker.handed_out);
  CHECK(number(reply, "handed_in") == s.worker.handed_in);
  CHECK(number(reply, "held") == s.worker.held_now);
  CHECK(number(reply, "sessions") == s.worker.sessions_now);
  CHECK(number(reply, "half_open") == s.worker.half_open_now);
  CHECK(number(reply, "half_open_stateless") == s.worker.half_open_stateless);
  CHECK(number(reply, "challenges_proven") == s.worker.challenges_proven);
  CHECK(number(reply, "mails") == s.worker.mails);
  CHECK(number(reply, "mismatches") == s.worker.mismatches);
  CHECK(number(reply, "segments_sent") == s.machine.segments_sent);
  CHECK(number(reply, "bytes_sent") == s.machine.bytes_sent);
  CHECK(number(reply, "retransmissions") == s.machine.retransmitted_timeout + s.machine.retransmitted_fast);
  CHECK(number(reply, "blocks_free") == s.levels.blocks_free);
  CHECK(number(reply, "small_blocks_512_free") == s.levels.small_blocks_free[1]);
  CHECK(number(reply, "small_blocks_2176_total") == s.levels.small_blocks_total[2]);
  CHECK(number(reply, "neighbor_frames_waiting") == s.levels.neighbor_frames_waiting);
  std::set<std::uint64_t> seen;
  const std::size_t words = (sizeof(s.worker) + sizeof(s.machine) + sizeof(s.levels)) / sizeof(std::uint64_t);
  for (const Reply::Entry& entry : reply.entries()) {
    const std::uint64_t value = std::get<std::uint64_t>(entry.value);
    if (value >= 1 && value <= words) seen.insert(value);
  }
  CHECK(seen.size() == words);
}

TEST_CASE("workers stand side by side, the n-th element of each column is worker n's") {
  std::vector<StatsSnapshot> three(3);
  for (std::uint64_t i = 0; i < 3; ++i) {
    three[i].worker.busy_percent_now = 10 + i;
    three[i].worker.rx_packets_per_s_now = 20 + i;
    three[i].worker.tx_packets_per_s_now = 30 + i;
    three[i].worker.sessions_now = 40 + i;
    three[i].worker.steered_wrong = 50 + i;
    three[i].worker.sleeps = 60 + i;
  }
  const Reply reply = report_workers(three);
  CHECK(number(reply, "workers") == 3);
  CHECK(numbers(reply, "busy_percent") == std::vector<std::uint64_t>{10, 11, 12});
  CHECK(numbers(reply, "rx_packets_per_s") == std::vector<std::uint64_t>{20, 21, 22});
  CHECK(numbers(reply, "tx_packets_per_s") == std::vector<std::uint64_t>{30, 31, 32});
  CHECK(numbers(reply, "sessions") == std::vector<std::uint64_t>{40, 41, 42});
  CHECK(numbers(reply, "steered_wrong") == std::vector<std::uint64_t>{50, 51, 52});
  CHECK(numbers(reply, "sleeps") == std::vector<std::uint64_t>{60, 61, 62});
}

TEST_CASE("how far the workers' loads are apart is one figure, whichever worker carries most") {
  const auto spread_of = [](std::initializer_list<std::uint64_t> busy_percent) {
    std::vector<StatsSnapshot> workers;
    for (const std::uint64_t percent : busy_percent) workers.emplace_back().worker.busy_percent_now = percent;
    return number(report_workers(workers), "busy_percent_spread");
  };
  CHECK(spread_of({}) == 0);
  CHECK(spread_of({70}) == 0);
  CHECK(spread_of({80, 80}) == 0);
  CHECK(spread_of({90, 10}) == 80);
  CHECK(spread_of({10, 90}) == 80);
  CHECK(spread_of({40, 95, 3, 50}) == 92);
}

TEST_CASE("a worker's memory is told by holder, rings together, and without addresses") {
  alignas(64) static std::array<std::byte, 256> bytes;
  MemoryMap map;
  map.add("buffers", std::span(bytes).first(64));
  map.add("hand-off ring to worker 1", std::span(bytes).subspan(64, 64), true);
  map.add("hand-off ring from worker 1", std::span(bytes).subspan(128, 32), true);
  map.add("buffers", std::span(bytes).subspan(192, 10));
  const Reply reply = report_memory(map);
  CHECK(std::get<std::vector<std::string>>(*reply.find("holder")) ==
        std::vector<std::string>{"buffers", "hand-off rings"});
  CHECK(numbers(reply, "bytes") == std::vector<std::uint64_t>{74, 96});
  CHECK(numbers(reply, "exchanged") == std::vector<std::uint64_t>{0, 1});
  CHECK(reply.entries().size() == 3);
}

TEST_CASE("received and transmit drops are summed apart, so the books can be checked") {
  StatsSnapshot s;
  s.worker.rx_packets = 100;
  s.worker.delivered = 90;
  s.worker.held_now = 3;
  s.drops[static_cast<std::size_t>(net::DropReason::udp_bad_checksum)] = 5;
  s.drops[static_cast<std::size_t>(net::DropReason::kcp_wrong_conv)] = 2;
  s.drops[static_cast<std::size_t>(net::DropReason::tx_ring_full)] = 11;
  const Reply reply = report_worker(s);
  CHECK(number(reply, "dropped") == 7);
  CHECK(number(reply, "dropped_tx") == 11);
  CHECK(number(reply, "rx_packets") == number(reply, "delivered") + number(reply, "held") + number(reply, "dropped"));
}

TEST_CASE("drops and listeners are added up over the workers") {
  const std::vector<StatsSnapshot> two(2, numbered());
  const Reply drops = report_drops(two);
  REQUIRE(drops.entries().size() == net::drop_reason_count);
  for (std::size_t i = 0; i < net::drop_reason_count; ++i)
    CHECK(number(drops, net::drop_reason_names[i]) == 2 * two[0].drops[i]);
  const Reply listener = report_listener("echo", 3, two);
  const ListenerStats& part = two[0].listeners[3];
  CHECK(std::get<std::string>(*listener.find("name")) == "echo");
  CHECK(number(listener, "opened") == 2 * part.opened);
  CHECK(number(listener, "refused") == 2 * part.refused);
  CHECK(number(listener, "sessions") == 2 * part.sessions_now);
  CHECK(number(listener, "half_open") == 2 * part.half_open_now);
  CHECK(number(listener, "stateless") == 2 * part.stateless_now);
  for (std::size_t i = 0; i < close_reason_count; ++i)
    CHECK(number(listener, "closed_" + std::string(close_reason_names[i])) == 2 * part.closed[i]);
}

TEST_CASE("a histogram tells percentiles and the buckets in use") {
  Histogram histogram;
  for (int i = 0; i < 99; ++i) histogram.record(10);
  histogram.record(1'000);
  const Reply reply = report_histogram(histogram);
  CHECK(number(reply, "count") == 100);
  CHECK(number(reply, "sum") == 1'990);
  CHECK(number(reply, "max") == 1'000);
  CHECK(number(reply, "p50") == 10);
  CHECK(number(reply, "p999") == 1'000);
  CHECK(numbers(reply, "counts") == std::vector<std::uint64_t>{99, 1});
  CHECK(numbers(reply, "upper").at(0) == 10);
  CHECK(numbers(report_histogram(Histogram{}), "upper").empty());
}

TEST_CASE("a histogram that uses every bucket is folded and loses no count") {
  Histogram histogram;
  for (std::uint32_t i = 0; i < Histogram::bucket_count; ++i) histogram.record(Histogram::upper_end(i));
  const Reply reply = report_histogram(histogram);
  const auto counts = numbers(reply, "counts");
  const auto upper = numbers(reply, "upper");
  CHECK(counts.size() <= 256);
  CHECK(counts.size() == upper.size());
  std::uint64_t sum = 0;
  for (const std::uint64_t count : counts) sum += count;
  CHECK(sum == Histogram::bucket_count);
  CHECK(std::ranges::is_sorted(upper));
}

TEST_CASE("sessions are told as columns, their addresses only when asked for") {
  Answer answer;
  answer.count = 2;
  answer.more = 1;
  answer.next_cursor = 77;
  answer.sessions[1].conv = 9;
  answer.sessions[1].age_us = -5;
  answer.sessions[1].remote = {net::IpAddress::v4(10, 0, 0, 1), 4'000};
  const Reply hidden = report_sessions(answer, Addresses::hidden);
  CHECK(number(hidden, "count") == 2);
  CHECK(number(hidden, "more") == 1);
  CHECK(number(hidden, "next_cursor") == 77);
  CHECK(numbers(hidden, "conv") == std::vector<std::uint64_t>{0, 9});
  CHECK(numbers(hidden, "age_us") == std::vector<std::uint64_t>{0, 0});
  CHECK(hidden.find("remote") == nullptr);
  const Reply shown = report_sessions(answer, Addresses::shown);
  CHECK(std::get<std::vector<std::string>>(*shown.find("remote")).at(1) == "10.0.0.1:4000");
  CHECK(report_session(answer.sessions[1], Addresses::hidden).find("remote") == nullptr);
  const Reply one = report_session(answer.sessions[1], Addresses::shown);
  CHECK(std::get<std::string>(*one.find("remote")) == "10.0.0.1:4000");
  CHECK(number(one, "conv") == 9);
}

TEST_CASE("sessions at the top are told with their rates and how they were found") {
  Answer answer;
  answer.count = 2;
  answer.survey = {.ready = 1, .looked_at = 900, .took_us = 1'020'000, .ended_us = -1};
  answer.sessions[0].segments_per_s = 70;
  answer.sessions[1].retransmitted_per_s = 3;
  answer.sessions[1].id = 12;
  const Reply reply = report_top(answer, Addresses::hidden);
  CHECK(number(reply, "ready") == 1);
  CHECK(number(reply, "looked_at") == 900);
  CHECK(number(reply, "took_us") == 1'020'000);
  CHECK(number(reply, "ended_us") == 0);
  CHECK(number(reply, "count") == 2);
  CHECK(numbers(reply, "id") == std::vector<std::uint64_t>{0, 12});
  CHECK(numbers(reply, "segments_per_s") == std::vector<std::uint64_t>{70, 0});
  CHECK(numbers(reply, "retransmitted_per_s") == std::vector<std::uint64_t>{0, 3});
  CHECK(reply.find("remote") == nullptr);
  CHECK(report_top(answer, Addresses::shown).find("remote") != nullptr);
  CHECK(number(report_top(Answer{}, Addresses::hidden), "ready") == 0);
}

TEST_CASE("the largest replies stay within the socket's limits") {
  // Reply asserts the limits; what is here makes each report as large as it can be.
  StatsSnapshot s;
  const auto fill = [](auto& part) {
    auto* words = reinterpret_cast<std::uint64_t*>(&part);
    for (std::size_t i = 0; i < sizeof(part) / sizeof(std::uint64_t); ++i) words[i] = huge;
  };
  fill(s.worker);
  fill(s.machine);
  fill(s.levels);
  fill(s.drops);
  fill(s.listeners);
  const std::vector<StatsSnapshot> one(1, s);
  CHECK(report_worker(s).entries().size() > 50);
  CHECK(report_workers(std::vector(workers_max, s)).json_bytes() < Reply::json_bytes_max);
  CHECK(report_drops(one).entries().size() == net::drop_reason_count);
  CHECK(report_listener(std::string(32, 'n'), 63, one).entries().size() == 6 + close_reason_count);

  SessionReport session;
  session.remote = session.local = {*net::parse_ip("2001:db8:1111:2222:3333:4444:5555:6666"), 65'535};
  session.id = huge;
  session.conv = session.srtt_us = session.in_flight = session.retransmitted = 0xffff'ffff;
  session.segments_sent = session.segments_received = session.segments_per_s = session.retransmitted_per_s =
      0xffff'ffff;
  session.age_us = session.silent_us = std::numeric_limits<std::int64_t>::max();
  Answer page;
  page.count = Answer::sessions_per_page;
  page.sessions.fill(session);
  CHECK(report_sessions(page, Addresses::shown).json_bytes() < Reply::json_bytes_max);
  page.survey = {.ready = huge, .looked_at = huge, .took_us = session.age_us, .ended_us = session.age_us};
  CHECK(report_top(page, Addresses::shown).json_bytes() < Reply::json_bytes_max);
  CHECK(report_session(session, Addresses::shown).json_bytes() < Reply::json_bytes_max);

  NodeInfo info;
  info.config_file = std::string(4'096, 'c');
  info.ports.assign(16, PortView{.name = std::string(63, 'p'), .driver = "", .health = {}});
  info.addresses.assign(5'000, "2001:db8:1111:2222:3333:4444:5555:6666/128");
  info.listeners.assign(listeners_max, std::string(32, 'l'));
  const Reply reply = report_info(info, 0);
  CHECK(number(reply, "addresses_count") == 5'000);
  CHECK(std::get<std::vector<std::string>>(*reply.find("addresses")).size() == 16);
  CHECK(std::get<std::vector<std::string>>(*reply.find("listeners")).size() == listeners_max);
}

PortView a_port(int numa_node = 1) {
  PortHealth health;
  health.link_up = true;
  health.link_mbps = 10'000;
  health.link_changes = 3;
  health.mtu = 1400;
  health.mtu_changes = 2;
  health.rx_missed = 5;
  health.rx_errors = 6;
  health.rx_no_block = 7;
  health.tx_errors = 8;
  return {.name = "0000:3b:00.0",
          .driver = "net_ixgbe",
          .numa_node = numa_node,
          .queues = 4,
          .mtu = 1500,
          .rss = true,
          .health = [health] { return health; }};
}

TEST_CASE("a port is told with its health") {
  const Reply reply = report_port(a_port());
  CHECK(std::get<std::string>(*reply.find("name")) == "0000:3b:00.0");
  CHECK(std::get<std::string>(*reply.find("driver")) == "net_ixgbe");
  CHECK(number(reply, "numa_node") == 1);
  CHECK(number(reply, "queues") == 4);
  CHECK(number(reply, "rss") == 1);
  CHECK(number(reply, "link_up") == 1);
  CHECK(number(reply, "link_mbps") == 10'000);
  CHECK(number(reply, "link_changes") == 3);
  CHECK(number(reply, "mtu") == 1400);
  CHECK(number(reply, "mtu_configured") == 1500);
  CHECK(number(reply, "mtu_changes") == 2);
  CHECK(number(reply, "rx_missed") == 5);
  CHECK(number(reply, "rx_errors") == 6);
  CHECK(number(reply, "rx_no_block") == 7);
  CHECK(number(reply, "tx_errors") == 8);
  CHECK(report_port(a_port(-1)).find("numa_node") == nullptr);
}

TEST_CASE("the documentation tells every name") {
  std::ifstream file(PENSTOCK_SOURCE_DIR "/docs/telemetry.md");
  REQUIRE(file);
  const std::string document{std::istreambuf_iterator<char>(file), {}};
  const StatsSnapshot s;
  const std::vector<StatsSnapshot> one(1);
  for (const Reply& reply :
       {report_info(NodeInfo{}, 0), report_port(a_port()), report_worker(s), report_workers(one), report_memory({}),
        report_listener("", 0, one), report_histogram(Histogram{}), report_sessions(Answer{}, Addresses::shown),
        report_session(SessionReport{}, Addresses::shown)}) {
    for (const Reply::Entry& entry : reply.entries()) {
      INFO(entry.name);
      CHECK(document.find(std::string("`").append(entry.name).append("`")) != std::string::npos);
    }
  }
}

}  // namespace penstock::control
