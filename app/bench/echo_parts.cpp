// The echo parts: a 64 B request and its reply through the whole of a worker, in the two shapes of a client.
#include "bench/part.hpp"
#include "bench/server_rig.hpp"

namespace penstock::bench {

namespace {

// As many as TARGETS' rate is measured with.
constexpr std::uint32_t piggy_sessions = 1024;
constexpr int piggy_rounds = 16;
// A round of requests takes 5 ms at the rate of ServerRig, so the ACK comes as late as a client's timer would send it.
constexpr std::uint32_t apart_sessions = 16'384;
constexpr int warm_rounds = 2;

}  // namespace

void run_echo_piggy(Meter& meter, const Scale&) {
  ServerRig rig(piggy_sessions);
  rig.open_all();
  for (int i = 0; i < warm_rounds; ++i) rig.round(Crowd::Kind::piggy);
  for (std::uint32_t i = 0; i < meter.repeats(); ++i) {
    std::uint64_t replies = 0;
    meter.begin();
    for (int k = 0; k < piggy_rounds; ++k) replies += rig.round(Crowd::Kind::piggy, &meter);
    require(replies == std::uint64_t{piggy_sessions} * piggy_rounds, "replies are missing");
    meter.end("echo-piggy", replies);
  }
}

void run_echo_apart(Meter& meter, const Scale&) {
  ServerRig rig(apart_sessions);
  rig.open_all();
  for (int i = 0; i < warm_rounds; ++i) {
    rig.round(Crowd::Kind::push);
    rig.round(Crowd::Kind::ack);
  }
  for (std::uint32_t i = 0; i < meter.repeats(); ++i) {
    meter.begin();
    const std::uint64_t replies = rig.round(Crowd::Kind::push, &meter);
    require(replies == apart_sessions, "replies are missing");
    require(rig.round(Crowd::Kind::ack, &meter) == 0, "an ACK was answered");
    meter.end("echo-apart", replies);
  }
}

}  // namespace penstock::bench
