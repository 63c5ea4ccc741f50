#include "control/inquiry.hpp"

#include <thread>

namespace penstock::control {

std::optional<Answer> Inquiry::ask(Command::Kind kind, std::uint64_t argument, std::chrono::milliseconds wait) {
  // Long enough not to burn a core, short enough to be lost in a worker's turn.
  constexpr auto pause = std::chrono::microseconds(200);
  const auto until = std::chrono::steady_clock::now() + wait;
  Answer answer;
  // Answers to abandoned questions would keep the worker from answering.
  while (mailbox_.answers.pop(answer)) {}
  if (!mailbox_.commands.push(Command{kind, ++ticket_, argument})) return std::nullopt;
  do {
    while (mailbox_.answers.pop(answer)) {
      if (answer.ticket == ticket_) return answer;
    }
    std::this_thread::sleep_for(pause);
  } while (std::chrono::steady_clock::now() < until);
  return std::nullopt;
}

}  // namespace penstock::control
