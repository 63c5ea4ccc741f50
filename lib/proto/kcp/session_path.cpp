// What a session knows of its path: the controller of ikcp's law, or how long a datagram may be.
#include <memory>

#include "proto/kcp/session.hpp"

namespace penstock::kcp {

namespace {

// So many copies of a long segment in vain, while the session lives, are no chance: the path swallows what is long.
constexpr std::uint32_t copies_of_black_hole = 4;

}  // namespace

void Session::forget_path(std::uint16_t path_base) {
  const Options& options = env_->options;
  if (options.by_time()) {
    std::construct_at(&path_mtu_, std::min(path_base, options.mtu));
    return;
  }
  const Congestion::Kind kind = options.no_congestion_window ? Congestion::Kind::none : Congestion::Kind::kcp;
  std::construct_at(&congestion_, kind, options.mss());
}

// A WASK whose payload is junk: every KCP passes over it and answers with a WINS, which names nothing. So only one probe is out at
// a time, and none while other questions are. It is no segment of the ring: that it is lost tells nothing of congestion.
bool Session::write_path_probe(OutDatagram& out, Instant now) {
  if (!proven_ || sender_.in_flight() == 0 || probe_.asking() || probe_.wask_owed()) return false;
  if (!wants_transmit(now)) return false;  // it goes along with what goes anyway
  if (sender_.oldest_is_stuck(copies_of_black_hole, path_mtu_.base())) path_mtu_.on_black_hole();
  path_mtu_.on_time(Duration::us(2 * std::int64_t{rtt_.rto_us()}), now);
  const auto most = static_cast<std::uint16_t>(std::min<std::uint32_t>(env_->options.mtu, out.room()));
  const std::uint16_t bytes = path_mtu_.probe_wanted(most, now);
  if (bytes < header_bytes || bytes > most) return false;
  Header header = heading().header();
  header.command = Command::wask;
  header.length = bytes - header_bytes;
  std::uint8_t* to = out.header(bytes);
  encode(header, to);
  std::fill_n(to + header_bytes, header.length, std::uint8_t{0});
  path_mtu_.on_probe_sent(bytes, now);
  ++env_->counters.path_probes_sent;
  return true;
}

// A peer tells of its window unasked as well. What comes sooner than half a round trip behind the probe is no answer to it.
void Session::on_wins(Instant now) {
  if (!path_mtu_.probe_out() || path_mtu_.probe_age(now) < Duration::us(rtt_.srtt_us() / 2)) return;
  path_mtu_.on_probe_answered(now);
  ++env_->counters.path_probes_answered;
}

}  // namespace penstock::kcp
