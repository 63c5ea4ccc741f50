#include "nic/rx_wait.hpp"

#include <poll.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_interrupts.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace penstock::nic {

namespace {

// Interrupts taken note of at once; those beyond it end the next sleep.
constexpr int events_max = 16;

}  // namespace

std::expected<std::unique_ptr<RxWait>, std::string> RxWait::make(std::span<const std::unique_ptr<DpdkPort>> ports,
                                                                 std::uint16_t queue) {
  // An epoll of our own, since EAL's per-thread one can be made by its thread only.
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  if (epoll < 0) return std::unexpected(std::string("workers cannot wait for frames: epoll: ") + std::strerror(errno));
  std::unique_ptr<RxWait> wait(new RxWait(epoll, queue));
  for (const auto& port : ports) {
    if (!port->report().rx_interrupts) {
      wait->every_port_ = false;
      continue;
    }
    const int code = rte_eth_dev_rx_intr_ctl_q(port->port_id(), queue, epoll, RTE_INTR_EVENT_ADD, nullptr);
    if (code != 0) {
      return std::unexpected("The port " + port->info().name + " does not let a worker wait for queue " +
                             std::to_string(queue) + ": " + rte_strerror(-code) +
                             "; workers.poll = \"busy\" does without.");
    }
    PENSTOCK_ASSERT(wait->source_count_ < sources_max);
    wait->sources_[wait->source_count_++].port_id = port->port_id();
  }
  return wait;
}

RxWait::~RxWait() {
  disarm();
  for (const Source& source : std::span(sources_).first(source_count_)) {
    rte_eth_dev_rx_intr_ctl_q(source.port_id, queue_, epoll_, RTE_INTR_EVENT_DEL, nullptr);
  }
  close(epoll_);
}

bool RxWait::arm() {
  bool all = every_port_;
  for (Source& source : std::span(sources_).first(source_count_)) {
    source.armed = rte_eth_dev_rx_intr_enable(source.port_id, queue_) == 0;
    armed_ = armed_ || source.armed;
    all = all && source.armed;
  }
  return all;
}

void RxWait::disarm() {
  if (!armed_) return;
  for (Source& source : std::span(sources_).first(source_count_)) {
    if (source.armed) rte_eth_dev_rx_intr_disable(source.port_id, queue_);
    source.armed = false;
  }
  armed_ = false;
}

bool RxWait::sleep(Duration span) {
  const timespec time = {.tv_sec = span.count_us() / 1'000'000, .tv_nsec = span.count_us() % 1'000'000 * 1'000};
  // epoll_wait() counts in milliseconds, so the epoll itself is polled; it is ready when one of its events is.
  pollfd ready = {.fd = epoll_, .events = POLLIN, .revents = 0};
  if (ppoll(&ready, armed_ ? 1 : 0, &time, nullptr) <= 0) return false;
  std::array<rte_epoll_event, events_max> events;
  return rte_epoll_wait(epoll_, events.data(), events_max, 0) > 0;
}

}  // namespace penstock::nic
