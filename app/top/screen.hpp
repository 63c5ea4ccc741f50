// Screen: a view of a penstock as lines of text, for a terminal of any size. Pure; terminal.hpp puts the lines out.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "top/instances.hpp"
#include "top/sample.hpp"
#include "top/table.hpp"
#include "top/view.hpp"

namespace penstock::top {

struct Line {
  std::string text;  // printable ASCII, as many characters as the terminal has columns at the most
  Style style = Style::normal;
};

// What there is to see.
struct Scene {
  const Sample* now = nullptr;     // none before the first answer
  const Sample* before = nullptr;  // none before the second
  std::string note = {};           // what is wrong at the moment, a sentence; empty when all is well
  std::span<const Instance> instances = {};
  std::size_t instance = 0;  // which of them is looked at
};

struct Frame {
  std::vector<Line> lines;  // as many as the terminal has rows at the most
  Shown shown;
};

// Moves the view's selection and its first row to where the list allows.
Frame compose(View& view, const Scene& scene, std::size_t columns, std::size_t rows);

}  // namespace penstock::top
