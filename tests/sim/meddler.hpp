// Meddler: somebody on the path who sees what goes by, changes it so that its checksums still hold, and says it again later.
//
// What he changes is the shape of a datagram – its end cut off, padding behind it, lengths that lie, a tag that nobody asked for
// – and never the bytes that a receiver would take: KCP could not tell. What he repeats comes milliseconds to minutes later.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "base/rng.hpp"
#include "base/time.hpp"
#include "sim/coverage.hpp"
#include "sim/frames.hpp"
#include "sim/plan.hpp"

namespace penstock::sim {

class Meddler {
 public:
  Meddler(const Plan& plan, Coverage& coverage);

  // A frame that is on its way, and what it becomes; nothing when it stays as it is. May keep a copy to say it again.
  std::optional<Bytes> pass(std::span<const std::uint8_t> frame, Instant now);
  // What he says again now.
  std::vector<Bytes> act(Instant now);
  Instant next_deadline() const { return later_.empty() ? Instant::never() : Instant::at_us(later_.begin()->first); }
  // Has nothing more to say.
  bool quiet() const { return later_.empty(); }

 private:
  Bytes mangle(std::span<const std::uint8_t> frame, const UdpView& view);

  const Plan& plan_;
  Coverage& coverage_;
  Rng rng_;
  std::uint32_t replays_left_;
  std::multimap<std::int64_t, Bytes> later_;  // by the µs at which they are said again
};

}  // namespace penstock::sim
