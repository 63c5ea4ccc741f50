// penstock-wire: a real path with faults between two interfaces of a machine: frames of one leave by the other as a Lane lets them.
//
//   penstock-wire --from veth0 --to veth1 --rate 20 --queue 100 --rtt 100 --loss 0.01 --seconds 60
//
// So that a server, whatever it is made of, has the same link in front of it. Each direction is a Lane: a bottleneck with a
// bounded queue, then the way, which delays and loses. By the kernel's packet sockets, in one thread, in real time: its grain is
// the kernel's, some 100 µs. It ends by itself, or when it is told to, and tells in a line of JSON what it did. Needs root.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cerrno>
#include <cmath>
#include <csignal>
#include <cstring>
#include <ctime>
#include <string>

#include "diff/ledger.hpp"
#include "path/lane.hpp"
#include "path/segment_watch.hpp"

namespace {

using namespace penstock;
using namespace penstock::path;

constexpr int exit_bad_arguments = 2;
constexpr std::uint32_t frame_bytes_max = 2048;
constexpr std::uint32_t frames_max = 32'768;
constexpr int socket_buffer_bytes = 16 << 20;
constexpr int burst = 64;  // frames taken from one side before the other is looked at

volatile std::sig_atomic_t told_to_end = 0;

struct Request {
  std::string from, to;
  double rate_mbit = 0, back_rate_mbit = 0;
  double queue_kb = 0;
  double rtt_ms = 0;
  double loss = 0, back_loss = 0;
  double seconds = 60;
  std::uint64_t seed = 1;
};

Instant now() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return Instant::at_us(std::int64_t{time.tv_sec} * 1'000'000 + time.tv_nsec / 1000);
}

// The link's side of one interface.
class Side {
 public:
  explicit Side(const std::string& name) : socket_(::socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, 0)) {
    diff::require(socket_ >= 0, "no packet socket: root is needed");
    const int on = 1;
    sockaddr_ll where{};
    where.sll_family = AF_PACKET;
    where.sll_protocol = htons(ETH_P_ALL);
    where.sll_ifindex = static_cast<int>(if_nametoindex(name.c_str()));
    const auto size = static_cast<socklen_t>(sizeof(on));
    diff::require(where.sll_ifindex != 0, "there is no such interface");
    setsockopt(socket_, SOL_SOCKET, SO_RCVBUFFORCE, &socket_buffer_bytes, sizeof(socket_buffer_bytes));
    setsockopt(socket_, SOL_SOCKET, SO_SNDBUFFORCE, &socket_buffer_bytes, sizeof(socket_buffer_bytes));
    diff::require(setsockopt(socket_, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, size) == 0, "the kernel is too old");
    diff::require(bind(socket_, reinterpret_cast<const sockaddr*>(&where), sizeof(where)) == 0, "cannot bind");
  }
  ~Side() { close(socket_); }
  Side(const Side&) = delete;
  Side& operator=(const Side&) = delete;

  // What came in goes into the lane.
  void take(Lane& lane) {
    std::array<std::uint8_t, frame_bytes_max> frame{};
    for (int i = 0; i < burst; ++i) {
      const ssize_t bytes = recv(socket_, frame.data(), frame.size(), MSG_TRUNC);
      if (bytes <= 0) return;
      // A frame that the kernel would have cut, had it a card below it, is nothing that a wire carries.
      if (static_cast<std::size_t>(bytes) > frame.size()) {
        ++too_long_;
        continue;
      }
      lane.offer(std::span(frame).first(static_cast<std::size_t>(bytes)), now());
    }
  }
  // What the lane lets out is sent.
  void give(Lane& lane) {
    while (const auto frame = lane.poll(now())) {
      const auto bytes = frame->bytes();
      if (send(socket_, bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size())) ++sent_;
      else ++unsent_;
    }
  }
  pollfd waits_for() const { return {.fd = socket_, .events = POLLIN, .revents = 0}; }
  std::uint64_t sent() const { return sent_; }
  std::uint64_t unsent() const { return unsent_; }
  std::uint64_t too_long() const { return too_long_; }

 private:
  int socket_;
  std::uint64_t sent_ = 0;
  std::uint64_t unsent_ = 0;
  std::uint64_t too_long_ = 0;
};

LaneOptions lane_of(const Request& request, double rate_mbit, double loss) {
  return {.rate_bits_per_second = static_cast<std::uint64_t>(std::llround(rate_mbit * 1e6)),
          .queue_bytes = static_cast<std::uint64_t>(std::llround(request.queue_kb * 1000)),
          .delay = Duration::us(std::llround(request.rtt_ms * 500)),
          .loss_ppm = static_cast<std::uint32_t>(std::llround(loss * 1e6)),
          .datagram_bytes_max = frame_bytes_max,
          .datagrams_max = frames_max};
}

void wait(const Side& a, const Side& b, Instant until) {
  std::array sides = {a.waits_for(), b.waits_for()};
  const std::int64_t us = std::max<std::int64_t>((until - now()).count_us(), 0);
  const timespec time{.tv_sec = us / 1'000'000, .tv_nsec = us % 1'000'000 * 1000};
  ppoll(sides.data(), sides.size(), &time, nullptr);
}

void tell(const char* name, const Lane& lane, const Side& out, const Side& in, const char* end) {
  fmt::print(R"("{}":{{"forwarded":{},"lost":{},"queue_full":{},"queue_bytes_most":{},"unsent":{},"too_long":{}}}{})",
             name, out.sent(), lane.lost(), lane.refused(), lane.queued_bytes_most(), out.unsent(), in.too_long(), end);
}

void run(const Request& request) {
  Side from(request.from), to(request.to);
  SegmentWatch watch;
  Lane there(lane_of(request, request.rate_mbit, request.loss), Rng(request.seed).child(1), &watch);
  Lane back(lane_of(request, request.back_rate_mbit, request.back_loss), Rng(request.seed).child(2), nullptr);
  const Instant end = now() + Duration::us(std::llround(request.seconds * 1e6));
  fmt::print(stderr, "wire: up\n");
  while (told_to_end == 0 && now() < end) {
    from.take(there);
    to.take(back);
    to.give(there);
    from.give(back);
    wait(from, to, earlier(end, earlier(there.next_deadline(), back.next_deadline())));
  }
  fmt::print("{{");
  tell("there", there, to, from, ",");
  tell("back", back, from, to, ",");
  fmt::print(R"("first_bytes":{},"resent_bytes":{},"lost_bytes":{},"resent":{},"lost":{}}})"
             "\n",
             watch.first().bytes, watch.resent().bytes, watch.lost().bytes, watch.resent().count, watch.lost().count);
}

}  // namespace

int main(int argc, char** argv) {
  Request request;
  CLI::App app("A path with faults between two interfaces, in real time", "penstock-wire");
  app.add_option("--from", request.from, "the interface at whose end the sender is")->required();
  app.add_option("--to", request.to, "the other one")->required();
  app.add_option("--rate", request.rate_mbit, "Mbit/s of the bottleneck on the way there, frames counted; 0: none")
      ->check(CLI::Range(0.0, 1e5));
  app.add_option("--back-rate", request.back_rate_mbit, "the same on the way back")->check(CLI::Range(0.0, 1e5));
  app.add_option("--queue", request.queue_kb, "KB that a bottleneck holds; 0: all that comes")
      ->check(CLI::Range(0.0, 1e6));
  app.add_option("--rtt", request.rtt_ms, "ms, half of it each way")->check(CLI::Range(0.0, 10'000.0));
  app.add_option("--loss", request.loss, "of frames on the way there, 0.05 for 5 %")->check(CLI::Range(0.0, 1.0));
  app.add_option("--back-loss", request.back_loss, "of frames on the way back")->check(CLI::Range(0.0, 1.0));
  app.add_option("--seconds", request.seconds, "after which it ends")->check(CLI::Range(0.1, 86'400.0));
  app.add_option("--seed", request.seed, "of the losses");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int status = app.exit(error);
    return status == 0 ? 0 : exit_bad_arguments;
  }
  struct sigaction ends {};
  ends.sa_handler = [](int) { told_to_end = 1; };
  sigaction(SIGTERM, &ends, nullptr);
  sigaction(SIGINT, &ends, nullptr);
  try {
    run(request);
  } catch (const std::exception& error) {
    fmt::print(stderr, "penstock-wire: {}\n", error.what());
    return 1;
  }
  return 0;
}
