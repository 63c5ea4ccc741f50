// FloodPort: a Port that sends prepared frames beside what its worker sends: a hostile sender who listens to nothing.
//
// penstock-load puts it around its port under --flood, so that the flood comes through the same ring, by the same core and
// between the same turns as the traffic of its sessions: two processes on one core would take turns of milliseconds
// instead. MAC addresses, source and server are copied from the first untagged IPv4 datagram that a session sends; the
// frames are made then, in memory taken at construction, and only copied from there on. The flood lasts while the run is
// warming up and measuring. What the port has no room for is lost, as on a wire. One queue, used by its worker's core.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "buf/block.hpp"
#include "engine/port.hpp"
#include "load/progress.hpp"
#include "load/report.hpp"
#include "load/run_plan.hpp"

namespace penstock::load {

class FloodPort final : public Port {
 public:
  // Flows of the kinds that need no fresh one for each frame, and segments that an unproven one sends before it repeats them.
  static constexpr std::uint32_t flows = 64;
  static constexpr std::uint32_t segments = 64;
  // Conversations that one flood begins, each from an address of its own in the first session's /16, as if forged; their
  // ports are the ones from `first_port` on.
  static constexpr std::uint32_t newcomers = 16'384;
  static constexpr std::uint16_t first_port = 20'000;
  // Of each frame: Ethernet, IPv4, UDP and KCP headers, and data.
  static constexpr std::uint32_t frame_bytes = 14 + 20 + 8 + 24 + 64;
  // Frames of one call of receive() at most; who is late beyond that has missed them.
  static constexpr std::uint32_t frames_per_call = 512;

  // `plan.flood` is not none. Counts into `results` while `progress` says that is measured. All must outlive the port.
  FloodPort(Port& inner, BlockPool& blocks, const RunPlan& plan, const Progress& progress, Results& results);

  const PortInfo& info() const override { return inner_.info(); }
  std::uint32_t receive(std::uint16_t queue, std::span<net::RxFrame> frames, net::DropCounters& drops,
                        Instant now) override;
  std::uint32_t send(std::uint16_t queue, std::span<net::TxFrame> frames, net::DropCounters& drops,
                     Instant now) override;
  bool link_up() const override { return inner_.link_up(); }
  std::uint32_t held_frames(std::uint16_t queue) const override { return inner_.held_frames(queue); }
  Instant next_deadline(std::uint16_t queue) const override;
  void add_memory(std::uint16_t queue, MemoryMap& map) const override;
  bool impair(std::uint16_t queue, const impair::Impairment& impairment) override {
    return inner_.impair(queue, impairment);
  }
  impair::ImpairReport impair_report(std::uint16_t queue) const override { return inner_.impair_report(queue); }

 private:
  void learn(std::span<const std::uint8_t> frame);
  void prepare(std::span<std::uint8_t> frame, std::uint32_t number) const;
  void flood(std::uint16_t queue, net::DropCounters& drops, Instant now);
  void send_next(std::uint16_t queue, std::uint32_t count, bool counts, net::DropCounters& drops, Instant now);

  Port& inner_;
  BlockPool& blocks_;
  const FloodKind kind_;
  const std::uint64_t per_second_;
  const Progress& progress_;
  Results& results_;
  std::vector<std::uint8_t> frames_;  // one after another
  bool ready_ = false;                // they are made
  std::uint32_t next_ = 0;            // which of them is sent next
  Instant begun_ = Instant::never();
  std::uint64_t made_ = 0;  // since then, sent or not
};

}  // namespace penstock::load
