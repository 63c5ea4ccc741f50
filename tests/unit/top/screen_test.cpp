// Shows what stands on the screens, and that they fit terminals of any size. How: each page of a penstock that told samples,
// in every state, for sizes from 1×1 to 200×60.
#include "top/screen.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

#include "told.hpp"
#include "top/help_page.hpp"

using namespace penstock::top;
using namespace penstock::top::test;

namespace {

const std::vector<Instance> two_instances = {{"edge1", "/run/edge1"}, {"edge2", "/run/edge2"}};

struct Looking {
  explicit Looking(Page page = Page::workers) {
    view.page = page;
    Wish wish = view.wish();
    wish.session = 4'294'967'296;
    before = Told(1).sample(wish);
    now = Told(2).sample(wish);
  }
  Frame frame(std::size_t columns = 80, std::size_t rows = 24) {
    return compose(view, {.now = &now, .before = &before, .note = note, .instances = two_instances}, columns, rows);
  }
  std::string text(std::size_t columns = 80, std::size_t rows = 24) {
    std::string all;
    for (const Line& line : frame(columns, rows).lines) all += line.text + "\n";
    return all;
  }
  View view;
  Sample before, now;
  std::string note;
};

bool holds(const std::string& text, std::string_view part) {
  INFO(text);
  CHECK(text.find(part) != std::string::npos);
  return true;
}

}  // namespace

TEST_CASE("the title names what is looked at, the pages stand below it") {
  Looking looking;
  const std::string text = looking.text();
  holds(text, "penstock-top edge1 (1/2)");
  holds(text, "every 1s  sessions 30/2048");
  holds(text, "[1 Workers] 2 Listeners  3 Sessions  4 Drops  5 Histograms  6 Instances  ?:help");
  holds(text, "rx 3.00k/s 2.00Mbit/s");
  CHECK(text.find("PAUSED") == std::string::npos);
  looking.view.paused = true;
  holds(looking.text(), "PAUSED");
}

TEST_CASE("each page") {
  holds(Looking(Page::workers).text(), "25.0");
  holds(Looking(Page::listeners).text(), "bulk");
  holds(Looking(Page::sessions).text(), "4294967297");
  holds(Looking(Page::sessions).text(), "21 sessions looked at within 20.0ms, 101us ago");
  holds(Looking(Page::drops).text(), "udp_bad_checksum");
  holds(Looking(Page::histograms).text(), "<=  1.02ms");
  holds(Looking(Page::instances).text(), "/run/edge2");
}

TEST_CASE("what is within a worker, a listener, a session") {
  Looking worker;
  worker.view.detail = 1;
  worker.now = Told(2).sample(worker.view.wish());
  holds(worker.text(), "Worker 1");
  holds(worker.text(), "rtt_us");
  holds(worker.text(), "cycles_busy");
  Looking listener(Page::listeners);
  listener.view.detail = 0;
  holds(listener.text(), "closed_idle");
  Looking session(Page::sessions);
  session.view.detail = 4'294'967'296;
  holds(session.text(), "segments_sent");
}

TEST_CASE("sessions are ordered by what was chosen, and the column is marked") {
  Looking looking(Page::sessions);
  CHECK(looking.frame().shown.id == 4'294'967'297);
  holds(looking.text(), "*seg/s");
  looking.view.by = By::rtt;
  CHECK(looking.frame().shown.id == 4'294'967'296);
  holds(looking.text(), "*srtt");
}

TEST_CASE("a fault stands above what was known before, in full") {
  Looking looking;
  looking.note =
      "penstock has ended and this sentence is longer than one line of a terminal that is forty characters wide";
  const std::string narrow = looking.text(40, 24);
  holds(narrow, "penstock has ended and this sentence is");
  holds(narrow, "forty characters wide");
  holds(looking.text(), "25.0");
}

TEST_CASE("before the first sample there is a title and what is wrong") {
  View view;
  const Frame frame = compose(view, {.note = "nobody there", .instances = two_instances}, 80, 24);
  REQUIRE(frame.lines.size() == 3);
  CHECK(frame.lines[2].text == "nobody there");
  CHECK_FALSE(frame.shown.id);
}

TEST_CASE("the selected row stays on the screen") {
  Looking looking;
  looking.view.detail = 0;
  looking.now = Told(2).sample(looking.view.wish());
  for (const std::size_t rows : {24u, 12u, 9u, 7u, 5u}) {
    for (std::size_t selected = 0; selected < 40; ++selected) {
      looking.view.place().selected = selected;
      const Frame frame = looking.frame(80, rows);
      CHECK(std::ranges::count(frame.lines, Style::selected, &Line::style) == 1);
      CHECK(looking.view.place().selected < frame.shown.rows);
    }
  }
}

TEST_CASE("the help is as long as it is, and can be scrolled to its end") {
  Looking looking;
  looking.view.help = true;
  holds(looking.text(), "Keys");
  looking.view.help_first = 1000;
  holds(looking.text(), "docs/telemetry.md");
  for (const std::string_view line : help_lines) CHECK(line.size() <= 79);
}

TEST_CASE("every page fits every terminal") {
  for (std::size_t page = 0; page < page_count; ++page) {
    for (const int state : {0, 1, 2, 3, 4}) {
      Looking looking(static_cast<Page>(page));
      if (state == 1) looking.view.detail = 1;
      looking.view.help = state == 2;
      if (state == 3) looking.note = "something is wrong, and it takes some words to say what";
      if (state == 4) looking.view.place().selected = looking.view.place().first = looking.view.place().sorted = 99;
      for (const std::size_t columns : {1u, 2u, 7u, 20u, 39u, 40u, 79u, 80u, 132u, 200u}) {
        for (std::size_t rows = 1; rows <= 60; rows += rows < 26 ? 1 : 17) {
          const Frame frame = looking.frame(columns, rows);
          REQUIRE(frame.lines.size() <= rows);
          for (const Line& line : frame.lines) REQUIRE(line.text.size() <= columns);
        }
      }
    }
  }
}
