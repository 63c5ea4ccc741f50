// Shows what each table tells of a penstock that told it, and that it stays whole where things are missing.
#include "top/tables.hpp"

#include <catch2/catch.hpp>

#include "told.hpp"

using namespace penstock::top;
using namespace penstock::top::test;

namespace {

struct Two {
  explicit Two(const Wish& wish = {}) : before(Told(1).sample(wish)), now(Told(2).sample(wish)) {}
  Rates rates() const { return Rates(now, &before); }
  Sample before, now;
};

std::string cell(const Table& table, std::size_t row, std::string_view title) {
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    if (table.columns[i].title == title) return table.rows.at(row).cells.at(i).text;
  }
  return "no such column";
}

// The row whose first cell says so.
std::size_t row_of(const Table& table, std::string_view name) {
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    if (table.rows[i].cells.at(0).text == name) return i;
  }
  FAIL("no row " << name);
  return 0;
}

}  // namespace

TEST_CASE("workers") {
  const Two two;
  const Table table = worker_table(two.rates());
  REQUIRE(table.rows.size() == 2);
  CHECK(table.rows[1].id == 1);
  CHECK(cell(table, 0, "busy%") == "25.0");
  CHECK(cell(table, 0, "rx/s") == "1.00k");
  CHECK(cell(table, 1, "rx/s") == "2.00k");
  CHECK(cell(table, 0, "rxbit/s") == "1.00M");
  CHECK(cell(table, 0, "txbit/s") == "100k");
  CHECK(cell(table, 1, "sessions") == "20");
  CHECK(cell(table, 0, "drop/s") == "5.00");
  CHECK(cell(table, 0, "retr/s") == "2.00");
  CHECK(cell(table, 0, "mem%") == "25");
  CHECK(cell(table, 0, "win%") == "25");
  CHECK(cell(table, 0, "wait") == "-");  // told by newer ones only
  CHECK(table.rows[0].style == Style::normal);
  CHECK(table.rows[1].style == Style::alarm);  // overloaded
}

TEST_CASE("ports") {
  const Two two;
  const Table table = port_table(two.rates());
  REQUIRE(table.rows.size() == 1);
  CHECK(cell(table, 0, "port") == "net_null0");
  CHECK(cell(table, 0, "link") == "up");
  CHECK(cell(table, 0, "Mbit/s") == "10000");
  CHECK(cell(table, 0, "link chg") == "4");
  CHECK(cell(table, 0, "mtu") == "1400");
  CHECK(cell(table, 0, "mtu chg") == "1");
  CHECK(cell(table, 0, "missed") == "77");
  CHECK(cell(table, 0, "no buffer") == "5");
  CHECK(cell(table, 0, "driver") == "net_null");
  CHECK(table.rows[0].style == Style::alarm);  // its MTU is less than configured
}

TEST_CASE("a port is an alarm when its link is down, and dashes when it tells nothing") {
  Told told;
  const auto style_of = [&](std::string_view inner) {
    told.say("/penstock/port,0", inner);
    const Sample sample = told.sample();
    const Table table = port_table(Rates(sample, nullptr));
    return std::pair(cell(table, 0, "link"), table.rows.at(0).style);
  };
  CHECK(style_of(R"("link_up":1,"mtu":1500,"mtu_configured":1500)") == std::pair(std::string("up"), Style::normal));
  CHECK(style_of(R"("link_up":0,"mtu":1500,"mtu_configured":1500)") == std::pair(std::string("down"), Style::alarm));
  CHECK(style_of(R"("error":"busy")") == std::pair(std::string("-"), Style::alarm));
}

TEST_CASE("a worker that tells nothing is a row of dashes") {
  Told told(2);
  told.answers.erase("/penstock/worker,0");
  const Sample now = told.sample();
  const Table table = worker_table(Rates(now, nullptr));
  CHECK(cell(table, 0, "rx/s") == "-");
  CHECK(cell(table, 0, "mem%") == "-");
  CHECK(table.rows[0].style == Style::alarm);
}

TEST_CASE("a worker's counters come in penstock's order") {
  const Two two;
  Table table = worker_counters(two.rates(), 1);
  sort_rows(table, 0, false);
  CHECK(cell(table, 0, "counter") == "taken_at_us");
  CHECK(cell(table, 0, "value") == "3.00s");
  const std::size_t row = row_of(table, "rx_packets");
  CHECK(cell(table, row, "value") == "4000");
  CHECK(cell(table, row, "per s") == "2.00k");
  CHECK(worker_counters(two.rates(), 2).rows.empty());
}

TEST_CASE("listeners and why their sessions ended") {
  const Two two;
  const Table table = listener_table(two.rates());
  CHECK(cell(table, 0, "listener") == "echo");
  CHECK(cell(table, 0, "opened/s") == "4.00");
  CHECK(cell(table, 0, "closed/s") == "3.00");
  CHECK(cell(table, 1, "closed/s") == "-");
  CHECK(cell(table, 1, "refused/s") == "1.00");
  CHECK(table.rows[0].style == Style::normal);
  CHECK(table.rows[1].style == Style::alarm);
  const Table reasons = listener_counters(two.rates(), 0);
  CHECK(cell(reasons, row_of(reasons, "closed_stopped"), "per s") == "2.00");
  CHECK(listener_counters(two.rates(), 9).rows.empty());
}

TEST_CASE("sessions, with peers only where they are told") {
  const Two two({.sessions = By::rate});
  Table table = session_table(two.rates());
  REQUIRE(table.rows.size() == 3);
  CHECK(cell(table, 0, "peer") == "no such column");
  CHECK(cell(table, 0, "listener") == "echo");
  CHECK(cell(table, 0, "srtt") == "90.0ms");
  CHECK(cell(table, 2, "session") == "72057598332895232");
  CHECK(cell(table, 2, "worker") == "1");
  sort_rows(table, session_column(By::rate), false);
  CHECK(cell(table, 0, "seg/s") == "500");
  sort_rows(table, session_column(By::rtt), false);
  CHECK(cell(table, 0, "srtt") == "90.0ms");
  sort_rows(table, session_column(By::retransmission), false);
  CHECK(cell(table, 0, "retr/s") == "3.00");
  const Two told({.sessions = By::rate, .addresses = true});
  CHECK(cell(session_table(told.rates()), 2, "peer") == "[fd00::9]:3");
}

TEST_CASE("why there are no sessions") {
  CHECK(survey_text({.ready = true}) == "no sessions");
  CHECK(survey_text({.ready = false}).find("a moment") != std::string_view::npos);
  CHECK(survey_text({.busy = true}).find("in time") != std::string_view::npos);
  Told told;
  told.answers.erase("/penstock/top,0,rate");
  const Sample now = told.sample({.sessions = By::rate});
  CHECK(survey_text(now.survey).find("too old") != std::string_view::npos);
}

TEST_CASE("one session, its counts with rates") {
  const Two two({.session = 4'294'967'296});
  const Table table = session_fields(two.rates());
  CHECK(cell(table, row_of(table, "id"), "value") == "4294967296");
  CHECK(cell(table, row_of(table, "segments_sent"), "per s") == "50.0");
  CHECK(cell(table, row_of(table, "srtt_us"), "value") == "90.0ms");
  CHECK(cell(table, row_of(table, "cwnd"), "value") == "none");
  CHECK(cell(table, row_of(table, "srtt_us"), "per s").empty());
  CHECK(session_fields(Two().rates()).rows.empty());
  const Two told({.session = 4'294'967'296, .addresses = true});
  CHECK(cell(session_fields(told.rates()), 0, "counter") == "remote");
}

TEST_CASE("drops, those that never happened only when asked for") {
  const Two two;
  const Table table = drop_table(two.rates(), false);
  REQUIRE(table.rows.size() == 2);
  CHECK(cell(table, 0, "reason") == "udp_bad_checksum");
  CHECK(cell(table, 0, "per s") == "10.0");
  CHECK(cell(table, 0, "share%") == "87.0");
  CHECK(table.rows[0].style == Style::alarm);
  CHECK(table.rows[1].style == Style::normal);
  CHECK(drop_table(two.rates(), true).rows.size() == 3);
}

TEST_CASE("histograms since the start and since the sample before") {
  const Two two({.histograms = 0});
  const Table table = histogram_table(two.rates(), true);
  REQUIRE(table.rows.size() == 3);
  CHECK(cell(table, 0, "count") == "14");
  CHECK(cell(table, 0, "p50") == "7us");
  CHECK(cell(table, 0, "p99") == "900us");  // a bucket may reach beyond the largest value
  CHECK(cell(table, 0, "max") == "900us");
  CHECK(cell(table, 1, "max") == "900");
  CHECK(cell(histogram_table(two.rates(), false), 0, "count") == "2");
}
