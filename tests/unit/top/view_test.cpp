// Shows what each key does to the view, and that no order of keys leads anywhere else. How: keys by hand, then by chance.
#include "top/view.hpp"

#include <catch2/catch.hpp>
#include <random>

using namespace penstock::top;

namespace {

Key letter(char c) { return {Key::Kind::character, c}; }
const Shown ten{.rows = 10, .rows_on_screen = 4, .columns = 5, .id = 3, .workers = 2};

}  // namespace

TEST_CASE("numbers and Tab go from page to page") {
  View view;
  CHECK(view.page == Page::workers);
  for (char c = '1'; c <= '6'; ++c) {
    CHECK(view.on_key(letter(c), ten) == Effect::none);
    CHECK(static_cast<int>(view.page) == c - '1');
  }
  view.on_key(letter('\t'), ten);
  CHECK(view.page == Page::workers);
  view.on_key(letter('7'), ten);
  CHECK(view.page == Page::workers);
}

TEST_CASE("the selection moves within the list") {
  View view;
  const auto after = [&](Key::Kind kind) {
    view.on_key({kind}, ten);
    return view.place().selected;
  };
  CHECK(after(Key::Kind::up) == 0);
  CHECK(after(Key::Kind::down) == 1);
  CHECK(after(Key::Kind::page_down) == 5);
  CHECK(after(Key::Kind::page_down) == 9);
  CHECK(after(Key::Kind::down) == 9);
  CHECK(after(Key::Kind::page_up) == 5);
  CHECK(after(Key::Kind::home) == 0);
  CHECK(after(Key::Kind::end) == 9);
  view.on_key(letter('k'), ten);
  CHECK(view.place().selected == 8);
  view.on_key(letter('j'), ten);
  CHECK(view.place().selected == 9);
  view.on_key({Key::Kind::down}, {});
  CHECK(view.place().selected == 0);
}

TEST_CASE("Enter looks into what is selected, Escape comes back") {
  View view;
  view.on_key({Key::Kind::down}, ten);
  view.on_key({Key::Kind::enter}, ten);
  CHECK(view.detail == 3);
  CHECK(view.wish().histograms == 3);
  CHECK(view.place().selected == 0);
  view.on_key({Key::Kind::enter}, ten);
  CHECK(view.detail == 3);
  view.on_key({Key::Kind::back}, ten);
  CHECK_FALSE(view.detail);
  CHECK(view.place().selected == 1);
  // Nothing is selected in an empty list, and drops have nothing within.
  view.on_key({Key::Kind::enter}, {});
  CHECK_FALSE(view.detail);
  view.on_key(letter('4'), ten);
  view.on_key({Key::Kind::enter}, ten);
  CHECK_FALSE(view.detail);
}

TEST_CASE("each page asks for what it shows") {
  View view;
  CHECK(view.wish() == Wish{});
  view.on_key(letter('3'), ten);
  CHECK(view.wish() == Wish{.sessions = By::rate});
  view.on_key(letter('s'), ten);
  CHECK(view.wish() == Wish{.sessions = By::rtt});
  view.on_key(letter('s'), ten);
  CHECK(view.wish() == Wish{.sessions = By::retransmission});
  view.on_key(letter('a'), ten);
  CHECK(view.wish() == Wish{.sessions = By::retransmission, .addresses = true});
  view.on_key({Key::Kind::enter}, ten);
  CHECK(view.wish() == Wish{.session = 3, .addresses = true});
  view.on_key(letter('5'), ten);
  CHECK(view.wish() == Wish{.histograms = 0, .addresses = true});
}

TEST_CASE("left and right change the worker, round and round") {
  View view;
  view.on_key(letter('5'), ten);
  view.on_key({Key::Kind::right}, ten);
  CHECK(view.worker == 1);
  view.on_key({Key::Kind::right}, ten);
  CHECK(view.worker == 0);
  view.on_key({Key::Kind::left}, ten);
  CHECK(view.worker == 1);
  view.on_key(letter('1'), ten);
  view.detail = 1;
  view.on_key({Key::Kind::right}, ten);
  CHECK(view.detail == 0);
  view.detail.reset();
  view.on_key({Key::Kind::right}, ten);
  CHECK_FALSE(view.detail);
}

TEST_CASE("ordering, pauses, help and leaving") {
  View view;
  view.on_key(letter('s'), ten);
  CHECK(view.place().sorted == 1);
  for (int i = 0; i < 4; ++i) view.on_key(letter('s'), ten);
  CHECK(view.place().sorted == 0);
  view.on_key(letter('r'), ten);
  CHECK(view.place().reversed);
  view.on_key(letter('p'), ten);
  CHECK(view.paused);
  view.on_key(letter(' '), ten);
  CHECK_FALSE(view.paused);
  view.on_key(letter('d'), ten);
  CHECK_FALSE(view.since_start);
  view.on_key(letter('u'), ten);
  CHECK(view.unused);
  view.on_key(letter('?'), ten);
  CHECK(view.help);
  view.on_key({Key::Kind::down}, ten);
  CHECK(view.help_first == 1);
  view.on_key({Key::Kind::back}, ten);
  CHECK_FALSE(view.help);
  CHECK(view.on_key(letter('n'), ten) == Effect::next_instance);
  CHECK(view.on_key(letter('N'), ten) == Effect::previous_instance);
  CHECK(view.on_key(letter('q'), ten) == Effect::quit);
  view.on_key(letter('6'), ten);
  CHECK(view.on_key({Key::Kind::enter}, ten) == Effect::go_to_instance);
}

TEST_CASE("pauses between samples go up and down in steps, within their bounds") {
  View view;
  view.on_key(letter('+'), ten);
  CHECK(view.interval == View::Interval(2000));
  for (int i = 0; i < 20; ++i) view.on_key(letter('+'), ten);
  CHECK(view.interval == View::interval_max);
  for (int i = 0; i < 20; ++i) view.on_key(letter('-'), ten);
  CHECK(view.interval == View::interval_min);
  view.interval = View::Interval(1500);
  view.on_key(letter('+'), ten);
  CHECK(view.interval == View::Interval(2000));
}

TEST_CASE("no order of keys leads out of bounds") {
  std::mt19937 random(1);
  for (int run = 0; run < 50; ++run) {
    View view;
    for (int i = 0; i < 300; ++i) {
      const Key key{static_cast<Key::Kind>(random() % 13), static_cast<char>(random() % 128)};
      const Shown shown{.rows = random() % 4,
                        .rows_on_screen = random() % 3,
                        .columns = random() % 3,
                        .id = random() % 2 == 0 ? std::optional<std::uint64_t>(random()) : std::nullopt,
                        .workers = random() % 70};
      view.on_key(key, shown);
      REQUIRE(static_cast<std::size_t>(view.page) < page_count);
      REQUIRE(static_cast<std::size_t>(view.by) < std::size(by_names));
      REQUIRE(view.interval >= View::interval_min);
      REQUIRE(view.interval <= View::interval_max);
      view.wish();
    }
  }
}
