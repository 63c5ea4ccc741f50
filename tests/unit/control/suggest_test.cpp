// Shows which known word is offered for a mistyped one: the nearest, within a third of its letters, and else none.
#include "control/suggest.hpp"

#include <catch2/catch.hpp>
#include <vector>

namespace penstock::control {

TEST_CASE("the edit distance counts insertions, deletions, replacements and swaps") {
  CHECK(edit_distance("", "") == 0);
  CHECK(edit_distance("", "abc") == 3);
  CHECK(edit_distance("abc", "") == 3);
  CHECK(edit_distance("snd_wnd", "snd_wnd") == 0);
  CHECK(edit_distance("snd_wnd", "sndwnd") == 1);
  CHECK(edit_distance("port", "prot") == 1);
  CHECK(edit_distance("port", "part") == 1);
  CHECK(edit_distance("kitten", "sitting") == 3);
  CHECK(edit_distance("ca", "abc") == 3);  // optimal string alignment: no edit within a swapped pair
}

TEST_CASE("words too long to compare are far from everything") {
  const std::string longest(64, 'a');
  CHECK(edit_distance(longest, longest) == 0);
  CHECK(edit_distance(longest + "a", longest + "a") == 64);
  CHECK(suggest(std::string(100'000, 'a'), std::vector<std::string>{longest}).empty());
}

TEST_CASE("the nearest word is suggested when it is near enough") {
  const std::vector<std::string> known = {"port", "mtu", "snd_wnd", "rcv_wnd", "quarantine_s"};
  CHECK(suggest("prot", known) == ", did you mean port?");
  CHECK(suggest("sndwnd", known) == ", did you mean snd_wnd?");
  CHECK(suggest("quarantine", known) == ", did you mean quarantine_s?");
  CHECK(suggest("mru", known) == ", did you mean mtu?");
  CHECK(suggest("mxx", known).empty());
  CHECK(suggest("congestion", known).empty());
  CHECK(suggest("", known).empty());
  CHECK(suggest("port", std::vector<std::string>{}).empty());
  // The first of equals, so that the sentence does not depend on anything else.
  CHECK(suggest("xxd_wnd", known) == ", did you mean snd_wnd?");
}

}  // namespace penstock::control
