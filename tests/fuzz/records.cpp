#include "records.hpp"

#include <algorithm>
#include <utility>

#include "base/rng.hpp"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t size_max);

namespace penstock::fuzz {

namespace {

struct Owned {
  std::uint8_t kind = 0;
  std::vector<std::uint8_t> bytes;
};
using List = std::vector<Owned>;

List parse(std::span<const std::uint8_t> data) {
  List list;
  for (Feed feed(data); !feed.empty();) {
    const Record record = next_record(feed);
    list.push_back({record.kind, {record.bytes.begin(), record.bytes.end()}});
  }
  return list;
}

// As many records as fit, each whole.
std::size_t write(const List& list, std::uint8_t* out, std::size_t size_max) {
  std::size_t size = 0;
  for (const Owned& record : list) {
    const std::size_t length = record.bytes.size();
    if (length > 0xffff || size_max - size < record_head_bytes + length) break;
    out[size] = record.kind;
    out[size + 1] = static_cast<std::uint8_t>(length);
    out[size + 2] = static_cast<std::uint8_t>(length >> 8);
    std::copy(record.bytes.begin(), record.bytes.end(), out + size + record_head_bytes);
    size += record_head_bytes + length;
  }
  return size;
}

std::size_t place_in(const List& list, Rng& rng) { return static_cast<std::size_t>(rng.below(list.size())); }
List::iterator at(List& list, std::size_t place) { return list.begin() + static_cast<std::ptrdiff_t>(place); }

void change_bytes(Owned& record) {
  const std::size_t size = record.bytes.size();
  record.bytes.resize(size + 16);
  record.bytes.resize(LLVMFuzzerMutate(record.bytes.data(), size, record.bytes.size()));
}

// A copy of a stretch of records, put in elsewhere.
void copy_stretch(List& list, Rng& rng) {
  const std::size_t first = place_in(list, rng);
  const std::size_t count = 1 + static_cast<std::size_t>(rng.below(std::min<std::size_t>(list.size() - first, 8)));
  const List stretch(at(list, first), at(list, first + count));
  list.insert(at(list, place_in(list, rng)), stretch.begin(), stretch.end());
}

void drop_stretch(List& list, Rng& rng) {
  const std::size_t first = place_in(list, rng);
  const std::size_t count = 1 + static_cast<std::size_t>(rng.below(std::min<std::size_t>(list.size() - first, 8)));
  list.erase(at(list, first), at(list, first + count));
}

void mutate(List& list, Rng& rng) {
  if (list.empty() || rng.below(8) == 0) {
    const std::size_t place = static_cast<std::size_t>(rng.below(list.size() + 1));
    list.insert(at(list, place), Owned{static_cast<std::uint8_t>(rng.next()), {}});
    change_bytes(list[place]);
    return;
  }
  switch (rng.below(8)) {
    case 0: list[place_in(list, rng)].kind = static_cast<std::uint8_t>(rng.next()); break;
    case 1: std::swap(list[place_in(list, rng)], list[place_in(list, rng)]); break;
    case 2: copy_stretch(list, rng); break;
    case 3: drop_stretch(list, rng); break;
    default: change_bytes(list[place_in(list, rng)]);
  }
}

}  // namespace

std::size_t mutate_records(std::uint8_t* data, std::size_t size, std::size_t size_max, unsigned seed) {
  Rng rng(seed);
  // Now and then the bytes as they are, for those who cut records in half.
  if (rng.below(64) == 0) return LLVMFuzzerMutate(data, size, size_max);
  List list = parse({data, size});
  for (std::uint64_t i = 1 + rng.below(3); i > 0; --i) mutate(list, rng);
  const std::size_t written = write(list, data, size_max);
  return written != 0 ? written : LLVMFuzzerMutate(data, 0, size_max);
}

std::size_t cross_records(std::span<const std::uint8_t> one, std::span<const std::uint8_t> other, std::uint8_t* out,
                          std::size_t size_max, unsigned seed) {
  Rng rng(seed);
  List list = parse(one);
  const List behind = parse(other);
  // The first record sets the scene, so it stays the first.
  if (!list.empty()) list.resize(1 + static_cast<std::size_t>(rng.below(list.size())));
  if (!behind.empty()) {
    const auto from = static_cast<std::ptrdiff_t>(rng.below(behind.size()));
    list.insert(list.end(), behind.begin() + from, behind.end());
  }
  return write(list, out, size_max);
}

}  // namespace penstock::fuzz
