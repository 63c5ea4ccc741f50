#include "top/view.hpp"

#include <algorithm>

namespace penstock::top {

namespace {

// Pauses from which `+` and `-` choose.
constexpr std::array<int, 9> intervals_ms = {200, 500, 1000, 2000, 5000, 10'000, 20'000, 30'000, 60'000};

View::Interval slower(View::Interval now) {
  for (const int ms : intervals_ms) {
    if (View::Interval(ms) > now) return View::Interval(ms);
  }
  return View::interval_max;
}

View::Interval faster(View::Interval now) {
  for (auto ms = intervals_ms.rbegin(); ms != intervals_ms.rend(); ++ms) {
    if (View::Interval(*ms) < now) return View::Interval(*ms);
  }
  return View::interval_min;
}

}  // namespace

View::View() {
  // What was dropped last is what one looks for.
  places[static_cast<std::size_t>(Page::drops)].sorted = 1;
}

Wish View::wish() const {
  Wish wish;
  wish.addresses = addresses;
  if (page == Page::sessions && detail) wish.session = *detail;
  else if (page == Page::sessions) wish.sessions = by;
  if (page == Page::histograms) wish.histograms = worker;
  if (page == Page::workers && detail) wish.histograms = static_cast<std::uint32_t>(*detail);
  return wish;
}

Effect View::on_key(Key key, const Shown& shown) {
  const auto screenful = static_cast<std::ptrdiff_t>(std::max<std::size_t>(shown.rows_on_screen, 1));
  const auto all = static_cast<std::ptrdiff_t>(std::max(shown.rows, std::size_t{1} << 16));
  switch (key.kind) {
    case Key::Kind::up: move(-1, shown); break;
    case Key::Kind::down: move(1, shown); break;
    case Key::Kind::page_up: move(-screenful, shown); break;
    case Key::Kind::page_down: move(screenful, shown); break;
    case Key::Kind::home: move(-all, shown); break;
    case Key::Kind::end: move(all, shown); break;
    case Key::Kind::left: change_worker(-1, shown); break;
    case Key::Kind::right: change_worker(1, shown); break;
    case Key::Kind::enter:
      if (page == Page::instances && !help) return Effect::go_to_instance;
      look_into(shown);
      break;
    case Key::Kind::back:
      if (help) help = false;
      else detail.reset();
      break;
    case Key::Kind::character: return on_letter(key.letter, shown);
    case Key::Kind::none:
    case Key::Kind::resize: break;
  }
  return Effect::none;
}

Effect View::on_letter(char letter, const Shown& shown) {
  if (letter >= '1' && letter < '1' + static_cast<char>(page_count)) {
    go_to(static_cast<Page>(letter - '1'));
    return Effect::none;
  }
  switch (letter) {
    case 'q': return Effect::quit;
    case 'n': return Effect::next_instance;
    case 'N': return Effect::previous_instance;
    case '\t': go_to(static_cast<Page>((static_cast<std::size_t>(page) + 1) % page_count)); break;
    case '?': help = !help, help_first = 0; break;
    case 'p':
    case ' ': paused = !paused; break;
    case 'j': move(1, shown); break;
    case 'k': move(-1, shown); break;
    case 's': sort_by_next(shown); break;
    case 'r': place().reversed = !place().reversed; break;
    case 'a': addresses = !addresses; break;
    case 'u': unused = !unused; break;
    case 'd': since_start = !since_start; break;
    case '+': interval = slower(interval); break;
    case '-': interval = faster(interval); break;
    default: break;
  }
  return Effect::none;
}

// The list knows its own end: drawing keeps within it what a list that grew shorter left behind.
void View::move(std::ptrdiff_t rows, const Shown& shown) {
  std::size_t& row = help ? help_first : place().selected;
  const auto last = static_cast<std::ptrdiff_t>(shown.rows > 0 ? shown.rows - 1 : 0);
  row = static_cast<std::size_t>(std::clamp(static_cast<std::ptrdiff_t>(row) + rows, std::ptrdiff_t{0}, last));
}

void View::go_to(Page to) {
  page = to;
  detail.reset();
  help = false;
}

void View::look_into(const Shown& shown) {
  const bool deep = page == Page::workers || page == Page::listeners || page == Page::sessions;
  if (help || detail || !deep || !shown.id) return;
  detail = shown.id;
  detail_place = {};
}

// Sessions come ordered by their worker, so there the three orders are the choice.
void View::sort_by_next(const Shown& shown) {
  if (page == Page::sessions && !detail) {
    by = static_cast<By>((static_cast<std::size_t>(by) + 1) % std::size(by_names));
    return;
  }
  if (shown.columns > 0) place().sorted = (place().sorted + 1) % shown.columns;
}

void View::change_worker(int step, const Shown& shown) {
  if (shown.workers == 0) return;
  const auto count = static_cast<int>(shown.workers);
  const auto changed = [&](std::uint64_t number) {
    return static_cast<std::uint32_t>((static_cast<int>(std::min<std::uint64_t>(number, workers_max)) + step + count) %
                                      count);
  };
  if (page == Page::histograms) worker = changed(worker);
  if (page == Page::workers && detail) detail = changed(*detail);
}

}  // namespace penstock::top
