// View: what the person looks at, and what each key changes about it. Pure state; screen.hpp draws it.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>

#include "top/collector.hpp"
#include "top/sample.hpp"

namespace penstock::top {

enum class Page : std::uint8_t { workers, listeners, sessions, drops, histograms, instances };
inline constexpr std::size_t page_count = 6;
inline constexpr std::array page_names = {"Workers", "Listeners", "Sessions", "Drops", "Histograms", "Instances"};

struct Key {
  enum class Kind : std::uint8_t {
    none,       // time passed, or a key that nobody knows
    character,  // `letter`
    up,
    down,
    left,
    right,
    page_up,
    page_down,
    home,
    end,
    enter,
    back,    // Escape, Backspace
    resize,  // the terminal has another size now
  } kind = Kind::none;
  char letter = 0;
};

// What a key asks of the rest of the program.
enum class Effect : std::uint8_t {
  none,
  quit,
  next_instance,
  previous_instance,
  go_to_instance,  // the selected one of page `instances`
};

// Where one stands in a list.
struct Place {
  std::size_t selected = 0;  // row; drawing keeps it within the list
  std::size_t first = 0;     // the row at the top of the screen; drawing keeps the selected one on it
  std::size_t sorted = 0;    // column
  bool reversed = false;
};

// What was drawn last, as keys refer to it.
struct Shown {
  std::size_t rows = 0;                  // of the list
  std::size_t rows_on_screen = 1;        // of which are seen at once
  std::size_t columns = 0;               // of the list
  std::optional<std::uint64_t> id = {};  // of the selected row
  std::size_t workers = 0;
};

struct View {
  using Interval = std::chrono::milliseconds;
  static constexpr Interval interval_min{200};
  static constexpr Interval interval_max{60'000};

  View();

  Effect on_key(Key key, const Shown& shown);
  // What has to be asked for it.
  Wish wish() const;
  Place& place() { return detail ? detail_place : places[static_cast<std::size_t>(page)]; }
  const Place& place() const { return detail ? detail_place : places[static_cast<std::size_t>(page)]; }

  Page page = Page::workers;
  std::optional<std::uint64_t> detail;  // the worker, listener or session that is looked into
  std::array<Place, page_count> places;
  Place detail_place;
  By by = By::rate;          // of page `sessions`
  std::uint32_t worker = 0;  // of page `histograms`
  bool since_start = true;   // … all values, or those since the sample before
  bool unused = false;       // drop reasons that never happened, too
  bool addresses = false;    // tell peers
  bool paused = false;
  bool help = false;
  std::size_t help_first = 0;  // the line of the help at the top of the screen
  Interval interval{1000};

 private:
  Effect on_letter(char letter, const Shown& shown);
  void move(std::ptrdiff_t rows, const Shown& shown);
  void go_to(Page to);
  void look_into(const Shown& shown);
  void sort_by_next(const Shown& shown);
  void change_worker(int step, const Shown& shown);
};

}  // namespace penstock::top
