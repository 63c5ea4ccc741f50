#include "control/command_line.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>

#include "control/eal_arguments.hpp"
#include "control/suggest.hpp"
#include "control/toml_value.hpp"

namespace penstock::control {

namespace {

struct AppOptions {
  std::string config;
  std::string check_config;
  std::string capacity;
  bool strict_bypass = false;
  bool help = false;
  bool version = false;
};

struct Sides {
  std::vector<std::string> eal;
  std::vector<std::string> app;
};

bool is_informational(std::string_view word) {
  static constexpr std::array names = {std::string_view("--help"), std::string_view("-h"),
                                       std::string_view("--version"), std::string_view("--check-config"),
                                       std::string_view("--capacity")};
  return std::ranges::find(names, word.substr(0, word.find('='))) != names.end();
}

bool takes_next_word(std::string_view word) { return word == "--check-config" || word == "--capacity"; }

// Splits at the first `--`, and brings what may stand on either side to the app's.
Sides split(std::span<const std::string> words) {
  const auto dashes = std::ranges::find(words, std::string("--"));
  Sides sides;
  for (auto word = words.begin(); word != dashes; ++word) {
    if (!is_informational(*word)) {
      sides.eal.push_back(*word);
      continue;
    }
    sides.app.push_back(*word);
    if (takes_next_word(*word) && word + 1 != dashes) sides.app.push_back(*++word);
  }
  if (dashes != words.end()) sides.app.insert(sides.app.end(), dashes + 1, words.end());
  return sides;
}

void declare(CLI::App& app, AppOptions& options) {
  app.set_help_flag();  // ours is a flag like any other, and throws nothing
  app.allow_extras();
  app.add_option("--config", options.config);
  app.add_option("--check-config", options.check_config);
  app.add_option("--capacity", options.capacity);
  app.add_flag("--strict-bypass", options.strict_bypass);
  app.add_flag("-h,--help", options.help);
  app.add_flag("--version", options.version);
}

std::string complain_about_extra(const std::string& word) {
  static const std::vector<std::string> known = {"--config",        "--check-config", "--capacity",
                                                 "--strict-bypass", "--help",         "--version"};
  if (parse_eal_args(std::array{word}))
    return fmt::format("{}: is an option of EAL, whose place is before --", in_quotes(word));
  return fmt::format("{}: unknown option{}", in_quotes(word), suggest(word, known));
}

// CLI11's own words may hold line feeds.
std::string one_line(std::string_view text) {
  std::string line;
  for (const char c : text) line += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
  return line;
}

std::expected<AppOptions, std::string> parse_app(std::vector<std::string> words) {
  CLI::App app;
  AppOptions options;
  declare(app, options);
  std::ranges::reverse(words);  // as CLI11 takes them
  try {
    app.parse(std::move(words));
  } catch (const CLI::ParseError& error) {
    return std::unexpected(one_line(error.what()));
  }
  if (options.help) return options;
  const std::vector<std::string> extras = app.remaining();
  if (!extras.empty()) return std::unexpected(complain_about_extra(extras.front()));
  for (const char* name : {"--config", "--check-config", "--capacity"}) {
    const CLI::Option* option = app.get_option(name);
    if (option->count() != 0 && option->as<std::string>().empty())
      return std::unexpected(fmt::format("{}: names no file", name));
  }
  return options;
}

// Stands alone: nothing is started, so neither EAL nor a configuration has anything to say.
std::expected<CommandLine, std::string> admin_line(std::span<const std::string> words) {
  if (words.size() != 3 || words[1].empty() || words[2].empty()) {
    return std::unexpected(
        std::string("--admin: takes a file prefix and a command, and stands alone, as in: penstock --admin edge1 "
                    "/penstock/impair,0"));
  }
  CommandLine line;
  line.action = Action::admin;
  line.file_prefix = words[1];
  line.admin_command = words[2];
  return line;
}

std::expected<CommandLine, std::string> choose(const AppOptions& options) {
  CommandLine line;
  line.strict_bypass = options.strict_bypass;
  for (const auto& [name, file, action] : {std::tuple{"--config", &options.config, Action::run},
                                           std::tuple{"--check-config", &options.check_config, Action::check_config},
                                           std::tuple{"--capacity", &options.capacity, Action::capacity}}) {
    if (file->empty()) continue;
    if (!line.config_file.empty())
      return std::unexpected(fmt::format("{}: only one of --config, --check-config and --capacity may be given", name));
    line.action = action;
    line.config_file = *file;
  }
  if (options.version) return CommandLine{Action::version, "", false, {}};
  if (line.config_file.empty()) return std::unexpected(std::string("--config: is missing after --, try --help"));
  return line;
}

}  // namespace

std::expected<CommandLine, std::string> parse_command_line(std::span<const std::string> words) {
  Sides sides = split(words);
  // Help is given whatever else is wrong.
  const auto options = parse_app(std::move(sides.app));
  if (options && options->help) return CommandLine{Action::help, "", false, {}};
  if (!words.empty() && words.front() == "--admin") return admin_line(words);
  const auto is_config = [](const std::string& word) { return word == "--config" || word.starts_with("--config="); };
  if (std::ranges::any_of(sides.eal, is_config))
    return std::unexpected(std::string("--config: its place is after --, as in: penstock -l 0-1 -- --config FILE"));
  if (std::ranges::find(sides.eal, "--strict-bypass") != sides.eal.end())
    return std::unexpected(std::string("--strict-bypass: its place is after --"));
  if (const auto eal = parse_eal_args(sides.eal); !eal) return std::unexpected(eal.error());
  if (!options) return std::unexpected(options.error());
  std::expected<CommandLine, std::string> line = choose(*options);
  if (line) line->eal_words = std::move(sides.eal);
  return line;
}

std::string help_text() {
  return R"(Usage: penstock [EAL options] -- --config FILE
       penstock --check-config FILE | --capacity FILE | --help | --version
       penstock --admin PREFIX COMMAND

Serves reliable UDP (KCP) on DPDK ports, past the kernel.

  --config FILE        serve what the configuration says; its [eal] args go to EAL
  --check-config FILE  say whether the configuration is good, and exit
  --capacity FILE      show the memory that the configuration asks for, with a
                       worker for each lcore of -l or its [eal] args, and exit
  --strict-bypass      end at once, with the call's name, when a worker makes a
                       system call; the ports' drivers must need none
  --admin PREFIX COMMAND
                       have the penstock that runs with this file prefix carry
                       out a command, such as /penstock/impair,0,loss=1%
  -h, --help           show this text
  --version            show the versions of penstock and DPDK

EAL options stand before --, such as -l 0-3, -a 0000:3b:00.0, --vdev=net_tap0,
--file-prefix NAME, --in-memory, --no-huge; on the line they win over the file's.
SIGTERM and SIGINT drain and stop, a second one stops at once.

Exit status: 0 stopped as asked; 2 refused, with the reason: the command line,
the configuration, or what the machine has to offer will not do; 3 a worker
made a system call under --strict-bypass.
)";
}

std::string version_text(std::string_view dpdk) { return fmt::format("penstock {} ({})\n", PENSTOCK_VERSION, dpdk); }

}  // namespace penstock::control
