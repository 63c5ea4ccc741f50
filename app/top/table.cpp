#include "top/table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace penstock::top {

namespace {

constexpr std::size_t gap = 1;  // between two columns

bool before(const Cell& a, const Cell& b) { return a.by_text || b.by_text ? a.text < b.text : a.order < b.order; }

std::string title_of(const Column& column, bool marked) { return fmt::format("{}{}", marked ? "*" : "", column.title); }

std::size_t width_of(const Table& table, std::size_t column, bool marked) {
  std::size_t width = title_of(table.columns[column], marked).size();
  for (const Row& row : table.rows) {
    if (column < row.cells.size()) width = std::max(width, row.cells[column].text.size());
  }
  return width;
}

// The shown column of the highest rank, the last of equals; nothing when only the first is left.
std::optional<std::size_t> least_useful(const Table& table, const std::vector<bool>& shown) {
  std::optional<std::size_t> worst;
  for (std::size_t i = 1; i < table.columns.size(); ++i) {
    if (shown[i] && (!worst || table.columns[i].rank >= table.columns[*worst].rank)) worst = i;
  }
  return worst;
}

std::vector<bool> choose(const Table& table, const std::vector<std::size_t>& widths, std::size_t columns_max) {
  std::vector<bool> shown(table.columns.size(), true);
  while (true) {
    std::size_t sum = 0;
    for (std::size_t i = 0; i < widths.size(); ++i) sum += shown[i] ? widths[i] + (sum > 0 ? gap : 0) : 0;
    if (sum <= columns_max) return shown;
    const auto worst = least_useful(table, shown);
    if (!worst) return shown;
    shown[*worst] = false;
  }
}

}  // namespace

void sort_rows(Table& table, std::size_t column, bool reversed) {
  if (column >= table.columns.size()) return;
  const bool descends = table.columns[column].descends != reversed;
  std::ranges::stable_sort(table.rows, [column, descends](const Row& a, const Row& b) {
    if (column >= a.cells.size() || column >= b.cells.size()) return false;
    return descends ? before(b.cells[column], a.cells[column]) : before(a.cells[column], b.cells[column]);
  });
}

Laid lay_out(const Table& table, std::size_t columns_max, std::size_t sorted) {
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < table.columns.size(); ++i) widths.push_back(width_of(table, i, i == sorted));
  const std::vector<bool> shown = choose(table, widths, columns_max);
  const auto line_of = [&](const auto& text_of) {
    std::string line;
    for (std::size_t i = 0; i < table.columns.size(); ++i) {
      if (!shown[i]) continue;
      if (i > 0) line.append(gap, ' ');
      const std::string text = text_of(i);
      if (table.columns[i].left) line += fmt::format("{:<{}}", text, widths[i]);
      else line += fmt::format("{:>{}}", text, widths[i]);
    }
    line.resize(std::min(line.size(), columns_max));
    return line;
  };
  Laid laid;
  laid.header = line_of([&](std::size_t i) { return title_of(table.columns[i], i == sorted); });
  for (const Row& row : table.rows) {
    laid.rows.push_back(line_of([&](std::size_t i) { return i < row.cells.size() ? row.cells[i].text : ""; }));
  }
  return laid;
}

}  // namespace penstock::top
