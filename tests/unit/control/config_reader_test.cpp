// Shows each verb of TableReader on good and bad values, that unknown keys are found, that the first error of a file is
// the one told and that a missing key yields to it, and that a describing scan lists what the reading one asks for.
#include "control/config_reader.hpp"

#include <catch2/catch.hpp>

namespace penstock::control {

namespace {

enum class Colour : std::uint8_t { red, green };

struct Thing {
  std::uint16_t size = 7;
  bool on = false;
  std::uint32_t part_ppm = 0;
  std::string name;
  std::vector<std::string> words;
  std::optional<std::vector<std::uint32_t>> pair;
  Colour colour = Colour::green;
};

TableReader::Verdict take_word(std::string_view text, std::vector<std::string>& words) {
  if (text.find('!') != std::string_view::npos) return "shouts";
  words.emplace_back(text);
  return std::nullopt;
}

void read_thing(TableReader& table, Thing& thing) {
  table.integer("size", thing.size, 5, 65'535);
  table.flag("on", thing.on);
  table.fraction("part", thing.part_ppm);
  table.text("name", "a name", "none", 4, [&](std::string_view text) -> TableReader::Verdict {
    thing.name = text;
    return std::nullopt;
  });
  table.texts("words", "words", 2, 4, [&](std::string_view text) { return take_word(text, thing.words); });
  thing.pair = table.integers("pair", "none", {1, 2}, {3, 9}, Need::optional);
  table.choice("colour", thing.colour, {{"red", Colour::red}, {"green", Colour::green}});
}

struct Outcome {
  std::vector<Thing> things;
  std::string sentence;
};

Outcome read(std::string_view text) {
  const auto document = parse_toml(text);
  REQUIRE(document);
  Outcome outcome;
  ConfigScan scan("f");
  TableReader::read(&*document, scan, [&](TableReader& root) {
    root.tables("thing", 1, 2, [&](TableReader& table) { read_thing(table, outcome.things.emplace_back()); });
    root.table("lone", [](TableReader& table) {
      std::uint32_t value = 0;
      table.integer("must", value, 0, 9, Need::required);
    });
  });
  if (scan.error()) outcome.sentence = scan.error()->sentence();
  return outcome;
}

std::string refused(std::string_view lines) { return read("[[thing]]\n" + std::string(lines)).sentence; }

}  // namespace

TEST_CASE("good values are taken, absent ones keep their defaults") {
  const Outcome outcome = read(
      "[[thing]]\n[[thing]]\nsize = 65535\non = true\npart = 0.25\nname = \"four\"\nwords = [\"a\", \"bb\"]\npair = "
      "[3]\n"
      "colour = \"red\"\n");
  REQUIRE(outcome.sentence.empty());
  REQUIRE(outcome.things.size() == 2);
  CHECK(outcome.things[0].size == 7);
  CHECK_FALSE(outcome.things[0].on);
  CHECK(outcome.things[0].colour == Colour::green);
  CHECK_FALSE(outcome.things[0].pair);
  const Thing& thing = outcome.things[1];
  CHECK(thing.size == 65'535);
  CHECK(thing.on);
  CHECK(thing.part_ppm == 250'000);
  CHECK(thing.name == "four");
  CHECK(thing.words == std::vector<std::string>{"a", "bb"});
  CHECK(*thing.pair == std::vector<std::uint32_t>{3});
  CHECK(thing.colour == Colour::red);
}

TEST_CASE("integers are refused out of range and of another type") {
  CHECK(refused("size = 4\n") == "f:2: thing.size: 4 is below 5");
  CHECK(refused("size = 65536\n") == "f:2: thing.size: 65536 is above 65535");
  CHECK(refused("size = -9223372036854775808\n") == "f:2: thing.size: -9223372036854775808 is below 5");
  CHECK(refused("size = \"9\"\n") == "f:2: thing.size: must be an integer, not a string");
  CHECK(refused("size = 9.0\n") == "f:2: thing.size: must be an integer, not a float");
  CHECK(refused("size = true\n") == "f:2: thing.size: must be an integer, not a boolean");
  CHECK(refused("size = [9]\n") == "f:2: thing.size: must be an integer, not an array");
}

TEST_CASE("fractions become parts per million at once and refuse what is no fraction") {
  CHECK(read("[[thing]]\npart = 0.000001\n").things[0].part_ppm == 1);
  CHECK(read("[[thing]]\npart = 0.1\n").things[0].part_ppm == 100'000);
  CHECK(read("[[thing]]\npart = 1\n").things[0].part_ppm == 1'000'000);
  CHECK(read("[[thing]]\npart = -0.0\n").things[0].part_ppm == 0);
  CHECK(refused("part = nan\n") == "f:2: thing.part: nan is not between 0 and 1");
  CHECK(refused("part = -nan\n").find("is not between 0 and 1") != std::string::npos);
  CHECK(refused("part = inf\n") == "f:2: thing.part: inf is not between 0 and 1");
  CHECK(refused("part = 1.0000001\n").starts_with("f:2: thing.part: 1.0000001 is not"));
  CHECK(refused("part = 2\n") == "f:2: thing.part: 2 is not between 0 and 1");
  CHECK(refused("part = \"0.1\"\n") == "f:2: thing.part: must be a float, not a string");
}

TEST_CASE("texts are bounded and blamed on their own line") {
  CHECK(refused("name = \"\"\n") == "f:2: thing.name: is empty");
  CHECK(refused("name = \"12345\"\n") == "f:2: thing.name: 5 bytes are more than 4");
  CHECK(refused("words = [\n\"a\",\n\"b!\"]\n") == "f:4: thing.words: shouts");
  CHECK(refused("words = [\n\"a\",\n3]\n") == "f:4: thing.words: must be a string, not an integer");
  CHECK(refused("words = [\n\"a\",\n\"b\",\n\"c\"]\n") == "f:5: thing.words: 3 entries are more than 2");
  CHECK(refused("words = \"a\"\n") == "f:2: thing.words: must be an array, not a string");
}

TEST_CASE("arrays of integers have their count and range") {
  CHECK(refused("pair = []\n") == "f:2: thing.pair: 0 entries are fewer than 1");
  CHECK(refused("pair = [3, 4, 5]\n") == "f:2: thing.pair: 3 entries are more than 2");
  CHECK(refused("pair = [3,\n10]\n") == "f:3: thing.pair: 10 is above 9");
  CHECK(refused("pair = [3, 4.0]\n") == "f:2: thing.pair: must be an integer, not a float");
}

TEST_CASE("a choice is one of its words") {
  CHECK(refused("colour = \"blue\"\n") == "f:2: thing.colour: must be \"red\" or \"green\", not \"blue\"");
  CHECK(refused("colour = \"RED\"\n") == "f:2: thing.colour: must be \"red\" or \"green\", not \"RED\"");
  CHECK(refused("colour = 1\n") == "f:2: thing.colour: must be a string, not an integer");
}

TEST_CASE("tables are told apart from arrays of tables") {
  CHECK(read("[thing]\nsize = 9\n").sentence == "f:1: thing: there may be several, so it is written [[thing]]");
  CHECK(read("thing = [1]\n").sentence == "f:1: thing: must be a table, not an integer");
  CHECK(read("thing = 1\n").sentence == "f:1: thing: must be an array, not an integer");
  CHECK(read("[[thing]]\n[[thing]]\n[[thing]]\n").sentence == "f:3: thing: 3 entries are more than 2");
  CHECK(read("").sentence == "f: thing: is missing");
  CHECK(read("thing = []\n").sentence == "f:1: thing: 0 entries are fewer than 1");
  CHECK(read("[[thing]]\n[[lone]]\nmust = 1\n").sentence == "f:2: lone: must be a table, not an array");
}

TEST_CASE("a key that nobody asks for is unknown, with the nearest one told") {
  CHECK(refused("sise = 9\n") == "f:2: thing.sise: unknown key, did you mean size?");
  CHECK(refused("zebra = 9\n") == "f:2: thing.zebra: unknown key");
  CHECK(refused("\"a\\nb\" = 9\n") == "f:2: thing.\"a\\x0ab\": unknown key");
  CHECK(refused("\"\" = 9\n") == "f:2: thing.\"\": unknown key");
  CHECK(read("[[thing]]\n[things]\n").sentence == "f:2: things: unknown key, did you mean thing?");
}

TEST_CASE("the first error of the file is told, and a missing key only when nothing else is wrong") {
  CHECK(refused("part = 2.0\nsize = 4\n") == "f:2: thing.part: 2 is not between 0 and 1");
  CHECK(refused("sise = 9\nsize = 4\n") == "f:2: thing.sise: unknown key, did you mean size?");
  CHECK(read("[lone]\nmst = 1\n[[thing]]\n").sentence == "f:2: lone.mst: unknown key, did you mean must?");
  CHECK(read("[lone]\n[[thing]]\nsize = 4\n").sentence == "f:3: thing.size: 4 is below 5");
  CHECK(read("[lone]\n[[thing]]\n").sentence == "f:1: lone.must: is missing");
}

TEST_CASE("a describing scan lists keys, ranges and defaults") {
  std::vector<ConfigKey> keys;
  ConfigScan scan(keys);
  Thing thing;
  TableReader::read(nullptr, scan, [&](TableReader& root) {
    root.tables("thing", 1, 2, [&](TableReader& table) { read_thing(table, thing); });
    root.table("lone", [](TableReader& table) {
      std::uint32_t value = 0;
      table.integer("must", value, 0, 9, Need::required);
    });
  });
  REQUIRE(keys.size() == 8);
  CHECK(keys[0].name == "thing.size");
  CHECK(keys[0].range == "5..65535");
  CHECK(keys[0].preset == "7");
  CHECK(keys[6].range == "\"red\" or \"green\"");
  CHECK(keys[6].preset == "\"green\"");
  CHECK(keys[7].name == "lone.must");
  CHECK(keys[7].preset == "required");
  CHECK_FALSE(scan.error());
}

TEST_CASE("lines of keys are remembered for later checks") {
  ConfigScan scan("f");
  scan.note_line(3, "port.mtu", 5);
  CHECK(scan.line_of(3, "port.mtu") == 5);
  CHECK(scan.line_of(4, "port.mtu") == 4);
  CHECK(scan.line_of(3, "port.device") == 3);
}

}  // namespace penstock::control
