#include "proto/congestion/newreno.hpp"

#include <algorithm>

namespace penstock::congestion {

void NewReno::on_acked(const Acked& acked) {
  const std::uint64_t bytes = window_.on_acked(acked);
  if (bytes == 0) return;
  credit_ += std::min<std::uint64_t>(bytes, window_max);
  const std::uint64_t windows = credit_ / window_.window();
  credit_ %= window_.window();
  if (windows > 0) window_.set_window(window_.window() + windows * window_.segment_bytes());
}

void NewReno::on_lost(const Lost& lost) {
  if (!window_.on_lost(lost)) return;
  window_.reduce(lost, window_.window() / 2);
  credit_ = 0;
}

void NewReno::on_timeout(const Timeout& timeout) {
  window_.on_timeout(timeout, to_volume(std::min<std::uint64_t>(timeout.in_flight, window_.window()) / 2));
  credit_ = 0;
}

}  // namespace penstock::congestion
