// Shows that tables are ordered and laid out for every width: columns of little use leave first, and no line is too long.
#include "top/table.hpp"

#include <catch2/catch.hpp>

using namespace penstock::top;

namespace {

Table example() {
  return {.columns = {{"name", 0, false, true}, {"count", 1}, {"extra", 2}},
          .rows = {{.id = 1, .cells = {Cell("beta"), {"10", 10}, {"x", 1}}},
                   {.id = 2, .cells = {Cell("alpha"), {"9", 9}, {"x", 2}}},
                   {.id = 3, .cells = {Cell("gamma"), {"10", 10}, {"xxxx", 3}}}}};
}

std::vector<std::uint64_t> ids(const Table& table) {
  std::vector<std::uint64_t> found;
  for (const Row& row : table.rows) found.push_back(row.id);
  return found;
}

}  // namespace

TEST_CASE("rows are ordered by value or by letters, equal ones as they were") {
  Table table = example();
  sort_rows(table, 1, false);
  CHECK(ids(table) == std::vector<std::uint64_t>{1, 3, 2});
  sort_rows(table, 1, true);
  CHECK(ids(table) == std::vector<std::uint64_t>{2, 1, 3});
  sort_rows(table, 0, false);
  CHECK(ids(table) == std::vector<std::uint64_t>{2, 1, 3});
  sort_rows(table, 0, true);
  CHECK(ids(table) == std::vector<std::uint64_t>{3, 1, 2});
  sort_rows(table, 9, true);
  CHECK(ids(table) == std::vector<std::uint64_t>{3, 1, 2});
}

TEST_CASE("a row may lack cells") {
  Table table = example();
  table.rows.push_back({.id = 4, .cells = {}});
  sort_rows(table, 1, false);
  CHECK(lay_out(table, 80).rows.size() == 4);
}

TEST_CASE("columns are as wide as their widest text, and numbers end at the right") {
  const Laid laid = lay_out(example(), 80, 1);
  CHECK(laid.header == "name  *count extra");
  CHECK(laid.rows[0] == "beta      10     x");
  CHECK(laid.rows[2] == "gamma     10  xxxx");
}

TEST_CASE("what does not fit is left out by its rank, the first column is cut") {
  CHECK(lay_out(example(), 17).header == "name  count extra");
  CHECK(lay_out(example(), 16).header == "name  count");
  CHECK(lay_out(example(), 10).header == "name ");
  CHECK(lay_out(example(), 3).rows[1] == "alp");
  CHECK(lay_out(example(), 0).rows[1].empty());
}

TEST_CASE("no line is ever too long") {
  for (std::size_t width = 0; width < 40; ++width) {
    const Laid laid = lay_out(example(), width, width % 4);
    CHECK(laid.header.size() <= width);
    for (const std::string& row : laid.rows) CHECK(row.size() <= width);
  }
}

TEST_CASE("an empty table has a header") {
  Table table = example();
  table.rows.clear();
  CHECK(lay_out(table, 80).header == "name count extra");
  CHECK(lay_out(Table{}, 80).header.empty());
}
