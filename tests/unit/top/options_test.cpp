// Shows what each option means, and that each wrong one is refused by its name.
#include "top/options.hpp"

#include <catch2/catch.hpp>

using namespace penstock::top;

namespace {

Options parsed(const std::vector<std::string>& words) {
  const auto options = parse_options(words);
  INFO((options ? "" : options.error()));
  REQUIRE(options);
  return *options;
}

std::string refused(const std::vector<std::string>& words) {
  const auto options = parse_options(words);
  REQUIRE_FALSE(options.has_value());
  CHECK(options.error().find('\n') == std::string::npos);
  return options.error();
}

}  // namespace

TEST_CASE("without options it is live, at every penstock, each second") {
  const Options options = parsed({});
  CHECK(options.action == Action::live);
  CHECK(options.prefixes.empty());
  CHECK(options.interval == std::chrono::seconds(1));
  CHECK_FALSE(options.addresses);
  CHECK(options.by == By::rate);
}

TEST_CASE("every option") {
  const Options options = parsed({"-f", "edge1", "--file-prefix", "edge2:1", "--interval", "0.5", "--batch", "3",
                                  "--json", "--by", "retransmission", "--addresses"});
  CHECK(options.action == Action::batch);
  CHECK(options.prefixes == std::vector<std::string>{"edge1", "edge2:1"});
  CHECK(options.interval == std::chrono::milliseconds(500));
  CHECK(options.samples == 3);
  CHECK(options.json);
  CHECK(options.by == By::retransmission);
  CHECK(options.addresses);
  CHECK(parsed({"-i60"}).interval == std::chrono::minutes(1));
  CHECK(parsed({"--all"}).prefixes.empty());
  CHECK(parsed({"--json"}).samples == 0);
  CHECK(parsed({"--json"}).action == Action::batch);
  CHECK(parsed({"--help"}).action == Action::help);
  CHECK(parsed({"-h", "--version"}).action == Action::help);
  CHECK(parsed({"--version"}).action == Action::version);
}

TEST_CASE("wrong options are named") {
  CHECK(refused({"--interval", "0.1"}).starts_with("--interval: \"0.1\" is not within 0.2..60"));
  for (const char* wrong : {"61", "nan", "inf", "-1", "1s", "", "0x1"})
    CHECK(refused({"--interval=" + std::string(wrong)}).starts_with("--interval"));
  for (const char* wrong : {"0", "-1", "x", "1.5", "99999999999999999999"})
    CHECK(refused({"--batch=" + std::string(wrong)}).starts_with("--batch"));
  CHECK(refused({"--by", "colour"}).starts_with("--by: \"colour\""));
  CHECK(refused({"--all", "-f", "x"}).starts_with("--all"));
  CHECK(refused({"-f", ""}).starts_with("--file-prefix"));
  CHECK(refused({"--nosuch"}).find("--nosuch") != std::string::npos);
  CHECK(refused({"stray"}).find("stray") != std::string::npos);
  CHECK(refused({"--batch"}).find("--batch") != std::string::npos);
}

TEST_CASE("the help names every option") {
  const std::string help = help_text();
  for (const char* option : {"--file-prefix", "-f", "--all", "--interval", "-i", "--by", "--addresses", "--batch",
                             "--json", "--help", "--version", "Exit status"})
    CHECK(help.find(option) != std::string::npos);
  CHECK(help.ends_with("\n"));
}
