// Shows that BucketTable holds what it was given, also when tags collide, the table is full or has been churned for long.
// How: random runs against a std::map with few and with many distinct hashes, and runs at the highest load.
#include "session/bucket_table.hpp"

#include <catch2/catch.hpp>
#include <map>
#include <vector>

#include "aborts.hpp"
#include "base/rng.hpp"

using namespace penstock;

namespace {

struct Table {
  explicit Table(std::uint32_t capacity)
      : memory(BucketTable::cost(capacity)), arena(memory.bytes()), table(arena, capacity) {}
  HeapMemory memory;
  Arena arena;
  BucketTable table;
};

bool holds(BucketTable& table, std::uint64_t hash, std::uint64_t value) {
  return table.find(hash, [&](std::uint64_t v) { return v == value; }) != nullptr;
}

constexpr bool any_value(std::uint64_t) { return true; }

// Of a table for 1,000, which has 512 buckets: of this home bucket, with the other one `way` (odd) from it.
constexpr std::uint64_t hash_of(std::uint64_t home, std::uint64_t way = 1) { return home << 55 | way << 8; }

// `hashes` different hashes, a capacity, and as many operations. Returns how many inserts the probe refused.
std::uint64_t run_against_map(std::uint64_t seed, std::uint64_t hashes, std::uint32_t capacity, int operations) {
  INFO("seed " << seed);
  Table t(capacity);
  Rng rng(seed);
  std::map<std::uint64_t, std::uint64_t> model;  // value → hash
  std::vector<std::uint64_t> values;
  std::uint64_t next_value = 1;
  std::uint64_t refused = 0;
  // A multiplication spreads the small numbers over tags and homes; the same number is the same hash.
  const auto spread = [](std::uint64_t number) { return (number + 1) * 0x9e3779b97f4a7c15u; };
  for (int i = 0; i < operations; ++i) {
    const std::uint64_t hash = spread(rng.below(hashes));
    const std::uint64_t what = rng.below(8);
    if (what < 4) {
      const bool inserted = t.table.insert(hash, next_value);
      if (model.size() == capacity) REQUIRE_FALSE(inserted);
      if (inserted) {
        model[next_value] = hash;
        values.push_back(next_value);
      } else {
        ++refused;
      }
      ++next_value;
    } else if (what < 7 && !values.empty()) {
      const std::size_t at = rng.below(values.size());
      const std::uint64_t value = values[at];
      REQUIRE(t.table.erase(model[value], value));
      REQUIRE_FALSE(holds(t.table, model[value], value));
      REQUIRE_FALSE(t.table.erase(model[value], value));
      model.erase(value);
      values[at] = values.back();
      values.pop_back();
    } else if (!values.empty()) {
      const std::uint64_t value = values[rng.below(values.size())];
      REQUIRE(holds(t.table, model[value], value));
      REQUIRE_FALSE(holds(t.table, model[value], next_value));
    }
    REQUIRE(t.table.count() == model.size());
  }
  for (const auto& [value, hash] : model) REQUIRE(holds(t.table, hash, value));
  return refused;
}

}  // namespace

TEST_CASE("a million random operations agree with a map", "[bucket_table]") {
  run_against_map(1, ~std::uint64_t{0}, 3000, 1'000'000);
}

TEST_CASE("colliding tags and crowded buckets agree with a map", "[bucket_table]") {
  // 200 hashes for up to 800 entries: about four a tag, and buckets that run over.
  for (std::uint64_t seed = 2; seed < 6; ++seed) run_against_map(seed, 200, 800, 100'000);
  // The smallest table, always nearly full: long paths through few buckets.
  for (std::uint64_t seed = 7; seed < 12; ++seed) run_against_map(seed, ~std::uint64_t{0}, 51, 100'000);
  // One hash: eight entries fill its two buckets, the others are refused.
  CHECK(run_against_map(6, 1, 800, 20'000) > 0);
}

TEST_CASE("a tag has two buckets of four and no more", "[bucket_table]") {
  Table t(1000);
  for (std::uint64_t value = 1; value <= BucketTable::same_tag_max; ++value)
    REQUIRE(t.table.insert(hash_of(77), value));
  CHECK_FALSE(t.table.insert(hash_of(77), 9));
  CHECK_FALSE(t.table.insert(hash_of(77) + 255, 9));  // the same tag
  CHECK(t.table.displaced() == 4);
  // Hashes of other buckets are not shut out.
  CHECK(t.table.insert(hash_of(79), 66));
  CHECK(t.table.erase(hash_of(77), 3));
  CHECK(t.table.insert(hash_of(77), 67));
  for (const std::uint64_t value : {1u, 2u, 4u, 5u, 6u, 7u, 8u, 67u}) CHECK(holds(t.table, hash_of(77), value));
}

TEST_CASE("an entry in its other bucket is found when its home has room again", "[bucket_table]") {
  Table t(1000);
  for (std::uint64_t value = 1; value <= 5; ++value) REQUIRE(t.table.insert(hash_of(5), value));
  for (std::uint64_t value = 1; value <= 4; ++value) REQUIRE(t.table.erase(hash_of(5), value));
  CHECK(holds(t.table, hash_of(5), 5));
  CHECK(t.table.displaced() == 1);
  CHECK(t.table.erase(hash_of(5), 5));
  CHECK_FALSE(holds(t.table, hash_of(5), 5));
  CHECK(t.table.displaced() == 0);
  CHECK(t.table.count() == 0);
}

TEST_CASE("entries move out of the way, and back out of the counts", "[bucket_table]") {
  Table t(1000);
  // Home 0 is full of entries that can go to buckets 3, 5, 7 and 9; the newcomer's other bucket, 1, is full, too.
  std::uint64_t value = 1;
  for (const std::uint64_t way : {3u, 5u, 7u, 9u}) REQUIRE(t.table.insert(hash_of(0, way), value++));
  for (const std::uint64_t way : {11u, 13u, 15u, 17u}) REQUIRE(t.table.insert(hash_of(1, way), value++));
  CHECK(t.table.displaced() == 0);
  REQUIRE(t.table.insert(hash_of(0, 1), value));
  CHECK(t.table.displaced() == 1);
  CHECK(holds(t.table, hash_of(0, 1), value));
  value = 1;
  for (const std::uint64_t way : {3u, 5u, 7u, 9u}) CHECK(t.table.erase(hash_of(0, way), value++));
  CHECK(t.table.displaced() == 0);
  for (const std::uint64_t way : {11u, 13u, 15u, 17u}) CHECK(t.table.erase(hash_of(1, way), value++));
  CHECK(t.table.erase(hash_of(0, 1), value));
  CHECK(t.table.count() == 0);
}

TEST_CASE("the count of those away ends at 255 and then refuses", "[bucket_table][adversarial]") {
  Table t(1000);
  // All of one home, each with another bucket of its own: only who knows the key could send these.
  std::uint64_t held = 0;
  std::vector<std::uint64_t> hashes;
  for (std::uint64_t way = 1; way < 4096; way += 2) {
    const std::uint64_t hash = hash_of(6, way);
    if (!t.table.insert(hash, way)) continue;
    hashes.push_back(hash);
    ++held;
  }
  CHECK(t.table.displaced() == 255);
  CHECK(held == 255 + 4);
  for (const std::uint64_t hash : hashes) REQUIRE(t.table.find(hash, any_value) != nullptr);
  for (const std::uint64_t hash : hashes) REQUIRE(t.table.erase(hash, *t.table.find(hash, any_value)));
  CHECK(t.table.displaced() == 0);
  CHECK(t.table.count() == 0);
}

TEST_CASE("a found value may be overwritten and is then found by its new value", "[bucket_table]") {
  Table t(10);
  REQUIRE(t.table.insert(9, 1));
  *t.table.find(9, any_value) = 2;
  CHECK_FALSE(holds(t.table, 9, 1));
  CHECK_FALSE(t.table.erase(9, 1));
  CHECK(t.table.erase(9, 2));
}

TEST_CASE("at load 0.8 nothing is refused, when filled and after long churn", "[bucket_table]") {
  // The most that one block of 16,384 buckets takes; three, which are no power of two; and more than one takes.
  const std::uint32_t capacity = GENERATE(52'428u, 3 * 52'428u, 60'000u);
  Table t(capacity);
  REQUIRE(t.table.bucket_count() == (capacity + 52'427) / 52'428 * 16'384);
  Rng rng(7);
  std::vector<std::uint64_t> hashes(capacity);
  for (std::uint32_t i = 0; i < capacity; ++i) {
    hashes[i] = rng.next();
    REQUIRE(t.table.insert(hashes[i], i + 1));
  }
  CHECK_FALSE(t.table.insert(rng.next(), capacity + 1));
  CHECK(t.table.displaced() < capacity / 5);

  for (int round = 0; round < 1'000'000; ++round) {
    const auto i = static_cast<std::uint32_t>(rng.below(capacity));
    REQUIRE(t.table.erase(hashes[i], i + 1));
    hashes[i] = rng.next();
    REQUIRE(t.table.insert(hashes[i], i + 1));
  }
  CHECK(t.table.displaced() < capacity * 2 / 5);
  for (std::uint32_t i = 0; i < capacity; ++i) REQUIRE(holds(t.table, hashes[i], i + 1));
}

TEST_CASE("a bucket table takes what was summed", "[bucket_table]") {
  for (const std::uint32_t capacity : {1u, 16u, 51u, 52u, 1000u, 1'000'000u}) {
    Table t(capacity);
    CHECK(t.arena.used_bytes() <= BucketTable::cost(capacity));
    CHECK(std::uint64_t{capacity} * 5 <= std::uint64_t{t.table.bucket_count()} * 16);
    // Large tables have at most a block too many.
    if (capacity >= 52'428) CHECK(t.table.bucket_count() < capacity / 16 * 5 + 16'385);
  }
}

TEST_CASE("a value of 0 is our own mistake", "[bucket_table]") {
  Table t(10);
  CHECK(test::aborts([&] { t.table.insert(1, 0); }));
}
