#include "proto/path_mtu.hpp"

#include <algorithm>

namespace penstock {

std::uint16_t PathMtu::probe_wanted(std::uint16_t most, Instant now) const {
  if (probe_ != 0) return 0;
  if (confirming_) return size_;
  if (done(most)) {
    // What a path does not carry today it may carry later.
    const bool again = size_ < most && probe_age(now) >= raise_after;
    return again ? most : std::uint16_t{0};
  }
  if (fails_ == 0 || fails_ > most) return most;
  return static_cast<std::uint16_t>(size_ + (fails_ - size_) / 2);
}

void PathMtu::on_probe_sent(std::uint16_t bytes, Instant now) {
  if (bytes >= fails_) fails_ = 0;  // asked for again
  probe_ = bytes;
  at_us_ = static_cast<std::uint32_t>(now.count_us());
}

void PathMtu::settle(Instant now) {
  probe_ = 0;
  tries_ = 0;
  confirming_ = false;
  at_us_ = static_cast<std::uint32_t>(now.count_us());
}

void PathMtu::on_probe_answered(Instant now) {
  if (probe_ == 0) return;
  size_ = std::max(size_, probe_);
  settle(now);
}

void PathMtu::on_time(Duration patience, Instant now) {
  if (probe_ == 0 || probe_age(now) < std::max(patience, patience_min)) return;
  if (++tries_ < tries_max) {
    probe_ = 0;
    return;
  }
  fails_ = probe_;
  if (confirming_) size_ = base_;
  settle(now);
}

void PathMtu::on_black_hole() {
  if (size_ == base_) return;
  fails_ = size_;
  size_ = base_;
  probe_ = 0;
  tries_ = 0;
  confirming_ = false;
}

bool PathMtu::on_hint() {
  if (size_ == base_ || probe_ != 0 || confirming_) return false;
  confirming_ = true;
  tries_ = 0;
  return true;
}

}  // namespace penstock
