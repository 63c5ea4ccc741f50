#include "proto/kcp/options.hpp"

#include <array>

namespace penstock::kcp {

namespace {

struct Range {
  std::string_view field;
  std::uint32_t value;
  std::uint32_t low;
  std::uint32_t high;
  std::string_view sentence;
};

}  // namespace

std::optional<OptionFault> Options::validate() const {
  constexpr std::uint32_t hour_ms = 3'600'000;
  const std::array ranges = {
      Range{"nodelay", nodelay, 0, 2, "nodelay must be 0, 1 or 2"},
      Range{"loss_percent", loss_percent, 1, 50, "loss_percent must be 1 to 50"},
      Range{"resend", resend, 0, 255, "resend must be 0 to 255 skips"},
      Range{"dead_link", dead_link, 2, 255, "dead_link must be 2 to 255 transmissions"},
      Range{"mtu", mtu, 50, 9000, "mtu must be 50 to 9000 bytes"},
      Range{"interval_ms", interval_ms, 10, 5000, "interval_ms must be 10 to 5000"},
      Range{"ack_delay_ms", ack_delay_ms, 0, 1000, "ack_delay_ms must be 0 to 1000"},
      Range{"snd_wnd", snd_wnd, 1, window_max, "snd_wnd must be 1 to 32768 segments"},
      Range{"rcv_wnd", rcv_wnd, 1, window_max, "rcv_wnd must be 1 to 32768 segments"},
      Range{"send_queue_segments_max", send_queue_segments_max, 256, window_max,
            "send_queue_segments_max must be 256 to 32768, so that the largest message fits"},
      Range{"rto_min_ms", rto_min_ms, 1, 60'000, "rto_min_ms must be 1 to 60000"},
      Range{"rto_min_nodelay_ms", rto_min_nodelay_ms, 1, 60'000, "rto_min_nodelay_ms must be 1 to 60000"},
      Range{"rto_max_ms", rto_max_ms, rto_floor_ms(), 60'000, "rto_max_ms must lie between the RTO's floor and 60000"},
      Range{"rto_initial_ms", rto_initial_ms, 1, rto_max_ms, "rto_initial_ms must be 1 to rto_max_ms"},
      Range{"probe_initial_ms", probe_initial_ms, 1, probe_max_ms, "probe_initial_ms must be 1 to probe_max_ms"},
      Range{"probe_max_ms", probe_max_ms, 1, hour_ms, "probe_max_ms must be 1 to 3600000"},
      Range{"stall_timeout_ms", stall_timeout_ms, 1, hour_ms, "stall_timeout_ms must be 1 to 3600000"},
      Range{"linger_ms", linger_ms, 0, hour_ms, "linger_ms must be 0 to 3600000"},
  };
  for (const Range& range : ranges) {
    if (range.value < range.low || range.value > range.high) return OptionFault{range.field, range.sentence};
  }
  return std::nullopt;
}

}  // namespace penstock::kcp
