#include "sim/meddler.hpp"

#include <algorithm>

namespace penstock::sim {

namespace {

constexpr std::uint32_t replays_max = 200;
constexpr std::size_t tags_at = 12;

enum class Change : std::uint8_t { cut, padded, segment_length, udp_length, ip_length, tag, trailer };
constexpr std::uint64_t changes = 7;

void write16(Bytes& bytes, std::size_t at, std::size_t value) {
  bytes[at] = static_cast<std::uint8_t>(value >> 8);
  bytes[at + 1] = static_cast<std::uint8_t>(value);
}

// Soon, later, or when all is over.
Duration draw_delay(Rng& rng) {
  switch (rng.below(3)) {
    case 0: return Duration::us(rng.between(1'000, 100'000));
    case 1: return Duration::us(rng.between(100'000, 5'000'000));
    default: return Duration::us(rng.between(5'000'000, 180'000'000));
  }
}

// A frame that was corrupted on its way so far keeps a checksum that says so: with a new one it would be a forgery of bytes.
bool is_sound(std::span<const std::uint8_t> frame, const UdpView& view) {
  const Bytes sound = udp(view.source, view.destination, view.payload);
  return std::ranges::equal(
      sound, frame.subspan(static_cast<std::size_t>(view.payload.data() - frame.data()) - 8, sound.size()));
}

}  // namespace

Meddler::Meddler(const Plan& plan, Coverage& coverage)
    : plan_(plan), coverage_(coverage), rng_(Rng(plan.seed).child(950)), replays_left_(replays_max) {}

std::optional<Bytes> Meddler::pass(std::span<const std::uint8_t> frame, Instant now) {
  if (now >= plan_.heal) return std::nullopt;
  const bool repeats = rng_.chance_ppm(plan_.replay_ppm);
  const bool changed = rng_.chance_ppm(plan_.mangle_ppm);
  if (!repeats && !changed) return std::nullopt;
  const auto view = peek(frame);
  if (!view) return std::nullopt;
  if (repeats && replays_left_ > 0) {
    --replays_left_;
    later_.emplace((now + draw_delay(rng_)).count_us(), Bytes(frame.begin(), frame.end()));
  }
  if (!changed || !is_sound(frame, *view)) return std::nullopt;
  coverage_.count(Fault::mangled);
  return mangle(frame, *view);
}

Bytes Meddler::mangle(std::span<const std::uint8_t> frame, const UdpView& view) {
  const bool v4 = view.source.address.is_v4();
  const auto udp_at = static_cast<std::size_t>(view.payload.data() - frame.data()) - 8;
  const std::size_t ip_at = udp_at - (v4 ? 20 : 40);
  Bytes made(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(ip_at));
  Bytes payload(view.payload.begin(), view.payload.end());
  const auto change = static_cast<Change>(rng_.below(changes));
  if (change == Change::tag) {
    made.insert(made.begin() + tags_at, {0x81, 0, static_cast<std::uint8_t>(rng_.below(16)), 77});
    append(made, frame.subspan(ip_at));
    return made;
  }
  if (change == Change::cut) payload.resize(payload.empty() ? 0 : rng_.below(payload.size()));
  if (change == Change::padded) payload.resize(payload.size() + 1 + rng_.below(60));
  if (change == Change::segment_length && payload.size() >= 24) {
    write16(payload, 20, 0xffff);  // far beyond any datagram, whatever the byte order
  }
  Bytes segment = udp(view.source, view.destination, payload);
  if (change == Change::udp_length) {
    write16(segment, 4, segment.size() + 1 + rng_.below(100));
    write_checksum(segment, 0, 6,
                   pseudo_sum(view.source.address, view.destination.address, 17,
                              static_cast<std::uint32_t>(segment[4] << 8 | segment[5])));
  }
  Bytes packet = ip(view.source.address, view.destination.address, 17, segment);
  if (change == Change::ip_length) {
    const std::size_t lie = rng_.below(2) == 0 ? packet.size() + 1 + rng_.below(200) : rng_.below(v4 ? 28 : 8);
    write16(packet, v4 ? 2 : 4, lie);
    if (v4) {
      Bytes header(packet.begin(), packet.begin() + 20);
      write_checksum(header, 0, 10, 0);
      std::ranges::copy(header, packet.begin());
    }
  }
  append(made, packet);
  if (change == Change::trailer) made.resize(made.size() + 1 + rng_.below(40), 0xaa);
  return made;
}

std::vector<Bytes> Meddler::act(Instant now) {
  std::vector<Bytes> frames;
  while (!later_.empty() && later_.begin()->first <= now.count_us()) {
    frames.push_back(std::move(later_.begin()->second));
    later_.erase(later_.begin());
    coverage_.count(Fault::replay);
  }
  return frames;
}

}  // namespace penstock::sim
