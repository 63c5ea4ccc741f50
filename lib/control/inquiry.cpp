#include "control/inquiry.hpp"

#include <thread>

namespace penstock::control {

std::optional<Answer> Inquiry::ask(Command::Kind kind, std::uint64_t argument, std::chrono::milliseconds wait) {
  Command command;
  command.kind = kind;
  command.argument = argument;
  if (!put(command)) return std::nullopt;
  return wait_for_answer(Clock::now() + wait);
}

bool Inquiry::put(Command command) {
  Answer answer;
  // Answers to abandoned questions would keep the worker from answering.
  while (mailbox_.answers.pop(answer)) {}
  command.ticket = ++ticket_;
  return mailbox_.commands.push(command);
}

std::optional<Answer> Inquiry::wait_for_answer(Clock::time_point until) {
  // Long enough not to burn a core, short enough to be lost in a worker's turn.
  constexpr auto pause = std::chrono::microseconds(200);
  Answer answer;
  do {
    while (mailbox_.answers.pop(answer)) {
      if (answer.ticket == ticket_) return answer;
    }
    std::this_thread::sleep_for(pause);
  } while (Clock::now() < until);
  return std::nullopt;
}

}  // namespace penstock::control
