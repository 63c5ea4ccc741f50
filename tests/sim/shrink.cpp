#include "sim/shrink.hpp"

#include <fmt/core.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <csignal>
#include <cstdio>
#include <numeric>

#include "sim/broken.hpp"
#include "sim/simulation.hpp"

namespace penstock::sim {

namespace {

constexpr std::string_view told_by_world = "broke: ";
constexpr std::string_view told_by_assertion = "assertion failed: ";
// Time is halved as long as this is gained.
constexpr Duration time_step_min = Duration::ms(50);

class Shrinker {
 public:
  Shrinker(const Plan& plan, const Verdict& verdict, std::uint32_t worlds_max)
      : plan_(plan), verdict_(verdict), worlds_max_(worlds_max) {}

  Shrunk run() {
    best_.sentence = verdict_(plan_);
    best_.worlds = 1;
    if (best_.sentence.empty()) return best_;
    invariant_ = invariant_of(best_.sentence);
    remove_faults();
    remove_conversations();
    remove_time();
    // What a conversation or a moment needed may be needed no more.
    remove_faults();
    return best_;
  }

 private:
  // Keeps `smaller` when the world goes on breaking in the same way.
  bool try_with(const Overrides& smaller) {
    if (best_.worlds >= worlds_max_) return false;
    ++best_.worlds;
    const std::string sentence = verdict_(apply(plan_, smaller));
    if (sentence.empty() || invariant_of(sentence) != invariant_) return false;
    best_.overrides = smaller;
    best_.sentence = sentence;
    return true;
  }

  // All at once, else one after the other.
  void remove_faults() {
    Overrides all = best_.overrides;
    for (const std::string_view name : removable()) add(all, name);
    if (all.without.size() == best_.overrides.without.size() || try_with(all)) return;
    for (const std::string_view name : removable()) {
      Overrides less = best_.overrides;
      if (add(less, name)) try_with(less);
    }
  }
  static bool add(Overrides& to, std::string_view name) {
    if (std::ranges::find(to.without, name) != to.without.end()) return false;
    to.without.emplace_back(name);
    return true;
  }

  // Parts of the conversations are left out, each time smaller ones: halves, quarters, … single ones.
  void remove_conversations() {
    std::vector<std::uint32_t> kept(plan_.conversations.size());
    std::iota(kept.begin(), kept.end(), 0U);
    for (std::size_t part = (kept.size() + 1) / 2; part > 0 && kept.size() > 1; part = part / 2) {
      for (std::size_t at = 0; at < kept.size() && kept.size() > part;) {
        std::vector<std::uint32_t> rest = kept;
        const auto first = rest.begin() + static_cast<std::ptrdiff_t>(at);
        rest.erase(first, first + static_cast<std::ptrdiff_t>(std::min(part, rest.size() - at)));
        Overrides less = best_.overrides;
        less.conversations = rest;
        if (!rest.empty() && try_with(less)) kept = rest;
        else at += part;
      }
    }
  }

  void remove_time() {
    Duration low;
    Duration high = plan_.heal - plan_.start;
    while (high - low > time_step_min) {
      const Duration middle = low + (high - low) / 2;
      Overrides less = best_.overrides;
      less.until = middle;
      if (try_with(less)) high = middle;
      else low = middle;
    }
  }

  const Plan& plan_;
  const Verdict& verdict_;
  std::uint32_t worlds_max_;
  std::string invariant_;
  Shrunk best_;
};

// What a child printed tells what broke; empty when it did not say.
std::string sentence_in(const std::string& text) {
  for (const std::string_view told : {told_by_world, told_by_assertion}) {
    const std::size_t at = text.find(told);
    if (at == std::string::npos) continue;
    const std::size_t first = at + told.size();
    return text.substr(first, text.find('\n', first) - first);
  }
  return "";
}

[[noreturn]] void live_in_child(const Plan& plan, int pipe_end) {
  dup2(pipe_end, STDERR_FILENO);
  std::signal(SIGABRT, SIG_DFL);
  int status = 0;
  try {
    Simulation(plan, false).run();
  } catch (const Broken& broken) {
    fmt::print(stderr, "{}{}\n", told_by_world, broken.what());
    status = 1;
  }
  std::fflush(stderr);
  _exit(status);
}

}  // namespace

std::string invariant_of(const std::string& sentence) {
  // Without the list of leftovers that may follow a colon.
  const std::string text = sentence.substr(0, sentence.find(": "));
  const auto in_word = [&](std::size_t at) { return std::isalnum(static_cast<unsigned char>(text[at])) != 0; };
  std::string made;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = at;
    while (end < text.size() && in_word(end)) ++end;
    if (end == at) ++end;
    const std::string word = text.substr(at, end - at);
    // Conversations are told in hex, so that a word with a digit in it is a number.
    made += word.find_first_of("0123456789") == std::string::npos ? word : "#";
    at = end;
  }
  return made;
}

std::string verdict_of_child(const Plan& plan) {
  int ends[2];
  if (pipe(ends) != 0) throw Broken("no pipe for a child");
  std::fflush(nullptr);
  const pid_t id = fork();
  if (id < 0) throw Broken("no child to live in");
  if (id == 0) {
    close(ends[0]);
    live_in_child(plan, ends[1]);
  }
  close(ends[1]);
  std::string text;
  char some[4096];
  for (ssize_t got = 0; (got = read(ends[0], some, sizeof(some))) > 0;)
    text.append(some, static_cast<std::size_t>(got));
  close(ends[0]);
  int status = 0;
  waitpid(id, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return "";
  const std::string sentence = sentence_in(text);
  return sentence.empty() ? "the world ended in a way of its own" : sentence;
}

Shrunk shrink(const Plan& plan, const Verdict& verdict, std::uint32_t worlds_max) {
  return Shrinker(plan, verdict, worlds_max).run();
}

}  // namespace penstock::sim
