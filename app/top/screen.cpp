#include "top/screen.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "top/distribution.hpp"
#include "top/help_page.hpp"
#include "top/number_text.hpp"
#include "top/rates.hpp"
#include "top/tables.hpp"

namespace penstock::top {

namespace {

// From so many rows on there is room for the row of pages, for the sums, and for air.
constexpr std::size_t rows_for_pages = 7, rows_for_sums = 9, rows_for_air = 16;
// The least rows that remain for a list below what stands above it.
constexpr std::size_t list_rows_min = 4;

class Composer {
 public:
  Composer(View& view, const Scene& scene, std::size_t columns, std::size_t rows)
      : view_(view), scene_(scene), columns_(columns), rows_(rows) {
    if (scene.now != nullptr) frame_.shown.workers = scene.now->workers.size();
  }

  Frame compose() {
    add_title();
    if (rows_ >= rows_for_pages) add_pages();
    if (view_.help) add_help();
    else add_page();
    if (frame_.lines.size() > rows_) frame_.lines.resize(rows_);
    return std::move(frame_);
  }

 private:
  std::size_t left() const { return rows_ - std::min(rows_, frame_.lines.size()); }
  bool airy() const { return rows_ >= rows_for_air; }

  void add(std::string text, Style style = Style::normal) {
    if (text.size() > columns_) text.resize(columns_);
    frame_.lines.push_back({std::move(text), style});
  }

  // What is of less use is left out where there is no room for all of it.
  void add_title() {
    std::string title = "penstock-top";
    if (scene_.instance < scene_.instances.size()) {
      title += fmt::format(" {}", printable(scene_.instances[scene_.instance].name));
      if (scene_.instances.size() > 1) title += fmt::format(" ({}/{})", scene_.instance + 1, scene_.instances.size());
    }
    std::vector<std::string> parts;
    if (view_.paused) parts.emplace_back("PAUSED");
    parts.push_back(fmt::format("every {}s", static_cast<double>(view_.interval.count()) / 1000));
    if (scene_.now != nullptr) {
      const Sample& now = *scene_.now;
      parts.push_back(fmt::format("sessions {}/{}", count_text(now.sessions), count_text(now.sessions_max)));
      parts.push_back(fmt::format("pid {}", now.process_id));
      parts.push_back(fmt::format("penstock {}", now.version));
    }
    for (const std::string& part : parts) {
      if (title.size() + 2 + part.size() <= columns_) title += fmt::format("  {}", part);
    }
    add(std::move(title), Style::title);
  }

  // All names where they fit, else the numbers with the name of the one that is shown.
  void add_pages() {
    const auto line_of = [this](bool names) {
      std::string line;
      for (std::size_t i = 0; i < page_count; ++i) {
        const bool here = static_cast<std::size_t>(view_.page) == i;
        const std::string text = names || here ? fmt::format("{} {}", i + 1, page_names[i]) : fmt::format("{}", i + 1);
        line += fmt::format("{}{}{}", here ? "[" : " ", text, here ? "]" : " ");
      }
      return line + " ?:help";
    };
    std::string line = line_of(true);
    if (line.size() > columns_) line = line_of(false);
    add(std::move(line), Style::note);
  }

  void add_help() {
    const std::size_t room = left();
    const std::size_t last = help_lines.size() > room ? help_lines.size() - room : 0;
    view_.help_first = std::min(view_.help_first, last);
    frame_.shown.rows = last + 1;
    frame_.shown.rows_on_screen = room;
    for (std::size_t i = view_.help_first; i < help_lines.size() && left() > 0; ++i) {
      add(std::string(help_lines[i]), help_lines[i].starts_with(" ") ? Style::normal : Style::header);
    }
  }

  void add_page() {
    if (!scene_.note.empty()) add_note(scene_.note);
    if (view_.page == Page::instances) return add_list(instance_table(), "no penstock runs here");
    if (scene_.now == nullptr) return;
    const Rates rates(*scene_.now, scene_.before);
    if (rows_ >= rows_for_sums) add_sums(rates);
    if (airy()) add("");
    switch (view_.page) {
      case Page::workers: return add_workers(rates);
      case Page::listeners: return add_listeners(rates);
      case Page::sessions: return add_sessions(rates);
      case Page::drops: return add_list(drop_table(rates, view_.unused), "nothing was dropped (u: all reasons)");
      case Page::histograms: return add_histograms(rates);
      case Page::instances: return;
    }
  }

  // Broken between words, so that all of a sentence can be read.
  void add_note(std::string_view text) {
    while (!text.empty() && left() > 1) {
      std::size_t end = std::min(text.size(), columns_);
      if (end < text.size()) {
        const std::size_t space = text.rfind(' ', end);
        if (space != std::string_view::npos && space > 0) end = space;
      }
      if (end == 0) return;
      add(std::string(text.substr(0, end)), Style::alarm);
      text.remove_prefix(std::min(text.size(), end + (end < text.size() && text[end] == ' ' ? 1 : 0)));
    }
  }

  void add_sums(const Rates& rates) {
    const auto bits = [&](std::string_view name) {
      const auto bytes = rates.workers(name);
      return rate_text(bytes ? std::optional(*bytes * 8) : std::nullopt);
    };
    const auto dropped = rates.workers("dropped"), dropped_tx = rates.workers("dropped_tx");
    add(fmt::format("rx {}/s {}bit/s  tx {}/s {}bit/s  drops {}/s  retransmitted {}/s",
                    rate_text(rates.workers("rx_packets")), bits("rx_bytes"), rate_text(rates.workers("tx_packets")),
                    bits("tx_bytes"),
                    rate_text(dropped && dropped_tx ? std::optional(*dropped + *dropped_tx) : std::nullopt),
                    rate_text(rates.workers("retransmissions"))));
  }

  // The list of the page, ordered as the view says, in what room is left; `empty` is told when there is nothing.
  void add_list(Table table, std::string_view empty) {
    Place& place = view_.place();
    Shown& shown = frame_.shown;
    shown.columns = table.columns.size();
    place.sorted = std::min(place.sorted, table.columns.empty() ? 0 : table.columns.size() - 1);
    sort_rows(table, place.sorted, place.reversed);
    add_rows(table, place, empty);
  }

  void add_rows(const Table& table, Place& place, std::string_view empty) {
    Shown& shown = frame_.shown;
    const Laid laid = lay_out(table, columns_, place.sorted);
    if (left() == 0) return;
    add(laid.header, Style::header);
    if (table.rows.empty()) return add(std::string(empty), Style::note);
    const std::size_t room = left();
    shown.rows = table.rows.size();
    shown.rows_on_screen = room;
    place.selected = std::min(place.selected, shown.rows - 1);
    // The selected row is on the screen, and no room is left below while rows are hidden above.
    place.first = std::min({place.first, place.selected, shown.rows > room ? shown.rows - room : 0});
    if (place.selected >= place.first + room) place.first = place.selected + 1 - std::max<std::size_t>(room, 1);
    for (std::size_t i = place.first; i < shown.rows && left() > 0; ++i) {
      add(laid.rows[i], i == place.selected ? Style::selected : table.rows[i].style);
    }
    shown.id = table.rows[place.selected].id;
  }

  void add_workers(const Rates& rates) {
    if (!view_.detail) {
      const Table ports = port_table(rates);
      if (left() >= ports.rows.size() + 2 + 2 * list_rows_min) add_plain(ports);
      return add_list(worker_table(rates), "no workers");
    }
    add(fmt::format("Worker {} (left, right: another; Esc: back)", *view_.detail), Style::header);
    const Table histograms = histogram_table(rates, view_.since_start);
    if (left() >= histograms.rows.size() + 2 + 2 * list_rows_min) add_plain(histograms);
    add_list(worker_counters(rates, *view_.detail), "the worker did not answer");
  }

  void add_listeners(const Rates& rates) {
    if (!view_.detail) return add_list(listener_table(rates), "no listeners");
    const auto& listeners = rates.now().listeners;
    const std::string name = *view_.detail < listeners.size() ? listeners[*view_.detail].name : "-";
    add(fmt::format("Listener {} {} (Esc: back)", *view_.detail, name), Style::header);
    add_list(listener_counters(rates, *view_.detail), "the listener is not told of");
  }

  void add_sessions(const Rates& rates) {
    if (view_.detail) {
      add(fmt::format("Session {} (Esc: back)", *view_.detail), Style::header);
      return add_list(session_fields(rates), "there is no such session any more");
    }
    Place& place = view_.place();
    place.sorted = session_column(view_.by);
    Table table = session_table(rates);
    sort_rows(table, place.sorted, place.reversed);
    frame_.shown.columns = table.columns.size();
    const Survey& survey = rates.now().survey;
    if (survey.ready && rows_ >= rows_for_sums)
      add(fmt::format("{} sessions looked at within {}, {} ago", count_text(survey.looked_at),
                      time_text(survey.took_us), time_text(survey.age_us)),
          Style::note);
    add_rows(table, place, survey_text(survey));
  }

  void add_histograms(const Rates& rates) {
    add(fmt::format("Worker {} (left, right: another), {} (d)", view_.worker,
                    view_.since_start ? "since its start" : "since the sample before"),
        Style::header);
    Table table = histogram_table(rates, view_.since_start);
    Place& place = view_.place();
    frame_.shown.columns = table.columns.size();
    place.sorted = ~std::size_t{0};
    add_rows(table, place, "the worker did not answer");
    if (place.selected >= rates.now().histograms.size()) return;
    if (airy()) add("");
    const HistogramSample& histogram = rates.now().histograms[place.selected];
    const HistogramSample* before = view_.since_start ? nullptr : rates.histogram_before(histogram);
    for (std::string& line : bars(histogram.name, distribution_of(histogram, before), left(), columns_))
      add(std::move(line));
  }

  void add_plain(const Table& table) {
    const Laid laid = lay_out(table, columns_);
    add(laid.header, Style::note);
    for (std::size_t i = 0; i < laid.rows.size(); ++i) add(laid.rows[i], table.rows[i].style);
    if (airy()) add("");
  }

  Table instance_table() const {
    Table table{.columns = {{"instance", 0, false, true}, {"socket", 0, false, true}}, .rows = {}};
    for (std::size_t i = 0; i < scene_.instances.size(); ++i) {
      const Instance& instance = scene_.instances[i];
      table.rows.push_back(
          {.id = i, .cells = {{printable(instance.name), static_cast<double>(i)}, Cell(printable(instance.path))}});
    }
    return table;
  }

  View& view_;
  const Scene& scene_;
  const std::size_t columns_;
  const std::size_t rows_;
  Frame frame_;
};

}  // namespace

Frame compose(View& view, const Scene& scene, std::size_t columns, std::size_t rows) {
  return Composer(view, scene, columns, rows).compose();
}

}  // namespace penstock::top
