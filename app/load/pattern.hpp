// Pattern: what the messages of a load run hold: length and bytes are a function of session, message number and offset.
//
// So nothing has to be kept to compare an answer, and each byte has one right value: a message that is another's, a stretch
// that moved, or a single flipped bit is found. Word k of a message is key + k · step, little-endian. The key is a mix, which
// has an inverse, of the message's origin: the run's seed, the session and the number. So whoever takes messages in without
// knowing any of these has it all from a session's first word: the origins of the next messages follow. Plain arithmetic
// without memory; any core.
#pragma once

#include <cstdint>
#include <span>

namespace penstock::load {

class Pattern {
 public:
  // Lengths lie in [size_min, size_max] bytes, 1 at least.
  Pattern(std::uint64_t seed, std::uint32_t size_min, std::uint32_t size_max);

  // Bytes that a message must have to tell its origin.
  static constexpr std::uint32_t origin_bytes = 8;

  // What the bytes of a message are made from.
  std::uint64_t key(std::uint32_t session, std::uint32_t number) const {
    return key_of(seed_ + (std::uint64_t{number} << 32 | session));
  }
  static std::uint64_t key_of(std::uint64_t origin);
  // The origin of the message that begins with these bytes, at least origin_bytes of them, if it is one at all.
  static std::uint64_t origin_of(std::span<const std::uint8_t> bytes);
  // … and of the session's next message; the numbers wrap as a Client's do.
  static std::uint64_t next_origin(std::uint64_t origin) { return origin + (std::uint64_t{1} << 32); }
  // Bytes of the message with that key.
  std::uint32_t length(std::uint64_t key) const {
    return size_min_ + static_cast<std::uint32_t>(((key >> 32) * spread_) >> 32);
  }
  // Writes the bytes from `offset` on.
  static void fill(std::span<std::uint8_t> bytes, std::uint64_t key, std::uint32_t offset);
  // True when `bytes` are those from `offset` on.
  static bool matches(std::span<const std::uint8_t> bytes, std::uint64_t key, std::uint32_t offset);

 private:
  std::uint64_t seed_;
  std::uint32_t size_min_;
  std::uint64_t spread_;  // lengths to choose from
};

}  // namespace penstock::load
