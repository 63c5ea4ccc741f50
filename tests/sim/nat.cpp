#include "sim/nat.hpp"

#include "sim/plan.hpp"

namespace penstock::sim {

namespace {

constexpr std::uint32_t times_max = 500;

bool follows_clients(std::uint16_t port) {
  return port >= server_port_first && port < server_port_first + target_count &&
         is_roaming(static_cast<Target>(port - server_port_first));
}

void write16(Bytes& frame, std::size_t at, std::uint16_t value) {
  frame[at] = static_cast<std::uint8_t>(value >> 8);
  frame[at + 1] = static_cast<std::uint8_t>(value);
}

std::uint16_t read16(const Bytes& frame, std::size_t at) {
  return static_cast<std::uint16_t>(frame[at] << 8 | frame[at + 1]);
}

// Puts another port at `at` of the UDP header that begins at `udp`, and corrects the checksum (RFC 1624).
void replace_port(Bytes& frame, std::size_t udp, std::size_t at, std::uint16_t port) {
  std::uint32_t sum = static_cast<std::uint16_t>(~read16(frame, udp + 6));
  sum += static_cast<std::uint16_t>(~read16(frame, at)) + std::uint32_t{port};
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  write16(frame, at, port);
  const auto checksum = static_cast<std::uint16_t>(~sum);
  write16(frame, udp + 6, checksum == 0 ? std::uint16_t{0xffff} : checksum);
}

std::size_t udp_at(std::span<const std::uint8_t> frame, const UdpView& view) {
  return static_cast<std::size_t>(view.payload.data() - frame.data()) - 8;
}

}  // namespace

std::uint16_t Nat::shift() const { return static_cast<std::uint16_t>(times_ % times_max * ports_apart); }

Bytes Nat::outward(std::span<const std::uint8_t> frame) const {
  Bytes out(frame.begin(), frame.end());
  const auto view = peek(frame);
  if (!view || !follows_clients(view->destination.port)) return out;
  const std::size_t udp = udp_at(frame, *view);
  replace_port(out, udp, udp, static_cast<std::uint16_t>(view->source.port + shift()));
  return out;
}

std::optional<Bytes> Nat::inward(std::span<const std::uint8_t> frame) const {
  Bytes in(frame.begin(), frame.end());
  const auto view = peek(frame);
  if (!view || !follows_clients(view->source.port)) return in;
  const std::uint32_t first = client_port_first + std::uint32_t{shift()};
  if (view->destination.port < first || view->destination.port >= first + 2 * client_ports) return std::nullopt;
  const std::size_t udp = udp_at(frame, *view);
  replace_port(in, udp, udp + 2, static_cast<std::uint16_t>(view->destination.port - shift()));
  return in;
}

}  // namespace penstock::sim
