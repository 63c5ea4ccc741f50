// Counters: the named whole numbers of one statistics reply, in the reply's order. Plain data, used by one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace penstock::top {

class Counters {
 public:
  using Entry = std::pair<std::string, std::uint64_t>;

  void add(std::string name, std::uint64_t value) { entries_.emplace_back(std::move(name), value); }
  // The number called `name`; an older or newer penstock may not have it.
  std::optional<std::uint64_t> find(std::string_view name) const {
    for (const Entry& entry : entries_) {
      if (entry.first == name) return entry.second;
    }
    return std::nullopt;
  }
  // The same where nothing is as good as none.
  std::uint64_t of(std::string_view name) const { return find(name).value_or(0); }
  const std::vector<Entry>& all() const { return entries_; }
  bool empty() const { return entries_.empty(); }

 private:
  std::vector<Entry> entries_;  // few enough to be searched one by one
};

}  // namespace penstock::top
