// Records: an input as a sequence of things that happen, and mutations that keep it one.
//
// A record is a kind, a length of two bytes, the low one first, and so many bytes; what the kinds mean is each harness's own.
// mutate_records() changes, copies, drops and moves records as wholes, or has libFuzzer change the bytes of one, so that a
// change in the middle leaves what follows what it was. Bytes that end too early are taken as far as they go.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "feed.hpp"

namespace penstock::fuzz {

struct Record {
  std::uint8_t kind = 0;
  std::span<const std::uint8_t> bytes;
};

inline constexpr std::size_t record_head_bytes = 3;

// The next record; nothing is left of `feed` behind the last.
inline Record next_record(Feed& feed) {
  Record record;
  record.kind = feed.u8();
  record.bytes = feed.take(feed.u16());
  return record;
}

// What libFuzzer asks of LLVMFuzzerCustomMutator and LLVMFuzzerCustomCrossOver, for inputs that are records.
std::size_t mutate_records(std::uint8_t* data, std::size_t size, std::size_t size_max, unsigned seed);
std::size_t cross_records(std::span<const std::uint8_t> one, std::span<const std::uint8_t> other, std::uint8_t* out,
                          std::size_t size_max, unsigned seed);

}  // namespace penstock::fuzz
