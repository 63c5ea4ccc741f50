#include "top/live.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <optional>
#include <utility>

#include "top/screen.hpp"
#include "top/source.hpp"
#include "top/terminal.hpp"
#include "top/view.hpp"

namespace penstock::top {

namespace {

using std::chrono::steady_clock;

constexpr std::chrono::milliseconds retry_max{1000};

class Live {
 public:
  Live(Terminal& terminal, const Options& options, std::vector<Instance> instances, bool search)
      : terminal_(terminal), instances_(std::move(instances)), search_(search) {
    view_.interval = options.interval;
    view_.addresses = options.addresses;
    view_.by = options.by;
    go_to(0);
  }

  void run() {
    while (!terminal_.ended()) {
      if (due()) take();
      const Frame frame = draw();
      const Key key = terminal_.wait(pause());
      const Effect effect = view_.on_key(key, frame.shown);
      if (effect == Effect::quit) return;
      act(effect, frame.shown);
    }
  }

 private:
  // Another page may want what was not asked for yet: then it is asked at once.
  bool due() const {
    if (view_.paused) return false;
    return steady_clock::now() >= next_ || view_.wish() != asked_;
  }

  std::chrono::milliseconds pause() const {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(next_ - steady_clock::now());
    return std::clamp(view_.paused ? view_.interval : left, std::chrono::milliseconds(0), view_.interval);
  }

  void take() {
    const auto began = steady_clock::now();
    const bool regular = began >= next_;
    if (regular) next_ = began + view_.interval;
    asked_ = view_.wish();
    auto sample = source_->take(asked_);
    if (!sample) {
      // Who waits for a penstock to come back does not want to wait for a long interval as well.
      next_ = began + std::min(view_.interval, retry_max);
      note_ = fmt::format("{}; trying again", sample.error().sentence);
      before_.reset();
      last_regular_.reset();
      return;
    }
    note_.clear();
    // Rates go back to a sample that came in its turn, at least an interval ago: none is of a few milliseconds.
    if (regular) before_ = std::exchange(last_regular_, *sample);
    if (before_ && before_->process_id != sample->process_id) before_.reset();
    now_ = std::move(*sample);
  }

  Frame draw() {
    const Scene scene{.now = now_ ? &*now_ : nullptr,
                      .before = before_ ? &*before_ : nullptr,
                      .note = note_,
                      .instances = instances_,
                      .instance = instance_};
    Frame frame = compose(view_, scene, terminal_.columns(), terminal_.rows());
    terminal_.draw(frame);
    return frame;
  }

  void act(Effect effect, const Shown& shown) {
    if (view_.page == Page::instances || effect == Effect::next_instance || effect == Effect::previous_instance)
      search();
    const std::size_t count = instances_.size();
    if (effect == Effect::next_instance) go_to((instance_ + 1) % count);
    if (effect == Effect::previous_instance) go_to((instance_ + count - 1) % count);
    if (effect == Effect::go_to_instance && shown.id && *shown.id < count) {
      go_to(*shown.id);
      view_.page = Page::workers;
    }
  }

  // Others may have started or ended since. The one that is looked at stays, though it may have ended.
  void search() {
    if (!search_) return;
    const Instance here = instances_[instance_];
    std::vector<Instance> found = find_instances(runtime_dirs());
    if (std::ranges::find(found, here) == found.end()) found.push_back(here);
    std::ranges::sort(found, {}, &Instance::name);
    instances_ = std::move(found);
    instance_ = static_cast<std::size_t>(std::ranges::find(instances_, here) - instances_.begin());
  }

  void go_to(std::size_t instance) {
    if (source_ && instance == instance_) return;
    instance_ = instance;
    source_.emplace(instances_[instance]);  // gives the place at the other one back
    now_.reset();
    before_.reset();
    last_regular_.reset();
    note_.clear();
    view_.detail.reset();
    next_ = steady_clock::now();
  }

  Terminal& terminal_;
  View view_;
  std::vector<Instance> instances_;  // never empty
  bool search_;
  std::size_t instance_ = 0;
  std::optional<Source> source_;
  std::optional<Sample> now_;
  std::optional<Sample> before_;        // what rates are taken from
  std::optional<Sample> last_regular_;  // the last one that came in its turn
  std::string note_;
  Wish asked_;
  steady_clock::time_point next_;
};

}  // namespace

int run_live(const Options& options, std::vector<Instance> instances, bool search) {
  const auto terminal = Terminal::open();
  if (!terminal) {
    fmt::print(stderr, "penstock-top: {}\n", terminal.error());
    return exit_bad_arguments;
  }
  Live(**terminal, options, std::move(instances), search).run();
  return 0;
}

}  // namespace penstock::top
