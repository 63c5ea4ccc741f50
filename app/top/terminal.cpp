#include "top/terminal.hpp"

#include <curses.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>

#include "top/reply.hpp"

namespace penstock::top {

namespace {

volatile std::sig_atomic_t asked_to_end = 0;

void on_signal(int) { asked_to_end = 1; }

constexpr std::array ending_signals = {SIGINT, SIGTERM, SIGHUP};
// After Escape, how long the rest of a function key may take to come over a slow line.
constexpr int escape_delay_ms = 100;
constexpr short alarm_colours = 1;

// They are let in only while wait() waits, so that none is missed between two looks.
void hold_signals() {
  sigset_t held;
  sigemptyset(&held);
  for (const int number : ending_signals) {
    sigaddset(&held, number);
    struct sigaction action {};
    action.sa_handler = on_signal;
    sigaction(number, &action, nullptr);
  }
  sigprocmask(SIG_BLOCK, &held, nullptr);
}

Key key_of(int code) {
  switch (code) {
    case KEY_UP: return {Key::Kind::up};
    case KEY_DOWN: return {Key::Kind::down};
    case KEY_LEFT: return {Key::Kind::left};
    case KEY_RIGHT: return {Key::Kind::right};
    case KEY_PPAGE: return {Key::Kind::page_up};
    case KEY_NPAGE: return {Key::Kind::page_down};
    case KEY_HOME: return {Key::Kind::home};
    case KEY_END: return {Key::Kind::end};
    case KEY_ENTER:
    case '\n':
    case '\r': return {Key::Kind::enter};
    case KEY_BACKSPACE:
    case 0x7f:
    case '\b':
    case 0x1b: return {Key::Kind::back};
    case KEY_RESIZE: return {Key::Kind::resize};
    default: break;
  }
  if (code == '\t' || (code >= ' ' && code <= '~')) return {Key::Kind::character, static_cast<char>(code)};
  return {};
}

attr_t attributes_of(Style style, bool colours) {
  switch (style) {
    case Style::normal: return A_NORMAL;
    case Style::title:
    case Style::selected: return A_REVERSE;
    case Style::header: return A_BOLD;
    case Style::alarm: return A_BOLD | (colours ? static_cast<attr_t>(COLOR_PAIR(alarm_colours)) : A_NORMAL);
    case Style::note: return A_DIM;
  }
  return A_NORMAL;
}

}  // namespace

std::expected<std::unique_ptr<Terminal>, std::string> Terminal::open() {
  if (::isatty(STDIN_FILENO) == 0 || ::isatty(STDOUT_FILENO) == 0)
    return std::unexpected("there is no terminal here, try --batch 1 or --json");
  const char* name = std::getenv("TERM");
  if (newterm(nullptr, stdout, stdin) == nullptr)
    return std::unexpected(fmt::format("TERM: the terminal \"{}\" is not known here, try TERM=xterm or --batch 1",
                                       printable(name == nullptr ? "" : name)));
  std::unique_ptr<Terminal> terminal(new Terminal);
  if (tigetstr("cup") == nullptr) {
    terminal.reset();
    return std::unexpected(fmt::format("TERM: the terminal \"{}\" cannot place text, try TERM=xterm or --batch 1",
                                       printable(name == nullptr ? "" : name)));
  }
  cbreak();
  noecho();
  nonl();
  keypad(stdscr, TRUE);
  nodelay(stdscr, TRUE);
  set_escdelay(escape_delay_ms);
  curs_set(0);
  terminal->colours_ = has_colors() && start_color() == OK && use_default_colors() == OK &&
                       init_pair(alarm_colours, COLOR_YELLOW, -1) == OK;
  hold_signals();
  return terminal;
}

Terminal::~Terminal() {
  if (!gone_) endwin();
}

std::size_t Terminal::columns() const { return static_cast<std::size_t>(std::max(COLS, 1)); }
std::size_t Terminal::rows() const { return static_cast<std::size_t>(std::max(LINES, 1)); }
bool Terminal::ended() const { return gone_ || asked_to_end != 0; }

void Terminal::draw(const Frame& frame) {
  erase();
  for (int row = 0; row < LINES && static_cast<std::size_t>(row) < frame.lines.size(); ++row) {
    const Line& line = frame.lines[static_cast<std::size_t>(row)];
    const attr_t attributes = attributes_of(line.style, colours_);
    attrset(static_cast<int>(attributes));
    mvaddnstr(row, 0, line.text.c_str(), COLS);
    // Bars go on to the edge.
    if (line.style == Style::title || line.style == Style::selected) mvchgat(row, 0, -1, attributes, 0, nullptr);
  }
  attrset(A_NORMAL);
  refresh();
}

Key Terminal::wait(std::chrono::milliseconds time) {
  int code = getch();
  if (code == ERR) {
    pollfd waited{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
    const timespec limit{.tv_sec = time.count() / 1000, .tv_nsec = time.count() % 1000 * 1'000'000};
    sigset_t none;
    sigemptyset(&none);
    const int ready = ::ppoll(&waited, 1, &limit, &none);
    // Resizing interrupts the wait, and is then told as a key.
    code = getch();
    // What is readable and gives nothing is a terminal that hung up.
    if (ready > 0 && code == ERR) gone_ = (waited.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0;
  }
  if (code == KEY_RESIZE || code == ('l' & 0x1f)) clearok(stdscr, TRUE);
  return code == ERR ? Key{} : key_of(code);
}

}  // namespace penstock::top
