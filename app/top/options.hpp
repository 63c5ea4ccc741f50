// Options: penstock-top's command line. Prints nothing: texts and errors are returned, an error as one sentence that names
// the option. Main thread, once.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <vector>

#include "top/sample.hpp"

namespace penstock::top {

enum class Action : std::uint8_t { live, batch, help, version };

struct Options {
  Action action = Action::live;
  std::vector<std::string> prefixes;  // none: every penstock that is found
  std::chrono::milliseconds interval{1000};
  std::uint64_t samples = 0;  // of a batch; 0: until stopped
  bool json = false;          // of a batch
  bool addresses = false;     // tell peers
  By by = By::rate;           // the sessions at the top
};

// What penstock-top ends with besides 0.
inline constexpr int exit_not_answered = 1;
inline constexpr int exit_bad_arguments = 2;

// `words` are argv without argv[0].
std::expected<Options, std::string> parse_options(std::span<const std::string> words);
// What --help prints, with a line feed at its end.
std::string help_text();

}  // namespace penstock::top
