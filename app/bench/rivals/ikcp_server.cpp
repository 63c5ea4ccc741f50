#include "bench/rivals/ikcp_server.hpp"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>

#include "bench/part.hpp"

namespace penstock::bench {

namespace {

constexpr std::uint32_t interval_ms = 10;
constexpr int window = 128;
constexpr std::uint32_t conv_bytes = 4;
// Bursts taken before those that wait in the session list are answered and timers are looked at.
constexpr int bursts_per_turn = 16;

std::uint32_t clock_ms() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<std::uint32_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

bool is_due(std::uint32_t at_ms, std::uint32_t now_ms) { return static_cast<std::int32_t>(at_ms - now_ms) <= 0; }

}  // namespace

IkcpServer::IkcpServer(std::uint16_t port, IkcpTimers timers, std::size_t quiet_until)
    : socket_(port), timers_(timers), epoll_(epoll_create1(EPOLL_CLOEXEC)), quiet_until_(quiet_until) {
  epoll_event event{};
  event.events = EPOLLIN;
  require(epoll_ >= 0 && epoll_ctl(epoll_, EPOLL_CTL_ADD, socket_.descriptor(), &event) == 0, "epoll failed");
}

int IkcpServer::output(const char* bytes, int count, IkcpControl*, void* user) {
  auto* session = static_cast<Session*>(user);
  std::memcpy(session->socket->room().data(), bytes, static_cast<std::size_t>(count));
  session->socket->put(static_cast<std::uint32_t>(count), session->peer);
  return 0;
}

void IkcpServer::run(const volatile std::sig_atomic_t& stop) {
  next_pass_ms_ = clock_ms() + interval_ms;
  while (stop == 0) {
    epoll_event event{};
    epoll_wait(epoll_, &event, 1, wait_ms(clock_ms()));
    const std::uint32_t now_ms = clock_ms();
    for (int i = 0; i < bursts_per_turn && take_burst(now_ms); ++i) {}
    run_timers(now_ms);
    socket_.flush();
  }
}

// True when there may be more.
bool IkcpServer::take_burst(std::uint32_t now_ms) {
  const std::uint32_t count = socket_.receive();
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto datagram = socket_.received(i);
    if (datagram.size() < conv_bytes) continue;
    std::uint32_t conv = 0;
    std::memcpy(&conv, datagram.data(), sizeof(conv));
    Session& session = session_of(socket_.source(i), conv, now_ms);
    const auto* bytes = reinterpret_cast<const char*>(datagram.data());
    if (ikcp().input(session.kcp.get(), bytes, static_cast<long>(datagram.size())) != 0) continue;
    if (!session.dirty) dirty_.push_back(&session);
    session.dirty = true;
  }
  for (Session* session : dirty_) {
    session->dirty = false;
    echo(*session);
    ikcp().flush_at(session->kcp.get(), now_ms);
    if (timers_ == IkcpTimers::check) reschedule(*session, now_ms);
  }
  dirty_.clear();
  socket_.flush();
  return count == UdpSocket::burst_max;
}

IkcpServer::Session& IkcpServer::session_of(const sockaddr_in& peer, std::uint32_t conv, std::uint32_t now_ms) {
  Session*& place = by_key_[{std::uint64_t{peer.sin_addr.s_addr} << 16 | peer.sin_port, conv}];
  if (place != nullptr) return *place;
  place = &sessions_.emplace_back();
  place->peer = peer;
  place->socket = &socket_;
  place->kcp = make_ikcp(conv, window, output, place);
  all_.push_back(place->kcp.get());
  ikcp().update(all_.back(), now_ms);
  return *place;
}

void IkcpServer::echo(Session& session) {
  std::array<char, 2048> message;
  for (;;) {
    const int size = ikcp().recv(session.kcp.get(), message.data(), static_cast<int>(message.size()));
    if (size < 0) return;
    ikcp().send(session.kcp.get(), message.data(), size);
  }
}

void IkcpServer::update_all(std::uint32_t now_ms) {
  if (!is_due(next_pass_ms_, now_ms)) return;
  next_pass_ms_ = now_ms + interval_ms;
  const auto begun = std::chrono::steady_clock::now();
  for (IkcpControl* kcp : all_) ikcp().update(kcp, now_ms);
  pass_ms_ += std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begun).count();
  ++passes_;
}

void IkcpServer::run_timers(std::uint32_t now_ms) {
  if (sessions_.size() < quiet_until_) return;
  if (timers_ == IkcpTimers::update_all) return update_all(now_ms);
  // What is put back behind `now_ms` waits for the next turn.
  for (std::size_t left = schedule_.size(); left > 0 && !schedule_.empty(); --left) {
    const auto first = schedule_.begin();
    if (!is_due(first->first, now_ms)) return;
    Session& session = *first->second;
    ikcp().update(session.kcp.get(), now_ms);
    reschedule(session, now_ms);
  }
}

void IkcpServer::reschedule(Session& session, std::uint32_t now_ms) {
  if (session.scheduled) schedule_.erase(session.due);
  session.due = schedule_.emplace(ikcp().check(session.kcp.get(), now_ms), &session);
  session.scheduled = true;
}

int IkcpServer::wait_ms(std::uint32_t now_ms) const {
  std::uint32_t next = next_pass_ms_;
  if (timers_ == IkcpTimers::check) next = schedule_.empty() ? now_ms + interval_ms : schedule_.begin()->first;
  return is_due(next, now_ms) ? 0 : static_cast<int>(std::min(next - now_ms, interval_ms));
}

}  // namespace penstock::bench
