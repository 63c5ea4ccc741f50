// Options: penstock-load's command line, `penstock-load <EAL args> -- --config FILE --to ADDR:PORT [options]`.
//
// Works before EAL. Prints nothing: texts and errors are returned, an error as one sentence that names the option. What
// stands before `--` is EAL's and is looked at by whoever composes the program. Main thread, once.
#pragma once

#include <expected>
#include <span>
#include <string>
#include <vector>

#include "engine/connection.hpp"
#include "load/run_plan.hpp"

namespace penstock::load {

enum class Action : std::uint8_t { run, help, version };

struct Options {
  Action action = Action::run;
  std::vector<std::string> eal_words;
  std::string config_file;
  std::vector<net::Endpoint> to;  // at least one, of either family
  RunPlan plan;                   // every default filled in
  bool json = false;
};

// `words` are argv without argv[0].
std::expected<Options, std::string> parse_options(std::span<const std::string> words);
// "10.0.0.2:4000" or "[fd77::2]:4000".
std::optional<net::Endpoint> parse_endpoint(std::string_view text);
// What --help prints, with a line feed at its end.
std::string help_text();

}  // namespace penstock::load
