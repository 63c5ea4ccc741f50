// Shows that each malformed configuration of tests/badinput/cases is refused with the line and key that its first line
// expects, and each line of command_lines.txt with the option it names. tests/badinput/run.py drives the built binary
// through the same tables.
#include <sstream>

#include "config_text.hpp"
#include "control/command_line.hpp"
#include "control/eal_arguments.hpp"

namespace penstock::control {

namespace {

const std::filesystem::path badinput_dir = std::filesystem::path(PENSTOCK_SOURCE_DIR) / "tests/badinput";

// "# expect: 7 listener.mtu": line and key; line 0 when the sentence names none.
struct Expectation {
  std::uint32_t line = 0;
  std::string key;
};

Expectation expectation_of(const std::string& text) {
  std::istringstream first_line(text.substr(0, text.find('\n')));
  std::string hash;
  std::string word;
  Expectation expected;
  first_line >> hash >> word >> expected.line >> std::ws;
  std::getline(first_line, expected.key);
  REQUIRE(hash + word == "#expect:");
  REQUIRE_FALSE(expected.key.empty());
  return expected;
}

struct BadLine {
  std::string beginning;
  std::vector<std::string> words;
};

std::vector<BadLine> bad_lines() {
  std::vector<BadLine> lines;
  std::istringstream file(bytes_of(badinput_dir / "command_lines.txt"));
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    const std::size_t bar = line.find(" |");
    REQUIRE(bar != std::string::npos);
    BadLine bad{line.substr(0, bar), {}};
    std::istringstream words(line.substr(bar + 2));
    for (std::string word; words >> word;) bad.words.push_back(word == "{empty}" ? "" : word);
    lines.push_back(std::move(bad));
  }
  return lines;
}

}  // namespace

TEST_CASE("every malformed configuration is refused at its line and key, in one line") {
  std::size_t cases = 0;
  for (const auto& entry : std::filesystem::directory_iterator(badinput_dir / "cases")) {
    const std::string text = bytes_of(entry.path());
    const Expectation expected = expectation_of(text);
    INFO(entry.path().filename());
    ++cases;
    const auto config = load_config(entry.path());
    REQUIRE_FALSE(config);
    INFO(config.error().sentence());
    CHECK(config.error().line == expected.line);
    CHECK(config.error().key == expected.key);
    CHECK(config.error().sentence().find('\n') == std::string::npos);
  }
  CHECK(cases >= 140);
}

TEST_CASE("every malformed command line is refused by the option it names, in one line") {
  const std::vector<BadLine> lines = bad_lines();
  CHECK(lines.size() >= 80);
  for (const BadLine& bad : lines) {
    INFO(Catch::Detail::stringify(bad.words));
    const auto line = parse_command_line(bad.words);
    REQUIRE_FALSE(line);
    INFO(line.error());
    CHECK(line.error().starts_with(bad.beginning));
    CHECK(line.error().find('\n') == std::string::npos);
  }
}

}  // namespace penstock::control
