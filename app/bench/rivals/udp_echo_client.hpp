// UdpEchoClient: KCP clients over one kernel socket, in a closed loop with D requests in flight.
//
// Sessions ask in turn. The ACK of a reply rides on the session's next request when that comes within 10 ms, else it goes
// alone. Every byte is compared, and a request that got no reply for long is sent again and counted. It spins, as its
// server is what is measured. One thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <vector>

#include "base/histogram.hpp"
#include "bench/echo_peer.hpp"
#include "bench/rivals/udp_socket.hpp"

namespace penstock::bench {

struct EchoLoad {
  std::uint16_t port = 0;  // of the server on 127.0.0.1
  std::uint32_t sessions = 1;
  std::uint32_t in_flight = 1;
  double warm_seconds = 1;
  double seconds = 5;
  double give_up_seconds = 120;  // for opening all sessions
  int server_pid = 0;            // whose processor time is read at the beginning and the end; 0 for nobody's
};

struct EchoReport {
  std::uint64_t requests = 0;
  double seconds = 0;
  double server_cpu_seconds = 0;
  double waited_seconds = 0;    // the server or we, whoever did more, for a CPU that somebody else had
  std::uint64_t datagrams = 0;  // both ways
  std::uint64_t sent_again = 0;
  Histogram rtt_ns;
};

class UdpEchoClient {
 public:
  explicit UdpEchoClient(const EchoLoad& load);
  // Opens every session by one request, lets the loop run warm, then measures. Throws BenchError.
  EchoReport run();

 private:
  using Clock = std::chrono::steady_clock;
  struct Session {
    EchoPeer peer;
    bool waiting = false;  // a request is under way
    std::int64_t asked_ns = 0;
    std::int64_t ack_due_ns = 0;
  };
  struct Owed {
    std::uint32_t session;
    std::int64_t due_ns;
  };
  struct Asked {
    std::uint32_t session;
    std::int64_t at_ns;
  };

  static std::int64_t now_ns();
  // One turn of the loop: what arrived, what is owed, new requests until D are under way.
  void turn();
  void take_replies(std::int64_t now);
  void send_owed(std::int64_t now);
  void repeat_lost(std::int64_t now);
  void ask(std::uint32_t session, std::int64_t now);
  void run_for(double seconds);

  EchoLoad load_;
  UdpSocket socket_;
  sockaddr_in server_{};
  std::vector<Session> sessions_;
  std::deque<std::uint32_t> ready_;  // in turn
  std::deque<Owed> owed_;            // by time
  std::deque<Asked> asked_;          // by time
  std::uint32_t under_way_ = 0;
  std::uint64_t replies_ = 0;
  std::uint64_t sent_again_ = 0;
  Histogram rtt_ns_;
};

}  // namespace penstock::bench
