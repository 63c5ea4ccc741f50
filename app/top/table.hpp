// Table: columns and rows of text, ordered by a column and laid out for as many characters as there are.
//
// Columns are as wide as their widest text. When they do not fit, those of the highest rank are left out one after the other;
// the first column always stays. Text is printable ASCII, so a character is a cell of the terminal. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::top {

struct Cell {
  Cell(std::string shown, double value) : text(std::move(shown)), order(value) {}
  // Ordered by its letters.
  explicit Cell(std::string shown) : text(std::move(shown)), by_text(true) {}

  std::string text;
  double order = 0;
  bool by_text = false;
};

struct Column {
  std::string_view title;
  int rank = 0;          // what is of more use is of lower rank
  bool descends = true;  // the largest first is what one looks for
  bool left = false;     // texts begin at the left, numbers end at the right
};

enum class Style : std::uint8_t { normal, title, header, selected, alarm, note };

struct Row {
  std::uint64_t id = 0;  // what drilling down is told
  std::vector<Cell> cells;
  Style style = Style::normal;
};

struct Table {
  std::vector<Column> columns;
  std::vector<Row> rows;
};

// Orders the rows by a column, in its own direction or the other one; equal rows keep their order. A column that is not
// there changes nothing.
void sort_rows(Table& table, std::size_t column, bool reversed);

struct Laid {
  std::string header;
  std::vector<std::string> rows;  // as the table's
};
// `columns_max` characters a line; the title of the column `sorted` is marked when it is one of the table's.
Laid lay_out(const Table& table, std::size_t columns_max, std::size_t sorted = ~std::size_t{0});

}  // namespace penstock::top
