#include "bench/rivals/udp_socket.hpp"

#include <arpa/inet.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "bench/part.hpp"

namespace penstock::bench {

namespace {

constexpr int buffer_bytes = 64 << 20;

}  // namespace

UdpSocket::Burst::Burst() {
  for (std::uint32_t i = 0; i < burst_max; ++i) {
    vectors[i] = {.iov_base = bytes[i].data(), .iov_len = bytes[i].size()};
    msghdr& header = headers[i].msg_hdr;
    header.msg_name = &addresses[i];
    header.msg_namelen = sizeof(addresses[i]);
    header.msg_iov = &vectors[i];
    header.msg_iovlen = 1;
  }
}

UdpSocket::UdpSocket(std::uint16_t port)
    : descriptor_(socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)),
      in_(std::make_unique<Burst>()),
      out_(std::make_unique<Burst>()) {
  require(descriptor_ >= 0, "no socket could be made");
  for (const int option : {SO_RCVBUFFORCE, SO_SNDBUFFORCE}) {
    setsockopt(descriptor_, SOL_SOCKET, option, &buffer_bytes, sizeof(buffer_bytes));
  }
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    throw BenchError("UDP port " + std::to_string(port) + ": " + std::strerror(errno));
  }
}

UdpSocket::~UdpSocket() { close(descriptor_); }

std::uint32_t UdpSocket::receive() {
  for (mmsghdr& header : in_->headers) header.msg_hdr.msg_namelen = sizeof(sockaddr_in);
  const int count = recvmmsg(descriptor_, in_->headers.data(), burst_max, MSG_DONTWAIT, nullptr);
  if (count < 0) {
    require(errno == EAGAIN || errno == EINTR, "recvmmsg() failed");
    return 0;
  }
  arrived_ += static_cast<std::uint32_t>(count);
  return static_cast<std::uint32_t>(count);
}

std::span<const std::uint8_t> UdpSocket::received(std::uint32_t place) const {
  return std::span(in_->bytes[place]).first(in_->headers[place].msg_len);
}

void UdpSocket::put(std::uint32_t length, const sockaddr_in& to) {
  out_->vectors[out_count_].iov_len = length;
  out_->addresses[out_count_] = to;
  if (++out_count_ == burst_max) flush();
}

void UdpSocket::flush() {
  std::uint32_t done = 0;
  while (done < out_count_) {
    const int count = sendmmsg(descriptor_, out_->headers.data() + done, out_count_ - done, 0);
    if (count > 0) done += static_cast<std::uint32_t>(count);
    else require(errno == EAGAIN || errno == EINTR || errno == ECONNREFUSED || errno == ENOBUFS, "sendmmsg() failed");
  }
  sent_ += out_count_;
  out_count_ = 0;
}

}  // namespace penstock::bench
