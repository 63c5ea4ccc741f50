// Herald: what the service manager is told of the node, and when: ready, a status line, the watchdog's food, the stop.
//
// Pure: time and what is known of the node are arguments, the lines to send are the answer. The watchdog is fed only when
// every worker made turns since it was fed last: a worker that is stuck lets the manager end the process and start it anew.
// The control thread's (Keeper).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/time.hpp"

namespace penstock::runtime {

// What is known of the node at one moment.
struct Tidings {
  bool ending = false;         // the stop has begun
  bool links_settled = false;  // every link is up, or was given the time to come up
  std::uint32_t links_down = 0;
  std::uint64_t sessions = 0;
  std::span<const std::uint64_t> turns;  // by worker, of its latest snapshot; 0 before there is one
};

class Herald {
 public:
  static constexpr Duration status_interval = Duration::seconds(5);
  // For workers to leave and ports to close after the time to drain.
  static constexpr Duration stop_time = Duration::seconds(15);

  // `watchdog` is Notify's, `drain_time` how long a stop waits for sessions.
  Herald(Duration watchdog, Duration drain_time) : watchdog_(watchdog), drain_time_(drain_time) {}

  // Is there something to be told at `now`? Gathering tidings costs some, so this is asked before.
  bool due(Instant now, bool ending) const;
  // The lines to send, joined by '\n'; none when nothing is to be told after all. sent() says that they were: otherwise the
  // next call gives them again, as they are then.
  std::string lines(Instant now, const Tidings& tidings);
  void sent() { told_ = telling_; }
  // The workers that kept the watchdog from being fed for three quarters of its patience.
  std::vector<std::size_t> stuck(Instant now, const Tidings& tidings) const;

 private:
  struct Told {
    bool ready = false;
    bool stopping = false;
    Instant status_at;
    Instant fed_at;
    std::vector<std::uint64_t> turns;  // when it was fed
  };

  bool ready(const Tidings& tidings) const;
  bool all_turned(const Tidings& tidings) const;
  bool feed_due(Instant now) const { return told_.ready && now - told_.fed_at >= watchdog_ / 2; }

  Duration watchdog_;
  Duration drain_time_;
  Told told_;
  Told telling_;  // what told_ becomes when the lines were sent
};

}  // namespace penstock::runtime
