// Terminal: puts frames out and brings keys in, by ncurses: the only file that knows it. Main thread, one at a time.
#pragma once

#include <chrono>
#include <expected>
#include <memory>
#include <string>

#include "top/screen.hpp"
#include "top/view.hpp"

namespace penstock::top {

class Terminal {
 public:
  // The error is one sentence. From here on the terminal is ours, and SIGINT, SIGTERM and SIGHUP only end wait().
  static std::expected<std::unique_ptr<Terminal>, std::string> open();
  // Gives the terminal back as it was.
  ~Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  std::size_t columns() const;
  std::size_t rows() const;
  void draw(const Frame& frame);
  // The next key; `none` when none came within `time`.
  Key wait(std::chrono::milliseconds time);
  // A signal asked us to end, or the terminal is gone.
  bool ended() const;

 private:
  Terminal() = default;
  bool colours_ = false;
  bool gone_ = false;
};

}  // namespace penstock::top
