// Command line: `penstock <EAL args> -- [app args]`, sorted into what to do, with which file, and the words for EAL.
//
// Works before EAL, without hugepages and without root. --help, --version, --check-config and --capacity may stand on
// either side of `--`, or without it. Prints nothing: text and errors are returned, and the caller exits with
// exit_bad_arguments when there is an error. Main thread, once.
#pragma once

#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::control {

// What the operator wants.
enum class Action : std::uint8_t {
  run,           // serve
  check_config,  // say whether the file is a good configuration, and exit
  capacity,      // show the sum of the memory that the file asks for, and exit
  admin,         // ask the admin socket of a running instance, and exit
  help,
  version,
};

struct CommandLine {
  Action action = Action::run;
  std::string config_file;             // empty for help and version
  bool strict_bypass = false;          // --strict-bypass
  std::vector<std::string> eal_words;  // of the line, checked; merge_eal_args() joins them with the file's
  std::string file_prefix = {};        // --admin: of which instance …
  std::string admin_command = {};      // … and what
};

// Exit status for a command line or configuration that will not do.
inline constexpr int exit_bad_arguments = 2;

// `words` are argv without argv[0]. The error is one sentence that names the option, without a full stop.
std::expected<CommandLine, std::string> parse_command_line(std::span<const std::string> words);

// What --help prints, with a line feed at its end.
std::string help_text();
// What --version prints; `dpdk` is rte_version().
std::string version_text(std::string_view dpdk);

}  // namespace penstock::control
