// Shows how a command line is sorted into action, file and EAL's words, with and without `--`, and that what will not do is
// told in one line. The long table of bad ones is tests/badinput/command_lines.txt.
#include "control/command_line.hpp"

#include <catch2/catch.hpp>

namespace penstock::control {

namespace {

using Words = std::vector<std::string>;

CommandLine parsed(const Words& words) {
  const auto line = parse_command_line(words);
  INFO((line ? std::string() : line.error()));
  REQUIRE(line);
  return *line;
}

std::string refusal_of(const Words& words) {
  const auto line = parse_command_line(words);
  return line ? "" : line.error();
}

}  // namespace

TEST_CASE("to run is EAL's words, --, and a configuration") {
  const CommandLine line = parsed({"-l", "0-1", "--vdev=net_tap0", "--", "--config", "a.toml"});
  CHECK(line.action == Action::run);
  CHECK(line.config_file == "a.toml");
  CHECK(line.eal_words == Words{"-l", "0-1", "--vdev=net_tap0"});
  CHECK(parsed({"--", "--config=a.toml"}).config_file == "a.toml");
  CHECK(parsed({"--", "--config", "-odd.toml"}).config_file == "-odd.toml");
}

TEST_CASE("strict bypass stands behind --, with any action") {
  CHECK(parsed({"--", "--strict-bypass", "--config", "a.toml"}).strict_bypass);
  CHECK_FALSE(parsed({"--", "--config", "a.toml"}).strict_bypass);
  const CommandLine line = parsed({"--check-config", "a.toml", "--", "--strict-bypass"});
  CHECK(line.action == Action::check_config);
  CHECK(line.strict_bypass);
  CHECK(refusal_of({"--strict-bypass", "--", "--config", "a.toml"}) == "--strict-bypass: its place is after --");
}

TEST_CASE("the four that only tell something stand on either side of -- or without it") {
  for (const Words& words :
       {Words{"--check-config", "a.toml"}, Words{"--check-config=a.toml"}, Words{"--check-config", "a.toml", "--"},
        Words{"--", "--check-config", "a.toml"}, Words{"-l", "0", "--check-config", "a.toml", "--no-pci"}}) {
    const CommandLine line = parsed(words);
    CHECK(line.action == Action::check_config);
    CHECK(line.config_file == "a.toml");
  }
  CHECK(parsed({"-l", "0", "--check-config", "a.toml", "--no-pci"}).eal_words == Words{"-l", "0", "--no-pci"});
  CHECK(parsed({"--capacity", "a.toml"}).action == Action::capacity);
  CHECK(parsed({"-n", "4", "--", "--capacity=a.toml"}).action == Action::capacity);
  CHECK(parsed({"-l", "0-3", "--capacity", "a.toml"}).eal_words == Words{"-l", "0-3"});
  CHECK(parsed({"--version"}).action == Action::version);
  CHECK(parsed({"--", "--version"}).action == Action::version);
  CHECK(parsed({"-h"}).action == Action::help);
  CHECK(parsed({"--", "--help"}).action == Action::help);
}

TEST_CASE("help is given whatever else is wrong") {
  CHECK(parsed({"--help", "--bogus=", "--", "--config", "a", "b"}).action == Action::help);
  CHECK(parsed({"--help", "--nonsense"}).action == Action::help);
  CHECK(parsed({"--nonsense", "--", "-h", "word"}).action == Action::help);
}

TEST_CASE("a refusal is one line that names the option") {
  CHECK(refusal_of({}) == "--config: is missing after --, try --help");
  CHECK(refusal_of({"--config", "a.toml"}).starts_with("--config: its place is after --"));
  CHECK(refusal_of({"--", "--cnofig", "a"}) == "\"--cnofig\": unknown option, did you mean --config?");
  CHECK(refusal_of({"--", "--config", "a", "--no-pci"}) ==
        "\"--no-pci\": is an option of EAL, whose place is before --");
  CHECK(refusal_of({"--", "--config", "a", "--check-config", "b"}).starts_with("--check-config: only one of"));
  CHECK(refusal_of({"-l", "0-", "--", "--config", "a"}).starts_with("-l: \"0-\" is no list"));
  for (const Words& words :
       {Words{"--", "--config"}, Words{"--", "a\nb"}, Words{"a\nb"}, Words{"--", "--config", "a", "--config", "b"}}) {
    const std::string refusal = refusal_of(words);
    CHECK_FALSE(refusal.empty());
    CHECK(refusal.find('\n') == std::string::npos);
  }
}

TEST_CASE("--admin stands alone, with an instance and what it is asked") {
  const CommandLine line = parsed({"--admin", "edge1", "/penstock/impair,0,loss=1%"});
  CHECK(line.action == Action::admin);
  CHECK(line.file_prefix == "edge1");
  CHECK(line.admin_command == "/penstock/impair,0,loss=1%");
  CHECK(parsed({"--admin", "--help"}).action == Action::help);
  for (const Words& words :
       {Words{"--admin"}, Words{"--admin", "a"}, Words{"--admin", "a", "b", "c"}, Words{"--admin", "", "b"}})
    CHECK(refusal_of(words).starts_with("--admin: takes a file prefix and a command"));
  CHECK_FALSE(refusal_of({"-l", "0", "--admin", "a", "b"}).empty());
}

TEST_CASE("help and version are texts that end their last line") {
  for (const char* option : {"--config", "--check-config", "--capacity", "--admin", "--help", "--version"})
    CHECK(help_text().find(option) != std::string::npos);
  CHECK(help_text().ends_with("\n"));
  CHECK(version_text("DPDK 22.11.11").ends_with(" (DPDK 22.11.11)\n"));
}

}  // namespace penstock::control
