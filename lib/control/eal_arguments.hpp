// EAL arguments: the words before `--`, checked before EAL sees them, and the merge of the file's with the command line's.
//
// EAL prints its whole usage for a mistyped word and exits; an operator gets one sentence here instead. What is checked is
// what DPDK 22.11 refuses by the words alone: unknown options, missing or malformed values, options that exclude each other.
// Whether a core, a device or memory exists is EAL's to say. Options must be written out; getopt's abbreviations are refused.
// Main thread, before EAL.
//
// The rule of the merge: the command line wins.
//   - An option on the line replaces the same option of the file, and those that answer the same question: one of -l, -c,
//     --lcores; -m or --socket-mem; -a, -b, --no-pci; -s or -S; --telemetry or --no-telemetry.
//   - --vdev is added, and replaces the file's --vdev for the same device name. -d, --log-level and --trace are added.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::control {

struct EalOption {
  std::string name;  // "-l", "--vdev": long options by their long name, short ones without one by their letter
  bool has_value = false;
  std::string value;  // as written
};

// Splits words into options and checks each and all together. The error names the option: "-l: "0-" is no list of cores".
std::expected<std::vector<EalOption>, std::string> parse_eal_args(std::span<const std::string> words);

// The words for EAL, without argv[0]: the file's that are left, then the line's. The error names the option.
std::expected<std::vector<std::string>, std::string> merge_eal_args(std::span<const std::string> file_words,
                                                                    std::span<const std::string> line_words);

// How many lcores -l or -c names among checked words; nothing when neither is there (--lcores may share lcores in ways that
// only EAL resolves, and without any of them EAL takes every CPU).
std::optional<std::uint32_t> lcore_count_of(std::span<const std::string> words);

// The value of a long option among checked words; nothing when it is not there, or without one.
std::optional<std::string> eal_value_of(std::span<const std::string> words, std::string_view name);

// The value of --file-prefix among checked words, or EAL's default "rte".
std::string file_prefix_of(std::span<const std::string> words);

}  // namespace penstock::control
