#include "session/challenge.hpp"

#include <array>

namespace penstock {

namespace {

// From base − 1 back to base − reach: the upper 30 bits.
std::uint32_t steps_back(std::uint64_t mac) { return 1 + static_cast<std::uint32_t>(mac >> 34); }
static_assert((~std::uint64_t{0} >> 34) + 1 == Challenge::reach);

Stamp32 stamp_of(std::uint64_t mac) { return Stamp32(static_cast<std::uint32_t>(mac)); }

}  // namespace

Challenge::Cookie Challenge::make(const Subject& subject, Seq32 base, Instant now) const {
  const std::uint64_t code = mac(subject, epoch_of(now));
  return {.sn = base - steps_back(code), .stamp = stamp_of(code)};
}

Challenge::Expected Challenge::expect(const Subject& subject, Instant now) const {
  const std::uint64_t present = epoch_of(now);
  Expected expected;
  expected.codes_ = {mac(subject, present), mac(subject, present - 1)};
  return expected;
}

bool Challenge::verify(const Subject& subject, Seq32 first, Seq32 last, Cookie answer, Instant now) const {
  return expect(subject, now).meets(first, last, answer);
}

bool Challenge::Expected::meets(Seq32 first, Seq32 last, Cookie answer) const {
  for (const std::uint64_t code : codes_) {
    const Seq32 base = answer.sn + steps_back(code);
    const bool in_range = base.raw() - first.raw() <= last.raw() - first.raw();
    if (in_range && answer.stamp == stamp_of(code)) return true;
  }
  return false;
}

// Every field stands in a place of its own and the number of words is constant, so that no two subjects share their words.
std::uint64_t Challenge::mac(const Subject& subject, std::uint64_t epoch_number) const {
  const net::Path& path = subject.path;
  const auto local = path.local.address.words();
  const auto remote = path.remote.address.words();
  const std::uint64_t ports =
      std::uint64_t{path.local.port} | std::uint64_t{path.remote.port} << 16 | std::uint64_t{path.interface} << 32;
  const std::array<std::uint64_t, 8> words{ports,     local[0],     local[1],     remote[0],
                                           remote[1], subject.conv, subject.salt, epoch_number};
  return siphash13_words(key_, words);
}

}  // namespace penstock
