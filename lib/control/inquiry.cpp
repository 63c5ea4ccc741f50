#include "control/inquiry.hpp"

#include <fmt/format.h>

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

std::expected<std::vector<Answer>, std::string> ask_all(std::span<Inquiry> workers, const Command& command,
                                                        std::chrono::milliseconds wait) {
  std::vector<std::uint8_t> asked;
  for (Inquiry& worker : workers) asked.push_back(worker.put(command) ? 1 : 0);
  const auto until = Inquiry::Clock::now() + wait;
  std::vector<Answer> answers;
  for (std::size_t i = 0; i < workers.size(); ++i) {
    const auto answer = asked[i] != 0 ? workers[i].wait_for_answer(until) : std::nullopt;
    if (!answer) return std::unexpected(fmt::format("busy: worker {} did not answer in time, ask again", i));
    answers.push_back(*answer);
  }
  return answers;
}

}  // namespace penstock::control
