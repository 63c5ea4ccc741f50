// Shows that no reply whatsoever brings penstock-top down or onto a terminal as anything but plain text. How: replies of a
// penstock, thousands of times changed by chance (bytes, cuts, values, structure), go the whole way to screens, texts and
// JSON; what comes out is checked. A failing seed is told by Catch2's INFO.
#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <random>

#include "told.hpp"
#include "top/batch.hpp"
#include "top/screen.hpp"

using namespace penstock::top;
using namespace penstock::top::test;

namespace {

using Random = std::mt19937;

constexpr std::array<std::string_view, 22> odd_values = {"0",
                                                         "1",
                                                         "18446744073709551615",
                                                         "18446744073709551616",
                                                         "-1",
                                                         "1e308",
                                                         "1e999",
                                                         "null",
                                                         "true",
                                                         "{}",
                                                         "[]",
                                                         "[[[[]]]]",
                                                         "\"\"",
                                                         "\"\\u001b[2J\"",
                                                         "\"\\ud800\"",
                                                         "\"\xff\"",
                                                         "[1,\"a\"]",
                                                         "{\"a\":{\"b\":[{}]}}",
                                                         "[18446744073709551615,18446744073709551615]",
                                                         "9007199254740993",
                                                         "0.1",
                                                         "\"18446744073709551615\""};

std::size_t below(Random& random, std::size_t end) { return end == 0 ? 0 : random() % end; }

void change_value(std::string& text, Random& random) {
  const std::size_t colon = text.find(':', below(random, text.size()));
  if (colon == std::string::npos) return;
  const std::size_t end = std::min(text.find_first_of(",}]", colon), text.size());
  text.replace(colon + 1, end - colon - 1, odd_values[below(random, odd_values.size())]);
}

void change(std::string& text, Random& random) {
  switch (random() % 6) {
    case 0:
      if (!text.empty()) text[below(random, text.size())] = static_cast<char>(random());
      break;
    case 1: text.resize(below(random, text.size() + 1)); break;
    case 2: text.insert(below(random, text.size() + 1), 1 + random() % 3, static_cast<char>(random())); break;
    case 3: text.insert(below(random, text.size() + 1), text.substr(below(random, text.size()), random() % 40)); break;
    default: change_value(text, random);
  }
}

void check_frame(const Frame& frame, std::size_t columns, std::size_t rows) {
  REQUIRE(frame.lines.size() <= rows);
  for (const Line& line : frame.lines) {
    REQUIRE(line.text.size() <= columns);
    REQUIRE(std::ranges::all_of(line.text, [](char c) { return c >= 0x20 && c <= 0x7e; }));
  }
}

void look_at(const Sample& now, const Sample* before, Random& random) {
  const std::vector<Instance> instances = {{"edge\x1b", "/run/edge1"}};
  for (std::size_t page = 0; page < page_count; ++page) {
    View view;
    view.page = static_cast<Page>(page);
    if (random() % 3 == 0) view.detail = random() % 3;
    view.since_start = random() % 2 == 0;
    view.unused = random() % 2 == 0;
    view.place() = {
        .selected = random() % 9, .first = random() % 9, .sorted = random() % 20, .reversed = random() % 2 == 0};
    const std::size_t columns = 1 + random() % 140, rows = 1 + random() % 50;
    const Scene scene{.now = &now, .before = before, .note = "", .instances = instances};
    check_frame(compose(view, scene, columns, rows), columns, rows);
  }
  const Rates rates(now, before);
  CHECK_FALSE(text_of(instances[0], rates, By::rtt).empty());
  CHECK(json_of(instances[0], rates, By::rtt).ends_with("}\n"));
}

}  // namespace

TEST_CASE("strange replies") {
  const Wish wish{.sessions = By::rate, .session = 4'294'967'296, .all_histograms = true, .addresses = true};
  const Sample good = Told(1).sample(wish);
  std::size_t taken = 0, refused = 0;
  for (unsigned seed = 1; seed <= 3000; ++seed) {
    INFO("seed " << seed);
    Random random(seed);
    Told told(2);
    for (auto& [command, answer] : told.answers) {
      for (auto changes = random() % 3; changes > 0; --changes) change(answer, random);
    }
    const auto sample = collect(told.ask(), wish);
    if (!sample) {
      ++refused;
      CHECK_FALSE(sample.error().sentence.empty());
      CHECK(printable(sample.error().sentence) == sample.error().sentence.substr(0, Reply::text_bytes_max));
      continue;
    }
    ++taken;
    look_at(*sample, random() % 4 == 0 ? nullptr : &good, random);
    look_at(good, &*sample, random);
  }
  // Both ways were gone often.
  CHECK(taken > 300);
  CHECK(refused > 300);
}
