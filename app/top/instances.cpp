#include "top/instances.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "top/reply.hpp"

namespace penstock::top {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view socket_name = "dpdk_telemetry.v2";
// Directories and files looked at in one directory: nobody has so many.
constexpr int entries_max = 4096;

// "" for the first process of a prefix, ":1" for the next; nothing for another file.
bool is_socket_name(std::string_view file, std::string_view& suffix) {
  if (!file.starts_with(socket_name)) return false;
  suffix = file.substr(socket_name.size());
  return suffix.empty() ||
         (suffix.size() > 1 && suffix[0] == ':' && suffix.find_first_not_of("0123456789", 1) == std::string_view::npos);
}

std::vector<fs::path> entries_of(const fs::path& dir) {
  std::vector<fs::path> paths;
  std::error_code error;
  fs::directory_iterator entry(dir, error);
  for (int count = 0; !error && entry != fs::directory_iterator() && count < entries_max; ++count) {
    paths.push_back(entry->path());
    entry.increment(error);
  }
  std::ranges::sort(paths);
  return paths;
}

}  // namespace

std::vector<std::string> runtime_dirs() {
  std::vector<std::string> dirs = {"/var/run/dpdk"};
  for (const char* variable : {"RUNTIME_DIRECTORY", "XDG_RUNTIME_DIR"}) {
    const char* base = std::getenv(variable);
    if (base != nullptr && *base != '\0') dirs.push_back(fmt::format("{}/dpdk", base));
  }
  dirs.emplace_back("/tmp/dpdk");
  return dirs;
}

std::vector<Instance> find_instances(std::span<const std::string> dirs) {
  std::vector<Instance> found;
  for (const std::string& dir : dirs) {
    for (const fs::path& prefix : entries_of(dir)) {
      for (const fs::path& file : entries_of(prefix)) {
        std::error_code error;
        std::string_view suffix;
        const std::string name = file.filename().string();
        if (!is_socket_name(name, suffix) || !fs::is_socket(file, error)) continue;
        Instance instance{.name = prefix.filename().string() + std::string(suffix), .path = file.string()};
        if (std::ranges::find(found, instance.name, &Instance::name) == found.end()) found.push_back(instance);
      }
    }
  }
  std::ranges::sort(found, {}, &Instance::name);
  return found;
}

Instance instance_of(std::string_view wanted, std::span<const std::string> dirs) {
  const std::string name(wanted);
  if (name.find('/') != std::string::npos) return {name, name};
  for (const Instance& instance : find_instances(dirs)) {
    if (instance.name == name) return instance;
  }
  const std::size_t colon = name.rfind(':');
  const std::string suffix = colon == std::string::npos ? "" : name.substr(colon);
  const std::string dir = dirs.empty() ? "" : dirs[0];
  return {name, fmt::format("{}/{}/{}{}", dir, name.substr(0, colon), socket_name, suffix)};
}

std::string explain_missing(std::string_view missing, std::span<const std::string> dirs,
                            std::span<const Instance> found) {
  std::vector<std::string> looked;
  for (const std::string& dir : dirs) {
    looked.push_back(fmt::format("{}/{}/{}", dir, missing.empty() ? "*" : printable(missing), socket_name));
  }
  std::string sentence = missing.empty()
                             ? "no penstock runs here"
                             : fmt::format("no penstock with the file prefix '{}' runs here", printable(missing));
  sentence += fmt::format(" (looked for {})", fmt::join(looked, ", "));
  if (!found.empty()) {
    std::vector<std::string> names;
    for (const Instance& instance : found) names.push_back(printable(instance.name));
    return sentence + fmt::format("; these prefixes exist: {}", fmt::join(names, ", "));
  }
  return sentence +
         fmt::format("; start one with: penstock --file-prefix={} ... -- --config FILE, and be its user or root",
                     missing.empty() ? "edge1" : printable(missing));
}

}  // namespace penstock::top
