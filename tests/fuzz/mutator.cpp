// Mutator: the two functions by which libFuzzer lets a harness of records mutate its own inputs; linked to those harnesses.
#include "records.hpp"

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t size_max,
                                               unsigned seed) {
  return penstock::fuzz::mutate_records(data, size, size_max, seed);
}

extern "C" std::size_t LLVMFuzzerCustomCrossOver(const std::uint8_t* one, std::size_t one_size,
                                                 const std::uint8_t* other, std::size_t other_size, std::uint8_t* out,
                                                 std::size_t size_max, unsigned seed) {
  return penstock::fuzz::cross_records({one, one_size}, {other, other_size}, out, size_max, seed);
}
