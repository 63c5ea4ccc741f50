#include "path/oracle_sender.hpp"

namespace penstock::path {

OracleSender::OracleSender(const kcp::Options& options, std::int64_t segment_ns, std::uint32_t spare_from)
    : window_(options.snd_wnd), oracle_(options.snd_wnd, segment_ns, spare_from) {}

bool OracleSender::send(std::span<const std::uint8_t> message, Instant) {
  // As many wait unsent as may be in flight, so that none is missing when the window moves.
  if (oracle_.end() - oracle_.una() >= 2 * window_) return false;
  messages_.emplace_back(message.begin(), message.end());
  oracle_.add();
  return true;
}

std::vector<diff::Bytes> OracleSender::turn(Instant now) {
  std::vector<diff::Bytes> datagrams;
  while (const auto number = oracle_.poll_transmit(now)) datagrams.push_back(datagram_of(*number));
  for (; first_ < oracle_.una(); ++first_) messages_.pop_front();
  return datagrams;
}

diff::Bytes OracleSender::datagram_of(std::uint32_t number) const {
  kcp::Header header;
  header.conv = diff::conv;
  header.command = kcp::Command::push;
  header.window = static_cast<std::uint16_t>(window_);
  header.sn = Seq32(number);
  diff::Bytes datagram;
  diff::put(datagram, header, messages_[number - first_]);
  return datagram;
}

}  // namespace penstock::path
