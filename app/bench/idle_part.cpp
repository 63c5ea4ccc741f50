// The idle part: what sessions cost that say nothing, and the longest turn when all of them run out of time at once.
//
// A worker turns once a millisecond while its sessions live through the default idle timeout; what many sessions add
// to the same turns with few is what they cost. Then the worker's core is taken away for two seconds in which every session
// expires, and each turn that works this off is a reading of its own, as is each turn before that used up its timer budget.
#include "bench/part.hpp"
#include "bench/server_rig.hpp"

namespace penstock::bench {

namespace {

constexpr std::uint32_t few = 1024;
constexpr std::uint32_t many = 1u << 20;
constexpr std::uint32_t many_quick = 1u << 17;
// Deadlines of one moment are spread over a second by World::idle_deadline().
constexpr Duration stolen = Duration::seconds(2);
constexpr Duration idle_step = Duration::ms(1);
constexpr Duration catch_up_step = Duration::us(10);

// Until just before the first session expires. `units` are session-seconds.
void idle(ServerRig& rig, Meter& meter, Instant first_expiry, std::string_view label, std::string_view label_of_full) {
  std::int64_t begun_us = rig.now().count_us();
  bool was_full = false;
  meter.begin();
  while (rig.now() + idle_step < first_expiry) {
    rig.turn(idle_step, &meter);
    const bool full = rig.worker().next_deadline() <= rig.now();
    // A turn alone in its reading when the one before ended a reading, too.
    if (full || was_full) {
      const auto us = static_cast<std::uint64_t>(rig.now().count_us() - begun_us);
      meter.end(was_full && full ? label_of_full : label, us);
      begun_us = rig.now().count_us();
      meter.begin();
    }
    was_full = full;
  }
  // The last turn may have ended a reading of its own.
  if (rig.now().count_us() == begun_us) rig.turn(Duration::us(100), &meter);
  meter.end(label, static_cast<std::uint64_t>(rig.now().count_us() - begun_us));
}

}  // namespace

void run_idle(Meter& meter, const Scale& scale) {
  const std::uint32_t by_default = scale.quick ? many_quick : many;
  for (const std::uint32_t sessions : {few, scale.idle_sessions != 0 ? scale.idle_sessions : by_default}) {
    const bool is_few = sessions == few;
    meter.prepare();
    ServerRig rig(sessions);
    const Instant first_expiry = rig.now() + rig.idle_timeout();
    rig.open_all();
    const std::string label = "idle-" + std::to_string(sessions);
    idle(rig, meter, first_expiry, label, label + "-full-turn");
    require(rig.sessions_now() == sessions, "sessions were lost while idle");
    if (is_few) continue;
    Duration step = stolen;
    while (rig.sessions_now() > 0) {
      meter.begin();
      rig.turn(step, &meter);
      meter.end("expiry-turn", 1);
      step = catch_up_step;
    }
  }
}

}  // namespace penstock::bench
