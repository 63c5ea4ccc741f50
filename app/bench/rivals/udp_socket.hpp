// UdpSocket: a kernel UDP socket over IPv4 loopback that receives and sends bursts of datagrams, one system call a burst.
//
// What the rival's server and client stand on, given its best: recvmmsg, sendmmsg and large buffers. One thread.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <memory>
#include <span>

namespace penstock::bench {

class UdpSocket {
 public:
  static constexpr std::uint32_t burst_max = 64;
  static constexpr std::uint32_t datagram_bytes_max = 1500;

  // Bound to 127.0.0.1 and `port`; 0 for any. Throws BenchError.
  explicit UdpSocket(std::uint16_t port);
  ~UdpSocket();
  UdpSocket(const UdpSocket&) = delete;
  UdpSocket& operator=(const UdpSocket&) = delete;

  int descriptor() const { return descriptor_; }
  // Takes up to a burst of what has arrived, without waiting; how many. They stand until the next call.
  std::uint32_t receive();
  std::span<const std::uint8_t> received(std::uint32_t place) const;
  const sockaddr_in& source(std::uint32_t place) const { return in_->addresses[place]; }

  // Room for a datagram to `to`; put() keeps it with its length, and sends the burst when that is full.
  std::span<std::uint8_t> room() { return out_->bytes[out_count_]; }
  void put(std::uint32_t length, const sockaddr_in& to);
  // Sends what was put. Waits while the kernel has no room.
  void flush();

  std::uint64_t datagrams_sent() const { return sent_; }
  std::uint64_t datagrams_received() const { return arrived_; }

 private:
  struct Burst {
    Burst();
    std::array<std::array<std::uint8_t, datagram_bytes_max>, burst_max> bytes;
    std::array<sockaddr_in, burst_max> addresses{};
    std::array<iovec, burst_max> vectors{};
    std::array<mmsghdr, burst_max> headers{};
  };

  int descriptor_;
  std::unique_ptr<Burst> in_;
  std::unique_ptr<Burst> out_;
  std::uint32_t out_count_ = 0;
  std::uint64_t sent_ = 0;
  std::uint64_t arrived_ = 0;
};

}  // namespace penstock::bench
