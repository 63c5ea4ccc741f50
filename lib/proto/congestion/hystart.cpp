#include "proto/congestion/hystart.hpp"

#include <algorithm>

namespace penstock::congestion {

std::uint32_t HyStart::threshold_us(std::uint32_t last_us) {
  return std::clamp(last_us / threshold_divisor, threshold_us_min, threshold_us_max);
}

void HyStart::begin_round() {
  last_us_ = current_us_;
  current_us_ = unknown;
  samples_ = 0;
}

bool HyStart::on_acked(const Acked& acked, std::uint32_t segment_bytes) {
  if (acked.round_began) {
    begin_round();
    if (conservative() && ++css_rounds_ >= css_rounds_max) return true;
  }
  if (acked.rtt_us == 0) return false;
  current_us_ = std::min(current_us_, acked.rtt_us);
  // One datagram of KCP names many segments. Each is a sample; the newest, which is told, waited least for the others.
  const std::uint64_t samples = samples_ + std::max<std::uint64_t>(1, acked.bytes / segment_bytes);
  samples_ = static_cast<std::uint16_t>(std::min<std::uint64_t>(samples, samples_min));
  if (samples_ < samples_min) return false;
  if (conservative()) {
    if (current_us_ < baseline_us_) {
      baseline_us_ = unknown;
      css_rounds_ = 0;
    }
  } else if (current_us_ - std::min(current_us_, last_us_) >= threshold_us(last_us_)) {
    // An unknown round before is longer than any.
    baseline_us_ = current_us_;
    css_rounds_ = 0;
  }
  return false;
}

}  // namespace penstock::congestion
