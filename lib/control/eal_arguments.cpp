#include "control/eal_arguments.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "control/eal_values.hpp"
#include "control/suggest.hpp"
#include "control/toml_value.hpp"

namespace penstock::control {

namespace {

using eal::Complaint;

enum class Takes : std::uint8_t { nothing, value, maybe };
// Options that answer the same question; the line's replace the file's.
enum class Group : std::uint8_t { itself, cores, service_cores, memory, devices, telemetry, added, added_by_device };

struct Rule {
  std::string_view name;   // canonical
  std::string_view alias;  // the other spelling, or nothing
  Takes takes;
  Group group;
  Complaint (*check)(std::string_view);
};

constexpr Complaint (*unchecked)(std::string_view) = nullptr;

// Every option that EAL of DPDK 22.11 knows, but for -h and --help.
constexpr std::array rules = {
    Rule{"-l", "", Takes::value, Group::cores, eal::core_list},
    Rule{"-c", "", Takes::value, Group::cores, eal::core_mask},
    Rule{"--lcores", "", Takes::value, Group::cores, eal::core_map},
    Rule{"--main-lcore", "", Takes::value, Group::itself, eal::core},
    Rule{"-s", "", Takes::value, Group::service_cores, eal::core_mask},
    Rule{"-S", "", Takes::value, Group::service_cores, eal::core_list},
    Rule{"--allow", "-a", Takes::value, Group::devices, eal::device},
    Rule{"--block", "-b", Takes::value, Group::devices, eal::device},
    Rule{"--no-pci", "", Takes::nothing, Group::devices, unchecked},
    Rule{"--vdev", "", Takes::value, Group::added_by_device, eal::virtual_device},
    Rule{"-d", "", Takes::value, Group::added, eal::any},
    Rule{"-n", "", Takes::value, Group::itself, eal::positive},
    Rule{"-r", "", Takes::value, Group::itself, eal::ranks},
    Rule{"-m", "", Takes::value, Group::memory, eal::positive},
    Rule{"--socket-mem", "", Takes::value, Group::memory, eal::megabyte_list},
    Rule{"--no-huge", "", Takes::nothing, Group::itself, unchecked},
    Rule{"--socket-limit", "", Takes::value, Group::itself, eal::megabyte_list},
    Rule{"--huge-dir", "", Takes::value, Group::itself, eal::any},
    Rule{"--huge-unlink", "", Takes::maybe, Group::itself, eal::huge_unlink},
    Rule{"--huge-worker-stack", "", Takes::maybe, Group::itself, eal::positive},
    Rule{"--in-memory", "", Takes::nothing, Group::itself, unchecked},
    Rule{"--legacy-mem", "", Takes::nothing, Group::itself, unchecked},
    Rule{"--match-allocations", "", Takes::nothing, Group::itself, unchecked},
    Rule{"--single-file-segments", "", Takes::nothing, Group::itself, unchecked},
    Rule{"--no-shconf", "", Takes::nothing, Group::itself, unchecked},
    Rule{"--file-prefix", "", Takes::value, Group::itself, eal::file_prefix},
    Rule{"--base-virtaddr", "", Takes::value, Group::itself, eal::hexadecimal},
    Rule{"--iova-mode", "", Takes::value, Group::itself, eal::iova_mode},
    Rule{"--proc-type", "", Takes::value, Group::itself, eal::process_type},
    Rule{"--mbuf-pool-ops-name", "", Takes::value, Group::itself, eal::any},
    Rule{"--create-uio-dev", "", Takes::nothing, Group::itself, unchecked},
    Rule{"--vfio-intr", "", Takes::value, Group::itself, eal::vfio_interrupt},
    Rule{"--vfio-vf-token", "", Takes::value, Group::itself, eal::any},
    Rule{"--vmware-tsc-map", "", Takes::nothing, Group::itself, unchecked},
    Rule{"--no-hpet", "", Takes::nothing, Group::itself, unchecked},
    Rule{"--telemetry", "", Takes::nothing, Group::telemetry, unchecked},
    Rule{"--no-telemetry", "", Takes::nothing, Group::telemetry, unchecked},
    Rule{"--force-max-simd-bitwidth", "", Takes::value, Group::itself, eal::simd_width},
    Rule{"--syslog", "", Takes::value, Group::itself, eal::any},
    Rule{"--log-level", "", Takes::value, Group::added, eal::log_level},
    Rule{"--trace", "", Takes::value, Group::added, eal::any},
    Rule{"--trace-dir", "", Takes::value, Group::itself, eal::any},
    Rule{"--trace-bufsz", "", Takes::value, Group::itself, eal::any},
    Rule{"--trace-mode", "", Takes::value, Group::itself, eal::trace_mode},
    Rule{"-v", "", Takes::nothing, Group::itself, unchecked},
};

// Pairs that EAL refuses, or of which it would silently ignore one.
struct Exclusion {
  std::string_view a;
  std::string_view b;
};
constexpr std::array exclusions = {
    Exclusion{"-l", "-c"},
    Exclusion{"-l", "--lcores"},
    Exclusion{"-c", "--lcores"},
    Exclusion{"-s", "-S"},
    Exclusion{"--allow", "--block"},
    Exclusion{"--allow", "--no-pci"},
    Exclusion{"-m", "--socket-mem"},
    Exclusion{"--no-huge", "--socket-mem"},
    Exclusion{"--no-huge", "--in-memory"},
    Exclusion{"--no-huge", "--huge-unlink"},
    Exclusion{"--no-huge", "--huge-worker-stack"},
    Exclusion{"--no-huge", "--match-allocations"},
    Exclusion{"--legacy-mem", "--in-memory"},
    Exclusion{"--legacy-mem", "--match-allocations"},
    Exclusion{"--telemetry", "--no-telemetry"},
};

const Rule* find_rule(std::string_view spelling) {
  const auto found = std::ranges::find_if(rules, [&](const Rule& rule) {
    return rule.name == spelling || (!rule.alias.empty() && rule.alias == spelling);
  });
  return found == rules.end() ? nullptr : &*found;
}

// The rule of an option that parse_eal_args() let pass.
const Rule& rule_of(const EalOption& option) { return *find_rule(option.name); }

bool may_repeat(const Rule& rule) {
  return rule.group == Group::added || rule.group == Group::added_by_device || rule.name == "--allow" ||
         rule.name == "--block";
}

class Parser {
 public:
  explicit Parser(std::span<const std::string> words) : words_(words) {}

  std::expected<std::vector<EalOption>, std::string> run() {
    while (at_ < words_.size() && error_.empty()) {
      const std::string& word = words_[at_++];
      if (word.starts_with("--") && word.size() > 2) take_long(word);
      else if (word.starts_with('-') && word.size() > 1 && word != "--") take_short(word);
      else error_ = fmt::format("{} is no EAL option", in_quotes(word));
    }
    if (!error_.empty()) return std::unexpected(error_);
    return std::move(options_);
  }

 private:
  void take_long(std::string_view word) {
    const std::size_t equals = word.find('=');
    const std::string_view name = word.substr(0, equals);
    const Rule* rule = find_rule(name);
    if (rule == nullptr) return fail_unknown(name);
    EalOption option{std::string(rule->name), false, ""};
    if (equals != std::string_view::npos) set_value(option, word.substr(equals + 1));
    else if (rule->takes == Takes::value && !take_next_word(option)) return fail(name, "needs a value");
    finish(*rule, std::move(option));
  }

  // One or several letters in a word; the first that takes a value takes the rest of the word, or the next one.
  void take_short(std::string_view word) {
    for (std::size_t i = 1; i < word.size() && error_.empty(); ++i) {
      const std::string name = fmt::format("-{}", word[i]);
      const Rule* rule = find_rule(name);
      if (rule == nullptr) return fail_unknown(word.size() == 2 ? name : word);
      EalOption option{std::string(rule->name), false, ""};
      const bool takes_rest = rule->takes == Takes::value && i + 1 < word.size();
      if (takes_rest) set_value(option, word.substr(i + 1));
      else if (rule->takes == Takes::value && !take_next_word(option)) return fail(name, "needs a value");
      finish(*rule, std::move(option));
      if (takes_rest) return;
    }
  }

  bool take_next_word(EalOption& option) {
    if (at_ == words_.size() || words_[at_] == "--") return false;
    set_value(option, words_[at_++]);
    return true;
  }

  static void set_value(EalOption& option, std::string_view value) {
    option.has_value = true;
    option.value = value;
  }

  void finish(const Rule& rule, EalOption option) {
    if (rule.takes == Takes::nothing && option.has_value) return fail(option.name, "takes no value");
    if (option.has_value && rule.check != nullptr) {
      if (const Complaint wrong = rule.check(option.value))
        return fail(option.name, fmt::format("{} {}", in_quotes(option.value), *wrong));
    }
    options_.push_back(std::move(option));
  }

  void fail(std::string_view name, std::string_view reason) { error_ = fmt::format("{}: {}", name, reason); }

  void fail_unknown(std::string_view spelling) {
    std::vector<std::string> known;
    for (const Rule& rule : rules) known.emplace_back(rule.name);
    error_ = fmt::format("{}: unknown EAL option{}", in_quotes(spelling), suggest(spelling, known));
  }

  std::span<const std::string> words_;
  std::size_t at_ = 0;
  std::vector<EalOption> options_;
  std::string error_;
};

bool has(std::span<const EalOption> options, std::string_view name) {
  return std::ranges::find(options, name, &EalOption::name) != options.end();
}

// Nothing, or which options cannot stand together.
std::optional<std::string> find_contradiction(std::span<const EalOption> options) {
  for (std::size_t i = 0; i < options.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (options[i].name != options[j].name) continue;
      if (!may_repeat(rule_of(options[i]))) return fmt::format("{}: is given twice", options[i].name);
      if (options[i].name == "--vdev" && eal::device_name(options[i].value) == eal::device_name(options[j].value))
        return fmt::format("--vdev: {} is given twice", in_quotes(eal::device_name(options[i].value)));
    }
  }
  for (const Exclusion& pair : exclusions) {
    if (has(options, pair.a) && has(options, pair.b))
      return fmt::format("{}: cannot be given together with {}", pair.b, pair.a);
  }
  const auto keeps_files = [](const EalOption& o) { return o.name == "--huge-unlink" && o.value == "never"; };
  if (has(options, "--in-memory") && std::ranges::any_of(options, keeps_files))
    return "--huge-unlink: never cannot be given together with --in-memory";
  return std::nullopt;
}

// Does an option of the line take the place of this one of the file?
bool replaces(const EalOption& of_line, const EalOption& of_file) {
  const Group group = rule_of(of_file).group;
  if (group != rule_of(of_line).group) return false;
  switch (group) {
    case Group::itself: return of_line.name == of_file.name;
    case Group::added: return false;
    case Group::added_by_device: return eal::device_name(of_line.value) == eal::device_name(of_file.value);
    default: return true;
  }
}

void write(const EalOption& option, std::vector<std::string>& words) {
  if (option.name.starts_with("--")) {
    words.push_back(option.has_value ? fmt::format("{}={}", option.name, option.value) : option.name);
    return;
  }
  // A word of its own, `--` is the end of the options to our parser.
  const bool joined = option.has_value && option.value == "--";
  words.push_back(joined ? option.name + option.value : option.name);
  if (option.has_value && !joined) words.push_back(option.value);
}

}  // namespace

std::expected<std::vector<EalOption>, std::string> parse_eal_args(std::span<const std::string> words) {
  auto options = Parser(words).run();
  if (!options) return options;
  if (const auto contradiction = find_contradiction(*options)) return std::unexpected(*contradiction);
  return options;
}

std::expected<std::vector<std::string>, std::string> merge_eal_args(std::span<const std::string> file_words,
                                                                    std::span<const std::string> line_words) {
  const auto of_file = parse_eal_args(file_words);
  if (!of_file) return std::unexpected(of_file.error());
  const auto of_line = parse_eal_args(line_words);
  if (!of_line) return std::unexpected(of_line.error());
  std::vector<EalOption> merged;
  for (const EalOption& option : *of_file) {
    const auto taken = [&](const EalOption& other) { return replaces(other, option); };
    if (std::ranges::none_of(*of_line, taken)) merged.push_back(option);
  }
  merged.insert(merged.end(), of_line->begin(), of_line->end());
  if (const auto contradiction = find_contradiction(merged)) return std::unexpected(*contradiction);
  std::vector<std::string> words;
  for (const EalOption& option : merged) write(option, words);
  return words;
}

std::optional<std::uint32_t> lcore_count_of(std::span<const std::string> words) {
  const auto options = parse_eal_args(words);
  if (!options) return std::nullopt;
  for (const EalOption& option : *options) {
    if (option.name == "-l") return eal::core_list_count(option.value);
    if (option.name == "-c") return eal::core_mask_count(option.value);
  }
  return std::nullopt;
}

std::optional<std::string> eal_value_of(std::span<const std::string> words, std::string_view name) {
  const auto options = parse_eal_args(words);
  if (!options) return std::nullopt;
  const auto found = std::ranges::find(*options, name, &EalOption::name);
  if (found == options->end() || !found->has_value) return std::nullopt;
  return found->value;
}

std::string file_prefix_of(std::span<const std::string> words) {
  return eal_value_of(words, "--file-prefix").value_or("rte");
}

}  // namespace penstock::control
