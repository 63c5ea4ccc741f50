#include "path/tally.hpp"

#include <algorithm>

#include "diff/ledger.hpp"

namespace penstock::path {

using diff::require;

void Tally::on_handed(Instant due) {
  require(handed_ < records_.size(), "more messages were handed in than the trial has");
  records_[handed_++].due_us = due.count_us();
}

void Tally::on_sent(std::uint64_t number, std::uint64_t bytes, Instant now) {
  require(number < handed_, "a segment was sent that nobody handed in");
  Record& record = records_[number];
  if (record.first_us >= 0) return resent_.add(bytes);
  record.first_us = now.count_us();
  first_.add(bytes);
}

void Tally::on_fate(std::uint64_t number, std::uint64_t bytes, bool lost) {
  require(number < handed_, "a segment came across that nobody handed in");
  Record& record = records_[number];
  if (record.across) spurious_.add(bytes);
  if (lost) lost_.add(bytes);
  else record.across = true;
}

void Tally::on_delivered(Instant now) {
  require(delivered_ < handed_ && records_[delivered_].across, "a message was delivered that did not come across");
  records_[delivered_++].delivered_us = now.count_us();
}

std::vector<std::int64_t> Tally::delays_from_handing_us() const {
  std::vector<std::int64_t> delays;
  for (std::uint64_t i = 0; i < delivered_; ++i) delays.push_back(records_[i].delivered_us - records_[i].due_us);
  return delays;
}

std::vector<std::int64_t> Tally::delays_from_first_copy_us() const {
  std::vector<std::int64_t> delays;
  for (std::uint64_t i = 0; i < delivered_; ++i) delays.push_back(records_[i].delivered_us - records_[i].first_us);
  return delays;
}

std::int64_t quantile(std::vector<std::int64_t>& values, std::uint32_t per_mille) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  return values[std::min<std::size_t>(values.size() - 1, values.size() * per_mille / 1000)];
}

}  // namespace penstock::path
