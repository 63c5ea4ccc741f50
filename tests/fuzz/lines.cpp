// Lines: mutations of a text that take whole lines, beside those of libFuzzer; linked to harnesses whose inputs are lines in
// an order that means something.
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/rng.hpp"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t size_max);

namespace {

using penstock::Rng;
using Lines = std::vector<std::string>;

Lines lines_of(std::string_view text) {
  Lines lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return lines;
}

// As many lines as fit, each whole.
std::size_t write(const Lines& lines, std::uint8_t* out, std::size_t size_max) {
  std::size_t size = 0;
  for (const std::string& line : lines) {
    if (size_max - size < line.size() + 1) break;
    size += line.copy(reinterpret_cast<char*>(out) + size, line.size());
    out[size++] = '\n';
  }
  return size;
}

std::size_t place_in(const Lines& lines, Rng& rng) { return static_cast<std::size_t>(rng.below(lines.size())); }
Lines::iterator at(Lines& lines, std::size_t place) { return lines.begin() + static_cast<std::ptrdiff_t>(place); }

void change(std::string& line) {
  std::vector<std::uint8_t> bytes(line.begin(), line.end());
  bytes.resize(line.size() + 24);
  bytes.resize(LLVMFuzzerMutate(bytes.data(), line.size(), bytes.size()));
  line.assign(bytes.begin(), bytes.end());
}

void mutate(Lines& lines, Rng& rng) {
  const std::size_t place = place_in(lines, rng);
  switch (rng.below(8)) {
    case 0: std::swap(lines[place], lines[place_in(lines, rng)]); break;
    case 1: lines.insert(at(lines, place_in(lines, rng)), std::string(lines[place])); break;
    case 2: lines.erase(at(lines, place)); break;
    default: change(lines[place]);
  }
}

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t size_max,
                                               unsigned seed) {
  Rng rng(seed);
  Lines lines = lines_of({reinterpret_cast<const char*>(data), size});
  // Now and then the bytes as they are.
  if (lines.empty() || rng.below(16) == 0) return LLVMFuzzerMutate(data, size, size_max);
  for (std::uint64_t i = 1 + rng.below(2); i > 0 && !lines.empty(); --i) mutate(lines, rng);
  const std::size_t written = write(lines, data, size_max);
  return written != 0 ? written : LLVMFuzzerMutate(data, 0, size_max);
}

// The beginning of one and the end of the other.
extern "C" std::size_t LLVMFuzzerCustomCrossOver(const std::uint8_t* one, std::size_t one_size,
                                                 const std::uint8_t* other, std::size_t other_size, std::uint8_t* out,
                                                 std::size_t size_max, unsigned seed) {
  Rng rng(seed);
  Lines lines = lines_of({reinterpret_cast<const char*>(one), one_size});
  Lines behind = lines_of({reinterpret_cast<const char*>(other), other_size});
  if (!lines.empty()) lines.resize(1 + place_in(lines, rng));
  if (!behind.empty()) lines.insert(lines.end(), at(behind, place_in(behind, rng)), behind.end());
  return write(lines, out, size_max);
}
