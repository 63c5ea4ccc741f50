// Inquiry: asks one worker a question through its mailbox and waits a moment for the answer.
//
// A mailbox has one producer, so all inquiries about a worker are made under one mutex, Commands' own. The caller is a
// telemetry thread, never a worker's; the wait is bounded, so a worker that is stuck costs its caller no more.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/mailbox.hpp"

namespace penstock::control {

class Inquiry {
 public:
  // The mailbox outlives the inquiry.
  explicit Inquiry(Mailbox& mailbox) : mailbox_(mailbox) {}

  using Clock = std::chrono::steady_clock;

  // The answer, or nothing when the mailbox is full or none came in time. An answer that comes later is thrown away by the
  // next question.
  std::optional<Answer> ask(Command::Kind kind, std::uint64_t argument, std::chrono::milliseconds wait);
  // The same in two steps, so that several workers can be asked at once. False when the mailbox is full; else the worker will
  // carry it out, whether anybody waits for it or not.
  bool put(Command command);
  std::optional<Answer> wait_for_answer(Clock::time_point until);

 private:
  Mailbox& mailbox_;
  std::uint64_t ticket_ = 0;  // of the last question
};

// The same command to several workers. All are asked before any is waited for: the wait is one for all of them, and they carry
// it out at about the same time. An error that begins with "busy" names a worker that did not answer in time.
std::expected<std::vector<Answer>, std::string> ask_all(std::span<Inquiry> workers, const Command& command,
                                                        std::chrono::milliseconds wait);

}  // namespace penstock::control
