// Shows how EAL's words are split as getopt would split them, which are refused, and the rule by which the command line
// wins over the file.
#include "control/eal_arguments.hpp"

#include <catch2/catch.hpp>

namespace penstock::control {

namespace {

using Words = std::vector<std::string>;

Words merged(const Words& file, const Words& line) {
  const auto words = merge_eal_args(file, line);
  INFO((words ? std::string() : words.error()));
  REQUIRE(words);
  return *words;
}

std::string refusal_of(const Words& words) {
  const auto options = parse_eal_args(words);
  return options ? "" : options.error();
}

}  // namespace

TEST_CASE("words are split into options as getopt does") {
  const auto options = parse_eal_args(Words{"-l", "0-1", "-n4", "-va3b:00.0", "--vdev=net_tap0,iface=a=b",
                                            "--file-prefix", "x", "--huge-unlink", "--no-pci=", "--in-memory"});
  REQUIRE_FALSE(options);  // --no-pci= has a value, if an empty one
  CHECK(options.error() == "--no-pci: takes no value");
  const auto good = parse_eal_args(Words{"-l", "0-1", "-n4", "-va3b:00.0", "--vdev=net_tap0,iface=a=b", "--file-prefix",
                                         "x", "--huge-unlink", "--in-memory"});
  REQUIRE(good);
  REQUIRE(good->size() == 8);
  CHECK((*good)[0].name == "-l");
  CHECK((*good)[0].value == "0-1");
  CHECK((*good)[1].value == "4");
  CHECK((*good)[2].name == "-v");
  CHECK((*good)[3].name == "--allow");
  CHECK((*good)[3].value == "3b:00.0");
  CHECK((*good)[4].value == "net_tap0,iface=a=b");
  CHECK((*good)[5].value == "x");
  CHECK_FALSE((*good)[6].has_value);
  CHECK(parse_eal_args(Words{})->empty());
}

TEST_CASE("unknown words are refused with the nearest option") {
  CHECK(refusal_of({"--vdve=net_tap0"}) == "\"--vdve\": unknown EAL option, did you mean --vdev?");
  CHECK(refusal_of({"--file_prefix", "a"}) == "\"--file_prefix\": unknown EAL option, did you mean --file-prefix?");
  CHECK(refusal_of({"-w", "x"}).starts_with("\"-w\": unknown EAL option"));
  CHECK(refusal_of({"-vx"}).starts_with("\"-vx\": unknown EAL option"));
  CHECK(refusal_of({"word"}) == "\"word\" is no EAL option");
  CHECK(refusal_of({""}) == "\"\" is no EAL option");
  CHECK(refusal_of({"-"}) == "\"-\" is no EAL option");
  CHECK(refusal_of({"--"}) == "\"--\" is no EAL option");
  CHECK(refusal_of({"--=x"}).starts_with("\"--\": unknown EAL option"));
  CHECK(refusal_of({"--\x1b[31m"}).starts_with("\"--\\x1b[31m\": unknown EAL option"));
}

TEST_CASE("values are asked for and checked") {
  CHECK(refusal_of({"-l"}) == "-l: needs a value");
  CHECK(refusal_of({"--vdev"}) == "--vdev: needs a value");
  CHECK(refusal_of({"-l", "--", "x"}) == "-l: needs a value");
  CHECK(refusal_of({"--in-memory=yes"}) == "--in-memory: takes no value");
  CHECK(refusal_of({"-l", "0-"}) == "-l: \"0-\" is no list of cores below 128, such as 0-3,5");
  CHECK(refusal_of({"-n0"}) == "-n: \"0\" is no number from 1 on");
  CHECK(refusal_of({"--huge-unlink=x"}) == "--huge-unlink: \"x\" is none of existing, always, never");
}

TEST_CASE("options are given once, but for those that add up") {
  CHECK(refusal_of({"-n", "4", "-n", "4"}) == "-n: is given twice");
  CHECK(refusal_of({"--no-huge", "--no-huge"}) == "--no-huge: is given twice");
  CHECK(refusal_of({"--vdev=net_null0", "--vdev=net_null0,size=9"}) == "--vdev: \"net_null0\" is given twice");
  CHECK(refusal_of({"--vdev=net_null0", "--vdev=net_null1", "-d", "a", "-d", "b", "-a", "3b:00.0", "-a", "3b:00.1",
                    "--log-level=debug", "--log-level=lib.eal:1"})
            .empty());
}

TEST_CASE("options that exclude each other are refused together") {
  CHECK(refusal_of({"-l", "0", "-c", "1"}) == "-c: cannot be given together with -l");
  CHECK(refusal_of({"--no-huge", "--in-memory"}) == "--in-memory: cannot be given together with --no-huge");
  CHECK(refusal_of({"-m", "64", "--socket-mem=64"}) == "--socket-mem: cannot be given together with -m");
  CHECK(refusal_of({"-a", "3b:00.0", "-b", "3b:00.1"}) == "--block: cannot be given together with --allow");
  CHECK(refusal_of({"--in-memory", "--huge-unlink=never"}) ==
        "--huge-unlink: never cannot be given together with --in-memory");
  CHECK(refusal_of({"--in-memory", "--huge-unlink"}).empty());
}

TEST_CASE("file and line are joined, the file's first") {
  CHECK(merged({}, {}) == Words{});
  CHECK(merged({"-l", "0", "--no-pci"}, {"--file-prefix", "a"}) == Words{"-l", "0", "--no-pci", "--file-prefix=a"});
  CHECK(merged({}, {"-n4", "-v"}) == Words{"-n", "4", "-v"});
  CHECK(merged({}, {"--huge-unlink"}) == Words{"--huge-unlink"});
}

TEST_CASE("an option on the line replaces the file's") {
  CHECK(merged({"-n", "4"}, {"-n", "2"}) == Words{"-n", "2"});
  CHECK(merged({"--file-prefix=a", "--in-memory"}, {"--file-prefix=b"}) == Words{"--in-memory", "--file-prefix=b"});
}

TEST_CASE("an option on the line replaces those of the file that answer the same question") {
  CHECK(merged({"-l", "0-1"}, {"-c", "1"}) == Words{"-c", "1"});
  CHECK(merged({"--lcores=0@1"}, {"-l", "0"}) == Words{"-l", "0"});
  CHECK(merged({"-m", "64"}, {"--socket-mem=64,64"}) == Words{"--socket-mem=64,64"});
  CHECK(merged({"-a", "3b:00.0", "-a", "3b:00.1"}, {"-a", "3b:00.2"}) == Words{"--allow=3b:00.2"});
  CHECK(merged({"-a", "3b:00.0"}, {"--no-pci"}) == Words{"--no-pci"});
  CHECK(merged({"--no-pci"}, {"-b", "3b:00.0"}) == Words{"--block=3b:00.0"});
  CHECK(merged({"--no-telemetry"}, {"--telemetry"}) == Words{"--telemetry"});
}

TEST_CASE("virtual devices are added, and replaced by name") {
  CHECK(merged({"--vdev=net_tap0"}, {"--vdev=net_tap1"}) == Words{"--vdev=net_tap0", "--vdev=net_tap1"});
  CHECK(merged({"--vdev=net_tap0,iface=a", "--vdev=net_tap1"}, {"--vdev=net_tap0,iface=b"}) ==
        Words{"--vdev=net_tap1", "--vdev=net_tap0,iface=b"});
  CHECK(merged({"-d", "a", "--log-level=1"}, {"-d", "b", "--log-level=2"}) ==
        Words{"-d", "a", "--log-level=1", "-d", "b", "--log-level=2"});
}

TEST_CASE("what contradicts only after the merge is refused") {
  const auto words = merge_eal_args(Words{"--in-memory"}, Words{"--no-huge"});
  REQUIRE_FALSE(words);
  CHECK(words.error() == "--in-memory: cannot be given together with --no-huge");
  CHECK_FALSE(merge_eal_args(Words{"-x"}, Words{}));
  CHECK_FALSE(merge_eal_args(Words{}, Words{"-x"}));
}

TEST_CASE("the result of a merge is a good command line that merges to itself") {
  const Words once = merged({"-l", "0-1", "--vdev=net_tap0", "-a", "3b:00.0"}, {"-n4", "--file-prefix", "p", "-v"});
  CHECK(merged(once, {}) == once);
  CHECK(merged({}, once) == once);
  CHECK(file_prefix_of(once) == "p");
  CHECK(file_prefix_of(Words{}) == "rte");
  CHECK(eal_value_of(once, "--file-prefix") == "p");
  CHECK_FALSE(eal_value_of(once, "--huge-dir").has_value());
  CHECK_FALSE(eal_value_of(Words{"--huge-unlink"}, "--huge-unlink").has_value());
  CHECK_FALSE(eal_value_of(Words{"no option"}, "--huge-dir").has_value());
}

TEST_CASE("a value that would end the options stays with its letter") {
  const Words once = merged({"-d--"}, {"-v"});
  CHECK(once == Words{"-d--", "-v"});
  CHECK(merged(once, {}) == once);
}

TEST_CASE("lcores are counted where the words name them plainly") {
  CHECK(lcore_count_of(Words{"-l", "2-5"}) == 4u);
  CHECK(lcore_count_of(Words{"--no-pci", "-c", "0x6"}) == 2u);
  CHECK_FALSE(lcore_count_of(Words{"--lcores", "0@1,1@1"}).has_value());
  CHECK_FALSE(lcore_count_of(Words{}).has_value());
  CHECK_FALSE(lcore_count_of(Words{"-l", "no"}).has_value());
}

}  // namespace penstock::control
