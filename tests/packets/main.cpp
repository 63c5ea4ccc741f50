// penstock-packets: plays packet scripts, and holds them against the lists of what has to be shown by one.
#include <fmt/core.h>

#include <unistd.h>
#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

#include "packets/player.hpp"

namespace {

namespace files = std::filesystem;
using namespace penstock;
using namespace penstock::packets;

// The script in work, for the handler below.
char in_work[512] = "";

// The assertion has printed its fact by now; what is missing is the script.
void on_abort(int) {
  constexpr std::string_view text = "packets: an assertion failed in ";
  static_cast<void>(!write(STDERR_FILENO, text.data(), text.size()));
  static_cast<void>(!write(STDERR_FILENO, in_work, std::char_traits<char>::length(in_work)));
  static_cast<void>(!write(STDERR_FILENO, "\n", 1));
  _exit(1);
}

std::string read(const files::path& path) {
  std::ifstream in(path);
  if (!in) throw ScriptError(fmt::format("{} cannot be read", path.string()));
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

std::vector<files::path> scripts_below(const files::path& place) {
  if (files::is_regular_file(place)) return {place};
  std::vector<files::path> found;
  for (const auto& entry : files::recursive_directory_iterator(place)) {
    if (entry.path().extension() == ".pkt") found.push_back(entry.path());
  }
  std::ranges::sort(found);
  return found;
}

// The first word of each line that is no comment, behind `prefix`.
std::set<std::string> names_in(const files::path& list, const std::string& prefix) {
  std::set<std::string> names;
  std::istringstream lines(read(list));
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty() && line[0] != '#') names.insert(prefix + line.substr(0, line.find(' ')));
  }
  return names;
}

// What must be shown, by kind.
Claims wanted_of(const files::path& place) {
  Claims wanted;
  for (const std::string_view name : net::drop_reason_names) wanted["drop"].emplace(name);
  for (const std::string_view name : close_reason_names) wanted["close"].emplace(name);
  wanted["rule"] = names_in(place / ".." / "vectors" / "rules_4A.txt", "4.A ");
  wanted["rule"].merge(names_in(place / ".." / "vectors" / "rules_6.txt", "6 "));
  return wanted;
}

// Rows "kind name: reason" of what no script can show.
Claims excused_of(const files::path& place) {
  Claims excused;
  std::istringstream lines(read(place / "unscripted.txt"));
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line[0] == '#') continue;
    const std::size_t space = line.find(' ');
    const std::size_t colon = line.find(": ");
    if (space == std::string::npos || colon == std::string::npos || colon < space) {
      throw ScriptError(fmt::format("unscripted.txt: '{}' is no row", line));
    }
    excused[line.substr(0, space)].insert(line.substr(space + 1, colon - space - 1));
  }
  return excused;
}

// Prints what the lists and the scripts do not agree on; how many.
std::uint32_t compare_lists(const files::path& place, Claims shown) {
  Claims excused = excused_of(place);
  std::uint32_t faults = 0;
  const auto complain = [&](const std::string& sentence) {
    fmt::print(stderr, "packets: {}\n", sentence);
    ++faults;
  };
  for (auto& [kind, names] : wanted_of(place)) {
    for (const std::string& name : names) {
      const bool is_excused = excused[kind].contains(name);
      const bool is_shown = shown[kind].contains(name);
      if (!is_shown && !is_excused) complain(fmt::format("no script shows {} {}", kind, name));
      if (is_shown && is_excused)
        complain(fmt::format("{} {} is shown, though unscripted.txt says it cannot", kind, name));
    }
    for (const std::string& name : shown[kind]) {
      if (!names.contains(name)) complain(fmt::format("a script shows {} {}, which is on no list", kind, name));
    }
  }
  return faults;
}

int play_all(const files::path& place) {
  std::uint32_t passed = 0;
  std::uint32_t failed = 0;
  Claims shown;
  for (const files::path& path : scripts_below(place)) {
    const std::string name = path.lexically_normal().string();
    std::snprintf(in_work, sizeof(in_work), "%s", name.c_str());
    try {
      Player player(name, read(path));
      player.play();
      for (const auto& [kind, names] : player.claims()) shown[kind].insert(names.begin(), names.end());
      ++passed;
    } catch (const std::runtime_error& error) {
      fmt::print(stderr, "{}\n", error.what());
      ++failed;
    }
  }
  if (files::is_directory(place)) {
    const std::uint32_t faults = compare_lists(place, shown);
    failed += faults;
    if (faults == 0) ++passed;
  }
  fmt::print("packets: {} passed, {} failed\n", passed, failed);
  return failed == 0 && passed > 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    fmt::print(stderr, "usage: penstock-packets FOLDER|SCRIPT\n");
    return 2;
  }
  std::signal(SIGABRT, on_abort);
  try {
    return play_all(argv[1]);
  } catch (const std::runtime_error& error) {
    fmt::print(stderr, "packets: {}\n", error.what());
    return 2;
  }
}
