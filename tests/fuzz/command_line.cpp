// Fuzzes the command line: words, one a line of the input, are understood or refused with one sentence; what is understood
// is understood again, and merges with itself as with a file's words.
#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "claim.hpp"
#include "control/command_line.hpp"
#include "control/eal_arguments.hpp"

using namespace penstock::control;

namespace {

using Words = std::vector<std::string>;

Words words_of(std::string_view text) {
  Words words;
  while (!text.empty() && words.size() < 64) {
    const std::size_t end = text.find('\n');
    words.emplace_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return words;
}

void check_sentence(const std::string& sentence) {
  FUZZ_CLAIM(!sentence.empty());
  for (const char c : sentence) FUZZ_CLAIM(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
}

void check_eal(const Words& words) {
  const auto options = parse_eal_args(words);
  if (!options) return check_sentence(options.error());
  for (const EalOption& option : *options) FUZZ_CLAIM(option.name.starts_with("-"));
  lcore_count_of(words);
  eal_value_of(words, "--file-prefix");
  FUZZ_CLAIM(!file_prefix_of(words).empty());
  const auto merged = merge_eal_args(words, words);
  if (!merged) return check_sentence(merged.error());
  FUZZ_CLAIM(parse_eal_args(*merged).has_value());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Words words = words_of({reinterpret_cast<const char*>(data), size});
  const auto line = parse_command_line(words);
  if (!line) {
    check_sentence(line.error());
  } else {
    const bool told_of_a_file =
        line->action == Action::run || line->action == Action::check_config || line->action == Action::capacity;
    if (told_of_a_file) FUZZ_CLAIM(!line->config_file.empty() && parse_eal_args(line->eal_words).has_value());
  }
  check_eal(words);
  return 0;
}
