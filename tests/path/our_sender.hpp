// OurSender: our session as a worker of the engine drives it, toward a peer whose address we chose.
//
// In a turn: what arrived, the timer when its tick of the wheel has come, messages, then poll_transmit() until it has
// nothing. A deadline is seen to at the tick behind it, not at its microsecond, which is what a sender that paces itself has
// to live with; between ticks the session is looked at when something arrives. One thread.
#pragma once

#include "diff/ours.hpp"
#include "session/timer_wheel.hpp"

namespace penstock::path {

class OurSender final : public diff::Machine {
 public:
  // `memory` must be whole and outlive it.
  OurSender(diff::Memory& memory, const kcp::Options& options, std::uint64_t seed);

  void input(std::span<const std::uint8_t> datagram, Instant now) override {
    ours_.input(datagram, now);
    touched_ = true;
  }
  void wake(Instant now) override;
  bool send(std::span<const std::uint8_t> message, Instant now) override {
    touched_ = true;
    return ours_.send(message, now);
  }
  std::vector<diff::Bytes> turn(Instant now) override;
  std::optional<diff::Bytes> receive() override { return ours_.receive(); }
  Instant next_deadline(Instant) override { return due_; }
  bool drained() override { return ours_.drained(); }
  kcp::Stats stats() const { return ours_.session.stats(); }
  const kcp::Counters& counters() const { return ours_.counters(); }

 private:
  diff::Ours ours_;
  bool touched_ = false;            // since the last turn: only then the engine visits it
  Instant due_ = Instant::never();  // the tick at which the wheel brings the session up
};

// The first tick of the wheel that is not before `deadline`.
Instant wheel_tick(Instant deadline);

}  // namespace penstock::path
