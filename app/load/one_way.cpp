// Runs toward a sink: nothing comes back, so a message counts as answered when the peer has acknowledged all of it.
//
// The machine tells no service of an ACK, so the sessions are looked at in turn: as often as is fine enough for a figure
// by the second, since a look walks over the session's window.
#include <algorithm>

#include "base/assert.hpp"
#include "load/client.hpp"

namespace penstock::load {

namespace {

constexpr std::uint64_t look_interval_ns = 1'000'000;
constexpr std::uint32_t sessions_per_look = 64;

}  // namespace

void Client::look_for_acks(Connections& connections) {
  if (!plan_.one_way || now_ns_ < next_ack_look_ns_) return;
  next_ack_look_ns_ = now_ns_ + look_interval_ns;
  const std::uint32_t looks = std::min(sessions_per_look, plan_.sessions);
  for (std::uint32_t i = 0; i < looks; ++i) {
    const std::uint32_t session = next_ack_look_;
    next_ack_look_ = session + 1 == plan_.sessions ? 0 : session + 1;
    if (roster_.outstanding(session) == 0) continue;
    const Connection connection = connections.get(roster_.id(session));
    if (!connection) continue;
    // A message of which one segment is left is not there yet.
    const std::uint32_t pieces = pieces_of(plan_.size_max);
    const std::uint32_t left = (connection.unacknowledged() + pieces - 1) / pieces;
    PENSTOCK_ASSERT(left <= roster_.outstanding(session));
    if (const std::uint32_t count = roster_.outstanding(session) - left; count > 0) on_acknowledged(session, count);
  }
}

void Client::on_acknowledged(std::uint32_t session, std::uint32_t count) {
  roster_.acknowledge(session, count);
  heard_ns_ = now_ns_;
  answered_ += count;
  if (phase_ == Phase::connecting) on_connected();
  if (phase_ != Phase::measuring) return;
  results_.requests += count;
  results_.payload_bytes += std::uint64_t{count} * plan_.size_max;
}

}  // namespace penstock::load
