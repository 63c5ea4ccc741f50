#include "bench/rivals/udp_echo_client.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <string>

#include "bench/part.hpp"

namespace penstock::bench {

namespace {

constexpr std::int64_t ack_after_ns = 10'000'000;
constexpr std::int64_t lost_after_ns = 2'000'000'000;
constexpr double ns_per_second = 1e9;

// What a process, of one thread, has run, and waited while ready to run.
struct CpuTimes {
  std::uint64_t run_ns = 0;
  std::uint64_t waited_ns = 0;
};
CpuTimes cpu_times(const std::string& process) {
  std::ifstream in("/proc/" + process + "/schedstat");
  CpuTimes times;
  in >> times.run_ns >> times.waited_ns;
  require(!in.fail(), "the processor time of a process cannot be read");
  return times;
}

}  // namespace

UdpEchoClient::UdpEchoClient(const EchoLoad& load) : load_(load), socket_(0), sessions_(load.sessions) {
  server_.sin_family = AF_INET;
  server_.sin_port = htons(load.port);
  server_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  for (std::uint32_t i = 0; i < load.sessions; ++i) ready_.push_back(i);
}

std::int64_t UdpEchoClient::now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now().time_since_epoch()).count();
}

EchoReport UdpEchoClient::run() {
  const std::int64_t give_up = now_ns() + static_cast<std::int64_t>(load_.give_up_seconds * ns_per_second);
  while (replies_ < load_.sessions) {
    turn();
    require(now_ns() < give_up, "not all sessions opened in time");
  }
  run_for(load_.warm_seconds);
  const std::uint64_t replies = replies_;
  const std::uint64_t datagrams = socket_.datagrams_sent() + socket_.datagrams_received();
  const std::uint64_t again = sent_again_;
  const std::string server = std::to_string(load_.server_pid);
  const CpuTimes server_before = load_.server_pid > 0 ? cpu_times(server) : CpuTimes{};
  const CpuTimes own_before = cpu_times("self");
  rtt_ns_ = {};
  const std::int64_t begun = now_ns();
  run_for(load_.seconds);
  EchoReport report;
  report.seconds = static_cast<double>(now_ns() - begun) / ns_per_second;
  report.requests = replies_ - replies;
  report.datagrams = socket_.datagrams_sent() + socket_.datagrams_received() - datagrams;
  report.sent_again = sent_again_ - again;
  if (load_.server_pid > 0) {
    const CpuTimes after = cpu_times(server);
    report.server_cpu_seconds = static_cast<double>(after.run_ns - server_before.run_ns) / ns_per_second;
    report.waited_seconds = static_cast<double>(after.waited_ns - server_before.waited_ns) / ns_per_second;
  }
  const std::uint64_t own_waited_ns = cpu_times("self").waited_ns - own_before.waited_ns;
  report.waited_seconds = std::max(report.waited_seconds, static_cast<double>(own_waited_ns) / ns_per_second);
  report.rtt_ns = rtt_ns_;
  return report;
}

void UdpEchoClient::run_for(double seconds) {
  const std::int64_t end = now_ns() + static_cast<std::int64_t>(seconds * ns_per_second);
  while (now_ns() < end) turn();
}

void UdpEchoClient::turn() {
  const std::int64_t now = now_ns();
  take_replies(now);
  send_owed(now);
  repeat_lost(now);
  for (; under_way_ < load_.in_flight && !ready_.empty(); ready_.pop_front()) {
    ++under_way_;
    asked_.push_back({ready_.front(), now});
    ask(ready_.front(), now);
  }
  socket_.flush();
}

void UdpEchoClient::take_replies(std::int64_t now) {
  const std::uint32_t count = socket_.receive();
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto datagram = socket_.received(i);
    std::uint32_t conv = 0;
    require(datagram.size() >= sizeof(conv), "a reply is no KCP");
    std::memcpy(&conv, datagram.data(), sizeof(conv));
    require(conv < sessions_.size(), "a reply names no session");
    Session& session = sessions_[conv];
    const bool answered = session.peer.take_reply(datagram);
    if (session.peer.owes_ack()) {
      session.ack_due_ns = now + ack_after_ns;
      owed_.push_back({conv, session.ack_due_ns});
    }
    if (!answered || !session.waiting) continue;
    session.waiting = false;
    --under_way_;
    ++replies_;
    rtt_ns_.record(static_cast<std::uint64_t>(now - session.asked_ns));
    ready_.push_back(conv);
  }
}

// A session that has asked again owes nothing any more, or something later.
void UdpEchoClient::send_owed(std::int64_t now) {
  for (; !owed_.empty() && owed_.front().due_ns <= now; owed_.pop_front()) {
    const std::uint32_t conv = owed_.front().session;
    EchoPeer& peer = sessions_[conv].peer;
    const bool still_due = peer.owes_ack() && sessions_[conv].ack_due_ns == owed_.front().due_ns;
    if (still_due) socket_.put(peer.write_ack(conv, socket_.room()), server_);
  }
}

void UdpEchoClient::repeat_lost(std::int64_t now) {
  for (; !asked_.empty() && asked_.front().at_ns + lost_after_ns <= now; asked_.pop_front()) {
    const Asked lost = asked_.front();
    if (!sessions_[lost.session].waiting || sessions_[lost.session].asked_ns > lost.at_ns) continue;
    ++sent_again_;
    asked_.push_back({lost.session, now});
    ask(lost.session, now);
  }
}

void UdpEchoClient::ask(std::uint32_t conv, std::int64_t now) {
  Session& session = sessions_[conv];
  // The latency of a request that was lost counts from when it was asked first.
  if (!session.waiting) session.asked_ns = now;
  session.waiting = true;
  const auto stamp = static_cast<std::uint32_t>(now / 1'000'000);
  socket_.put(session.peer.write_request(conv, stamp, socket_.room()), server_);
}

}  // namespace penstock::bench
