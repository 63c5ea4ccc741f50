#include "bench/counting.hpp"

#include <fmt/format.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

namespace penstock::bench {

namespace {

namespace fs = std::filesystem;

// Removed with all it holds at the end.
class Folder {
 public:
  Folder() {
    std::string name = (fs::temp_directory_path() / "penstock-bench-XXXXXX").string();
    if (mkdtemp(name.data()) != nullptr) path_ = name;
  }
  ~Folder() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

std::string text_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// In the child, after fork(): its output goes to files, its words to callgrind.
[[noreturn]] void become_callgrind(const fs::path& folder, const Part& part, const Scale& scale) {
  const std::string self = fs::read_symlink("/proc/self/exe").string();
  const std::string out = "--callgrind-out-file=" + (folder / "profile").string();
  const std::string name(part.name);
  std::vector<const char*> words = {"valgrind",
                                    "--tool=callgrind",
                                    "--instr-atstart=no",
                                    "--collect-atstart=no",
                                    "--combine-dumps=yes",
                                    "--dump-line=no",
                                    out.c_str(),
                                    self.c_str(),
                                    "--counted",
                                    name.c_str()};
  const std::string idle_sessions = std::to_string(scale.idle_sessions);
  if (scale.quick) words.push_back("--quick");
  if (scale.idle_sessions != 0) words.insert(words.end(), {"--idle-sessions", idle_sessions.c_str()});
  words.push_back(nullptr);
  const bool redirected = std::freopen((folder / "readings").c_str(), "w", stdout) != nullptr &&
                          std::freopen((folder / "errors").c_str(), "w", stderr) != nullptr;
  if (redirected) execvp(words[0], const_cast<char**>(words.data()));
  std::fprintf(stderr, "%s: %s\n", words[0], std::strerror(errno));
  std::fflush(nullptr);
  _exit(127);
}

// What the child itself said of its failure, or else all that was said.
std::string reason_in(const std::string& errors) {
  static constexpr std::string_view ours = "penstock-bench: ";
  const std::size_t begin = errors.find(ours);
  if (begin == std::string::npos) return errors;
  return errors.substr(begin + ours.size(), errors.find('\n', begin) - begin - ours.size());
}

// Dumps and readings come in the same order; the last dump is what was left at the end of the process.
std::expected<std::vector<CountedReading>, std::string> joined(std::vector<Dump>&& dumps, const std::string& lines) {
  std::vector<CountedReading> readings;
  std::istringstream in(lines);
  std::string label;
  std::uint64_t units = 0;
  auto dump = dumps.begin();
  while (in >> label >> units) {
    if (dump == dumps.end() || dump->label != label) return std::unexpected("callgrind left no dump for " + label);
    readings.push_back({std::move(*dump++), units});
  }
  if (readings.empty()) return std::unexpected("no reading was taken");
  return readings;
}

}  // namespace

std::expected<std::vector<CountedReading>, std::string> count(const Part& part, const Scale& scale) {
  const Folder folder;
  if (folder.path().empty()) return std::unexpected("no temporary folder could be made");
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child < 0) return std::unexpected(std::string("fork: ") + std::strerror(errno));
  if (child == 0) become_callgrind(folder.path(), part, scale);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
  if (status != 0) {
    return std::unexpected(
        fmt::format("{} under valgrind: {}", part.name, reason_in(text_of(folder.path() / "errors"))));
  }
  auto dumps = parse_callgrind(text_of(folder.path() / "profile"));
  if (!dumps) return std::unexpected(dumps.error());
  return joined(std::move(*dumps), text_of(folder.path() / "readings"));
}

std::vector<CountedReading> by_label(const std::vector<CountedReading>& readings) {
  std::vector<CountedReading> merged;
  for (const CountedReading& reading : readings) {
    auto sum = std::ranges::find_if(merged, [&](const auto& m) { return m.dump.label == reading.dump.label; });
    if (sum == merged.end()) {
      merged.push_back(reading);
      continue;
    }
    sum->units += reading.units;
    sum->dump.instructions += reading.dump.instructions;
    for (const auto& [name, cost] : reading.dump.functions) {
      FunctionCost& all = sum->dump.functions[name];
      all.self += cost.self;
      all.inclusive += cost.inclusive;
      all.calls += cost.calls;
    }
  }
  return merged;
}

int run_counted(const Part& part, const Scale& scale) {
  Meter meter(1);
  if (!meter.counting()) {
    fmt::print(stderr, "penstock-bench: --counted is for a run under callgrind\n");
    return 2;
  }
  part.run(meter, scale);
  for (const Reading& reading : meter.readings()) fmt::print("{} {}\n", reading.label, reading.units);
  return 0;
}

}  // namespace penstock::bench
