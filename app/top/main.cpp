// penstock-top: a live view of running penstocks. Finds them, and composes options, sources, batches and the terminal.

#include <fmt/format.h>

#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include "top/batch.hpp"
#include "top/live.hpp"
#include "top/options.hpp"
#include "top/source.hpp"

namespace {

using namespace penstock::top;

int fail(int status, const std::string& sentence) {
  fmt::print(stderr, "penstock-top: {}\n", sentence);
  return status;
}

// What else could be looked at, where the one that was named cannot.
std::string explain(const Instance& instance, const Fault& fault, const std::vector<std::string>& dirs) {
  if (fault.kind == Fault::Kind::no_socket && instance.name.find('/') == std::string::npos)
    return explain_missing(instance.name, dirs, penstocks_among(find_instances(dirs)));
  return fmt::format("{}: {}", instance.name, fault.sentence);
}

// Takes and prints the samples of a batch.
class Batch {
 public:
  Batch(const Options& options, const std::vector<Instance>& instances) : options_(options) {
    for (const Instance& instance : instances) watched_.push_back({Source(instance), {}});
    wish_ = {.sessions = options.by,
             .session = {},
             .histograms = {},
             .all_histograms = options.json,
             .addresses = options.addresses};
  }

  int run() {
    for (Watched& one : watched_) take(one, false);
    // Nobody is there, and who reads the first line should not wait for the second.
    if (failed_ == watched_.size()) return exit_not_answered;
    auto next = std::chrono::steady_clock::now();
    for (std::uint64_t count = 0; options_.samples == 0 || count < options_.samples; ++count) {
      std::this_thread::sleep_until(next += options_.interval);
      for (Watched& one : watched_) take(one, true);
      std::fflush(stdout);
    }
    return failed_ == 0 ? 0 : exit_not_answered;
  }

 private:
  struct Watched {
    Source source;
    std::optional<Sample> before;
  };

  void take(Watched& one, bool print) {
    auto sample = one.source.take(wish_);
    if (!sample) {
      ++failed_;
      one.before.reset();
      fail(exit_not_answered, explain(one.source.instance(), sample.error(), runtime_dirs()));
      return;
    }
    if (one.before && one.before->process_id != sample->process_id) one.before.reset();
    const Rates rates(*sample, one.before ? &*one.before : nullptr);
    const auto text = options_.json ? json_of : text_of;
    if (print) fmt::print("{}", text(one.source.instance(), rates, options_.by));
    one.before = std::move(*sample);
  }

  const Options& options_;
  std::vector<Watched> watched_;
  Wish wish_;
  std::size_t failed_ = 0;
};

int run(const std::vector<std::string>& words) {
  const auto options = parse_options(words);
  if (!options) return fail(exit_bad_arguments, options.error());
  if (options->action == Action::help) {
    fmt::print("{}", help_text());
    return 0;
  }
  if (options->action == Action::version) {
    fmt::print("penstock-top {}\n", PENSTOCK_VERSION);
    return 0;
  }
  const std::vector<std::string> dirs = runtime_dirs();
  std::vector<Instance> instances;
  for (const std::string& prefix : options->prefixes) instances.push_back(instance_of(prefix, dirs));
  if (options->prefixes.empty()) instances = penstocks_among(find_instances(dirs));
  if (instances.empty()) return fail(exit_not_answered, explain_missing("", dirs, find_instances(dirs)));
  if (options->action == Action::batch) return Batch(*options, instances).run();
  // What cannot be looked at now is told before the terminal is taken.
  auto sample = Source(instances[0]).take({});
  if (!sample) return fail(exit_not_answered, explain(instances[0], sample.error(), dirs));
  return run_live(*options, instances, options->prefixes.empty());
}

}  // namespace

int main(int argc, char** argv) { return run({argv + 1, argv + argc}); }
