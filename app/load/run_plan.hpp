// RunPlan: what a load run is to do, as the command line asked for it, with every default filled in. Plain values.
#pragma once

#include <cstdint>

namespace penstock::load {

// Who sends what when, once all sessions are connected.
enum class ShapeKind : std::uint8_t {
  closed,      // so many requests in flight; an answer makes room for the next request
  open,        // so many requests a second, whatever becomes of the answers; RTT counts from when each was due
  bulk,        // as many messages as the windows take
  idle,        // nothing
  churn,       // connect, one echo, close, again
  connect,     // connecting all sessions is what is measured
  disconnect,  // closing all sessions is what is measured
  slow,        // as bulk, but answers are read late, so that the receive window fills up
  burst,       // so many requests at once, then nothing until the next burst
};

// Which session the next request belongs to.
enum class Pick : std::uint8_t {
  same,         // the one that was answered: each session asks again as soon as it is answered
  round_robin,  // the one whose turn it is
  uniform,      // any
  zipf,         // any, the first far more often than the last
};

// What a flood of prepared frames beside the sessions is made of; each kind is worth less to the server than the next.
enum class FloodKind : std::uint8_t {
  none,
  invalid,    // the UDP checksum is wrong
  unknown,    // of conversations whose beginning the server never saw
  unproven,   // more and more data of sessions that it opens and never proves
  newcomers,  // each begins a session
};

struct RunPlan {
  ShapeKind shape = ShapeKind::closed;
  Pick pick = Pick::same;
  std::uint32_t sessions = 1'000;
  std::uint32_t active = 1'000;                  // of these the shape uses so many, spread evenly
  std::uint32_t depth = 1'000;                   // requests in flight, all sessions together; of a burst, its requests
  std::uint32_t per_session = 1;                 // requests in flight of one session at most
  std::uint32_t requests_in_flight_max = 4'096;  // what memory is taken for
  std::uint64_t rate = 0;                        // requests a second (open, churn); 0: as `depth` allows
  std::uint32_t size_min = 64;                   // bytes of a message
  std::uint32_t size_max = 64;
  std::uint32_t zipf_permille = 990;  // exponent of pick = zipf, in thousandths
  std::uint64_t think_us = 0;  // from an answer to the next request; between two bursts; until a slow reader reads
  std::uint32_t ramp_s = 0;    // over which depth or rate grow to what they shall be
  std::uint32_t warmup_s = 1;  // of the shape, before what is measured
  std::uint32_t seconds = 10;  // measured at most
  std::uint64_t requests = 0;  // answers after which the run is over; 0: when the seconds are
  std::uint32_t connect_rate = 200'000;  // sessions a second that are begun at most
  std::uint32_t connect_depth = 512;     // … and of which the first echo is outstanding
  bool check_all = false;                // one more compared echo of each session once all are connected
  bool one_way = false;                  // bulk toward a sink: a message counts as answered when it was acknowledged
  std::uint32_t patience_s = 10;         // without any answer, after which the run is given up
  std::uint64_t seed = 1;
  FloodKind flood = FloodKind::none;
  std::uint64_t flood_rate = 0;  // frames a second, above 0 with a flood
};

}  // namespace penstock::load
