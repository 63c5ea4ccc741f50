#include "nic/hugepages.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string_view>
#include <system_error>

namespace penstock::nic {

namespace {

namespace fs = std::filesystem;

// The number at the start of `text`, and what follows it.
std::uint64_t take_number(std::string_view& text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return error == std::errc{} ? value : 0;
}

std::uint64_t number_in(const fs::path& file) {
  std::ifstream in(file);
  std::uint64_t value = 0;
  in >> value;
  return in ? value : 0;
}

// The page size among a mount's options, as the kernel shows it: pagesize=2M, pagesize=1024M.
std::uint64_t page_bytes_of(std::string_view options) {
  constexpr std::string_view key = "pagesize=";
  const std::size_t at = options.find(key);
  if (at == std::string_view::npos) return 0;
  std::string_view value = options.substr(at + key.size());
  const std::uint64_t number = take_number(value);
  if (value.starts_with('G')) return number << 30;
  if (value.starts_with('M')) return number << 20;
  return value.starts_with('K') ? number << 10 : number;
}

}  // namespace

std::vector<HugepagePool> hugepage_pools(const std::string& tree) {
  std::vector<HugepagePool> pools;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(tree + "/sys/kernel/mm/hugepages", error)) {
    const std::string name = entry.path().filename().string();
    std::string_view rest = name;
    if (!rest.starts_with("hugepages-")) continue;
    rest.remove_prefix(std::string_view("hugepages-").size());
    HugepagePool pool;
    pool.page_bytes = take_number(rest) << 10;
    pool.total = number_in(entry.path() / "nr_hugepages");
    pool.free = number_in(entry.path() / "free_hugepages");
    pools.push_back(pool);
  }
  std::ranges::sort(pools, {}, &HugepagePool::page_bytes);
  return pools;
}

std::uint64_t free_bytes(const std::vector<HugepagePool>& pools) {
  std::uint64_t sum = 0;
  for (const HugepagePool& pool : pools) sum += pool.free * pool.page_bytes;
  return sum;
}

std::string to_string(const std::vector<HugepagePool>& pools) {
  std::string text;
  for (const HugepagePool& pool : pools) {
    text += (text.empty() ? "" : ", ") + page_size_text(pool.page_bytes) + " pages: " + std::to_string(pool.free) +
            " of " + std::to_string(pool.total) + " free";
  }
  return text.empty() ? "this kernel has none" : text;
}

std::string page_size_text(std::uint64_t bytes) {
  if (bytes >= std::uint64_t{1} << 30) return std::to_string(bytes >> 30) + " GiB";
  return bytes >= 1 << 20 ? std::to_string(bytes >> 20) + " MiB" : std::to_string(bytes >> 10) + " KiB";
}

std::vector<HugepageMount> hugepage_mounts(const std::string& tree) {
  std::vector<HugepageMount> mounts;
  std::ifstream in(tree + "/proc/mounts");
  for (std::string line; std::getline(in, line);) {
    std::istringstream fields(line);
    std::string device, path, type, options;
    fields >> device >> path >> type >> options;
    if (type == "hugetlbfs") mounts.push_back({.path = path, .page_bytes = page_bytes_of(options)});
  }
  return mounts;
}

}  // namespace penstock::nic
