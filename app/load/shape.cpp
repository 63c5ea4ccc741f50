#include "load/shape.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace penstock::load {

Shape::Kind Shape::kind_of(const RunPlan& plan) {
  switch (plan.shape) {
    case ShapeKind::bulk:
    case ShapeKind::slow: return Kind::looping;
    case ShapeKind::closed: return plan.pick == Pick::same ? Kind::looping : Kind::picking;
    case ShapeKind::churn: return plan.rate > 0 ? Kind::paced : Kind::picking;
    case ShapeKind::open: return Kind::paced;
    case ShapeKind::burst: return Kind::burst;
    case ShapeKind::idle:
    case ShapeKind::connect:
    case ShapeKind::disconnect: return Kind::idle;
  }
  return Kind::idle;
}

// A slow reader's time passes before it reads, not before it asks.
bool Shape::thinks(const RunPlan& plan) { return plan.think_us > 0 && plan.shape != ShapeKind::slow; }

// A turn is in this ring, in flight, or not begun; a looping session may think once for each of its requests.
std::uint32_t Shape::waiting_max(const RunPlan& plan) {
  if (kind_of(plan) == Kind::picking) return std::max(plan.depth, 1u);
  return kind_of(plan) == Kind::looping && thinks(plan) ? plan.requests_in_flight_max : 1;
}

Shape::Shape(Arena& arena, const RunPlan& plan, Rng rng)
    : plan_(plan),
      kind_(kind_of(plan)),
      picker_(plan, rng),
      pace_(1, 0),
      waiting_(arena, waiting_max(plan)),
      first_turns_(kind_ == Kind::looping ? plan.active : plan.depth) {}

void Shape::begin(std::uint64_t now_ns) {
  begun_ = 0;
  burst_left_ = kind_ == Kind::burst ? plan_.depth : 0;
  burst_ns_ = now_ns;
  // First turns come as fast as they are taken, or evenly over the ramp.
  constexpr std::uint64_t at_once = 1'000'000'000'000;
  const std::uint64_t over_ramp = plan_.ramp_s == 0 ? at_once : std::max<std::uint64_t>(first_turns_ / plan_.ramp_s, 1);
  pace_ = kind_ == Kind::paced ? Pace(std::max<std::uint64_t>(plan_.rate, 1), plan_.ramp_s) : Pace(over_ramp, 0);
  pace_.begin(now_ns);
}

std::optional<Shape::Turn> Shape::next(std::uint64_t now_ns) {
  if (offered_) return offered_;
  // Not read back from where it was just written in parts, for which a core waits.
  const std::optional<Turn> found = find(now_ns);
  offered_ = found;
  return found;
}

std::optional<Shape::Turn> Shape::find(std::uint64_t now_ns) {
  if (now_ns < rest_until_ns_) return std::nullopt;
  from_waiting_ = !waiting_.empty() && waiting_.front().due_ns <= now_ns;
  if (from_waiting_) {
    return Turn{kind_ == Kind::looping ? waiting_.front().session : picker_.next(), now_ns};
  }
  if (kind_ == Kind::burst) {
    if (burst_left_ == 0 || now_ns < burst_ns_) return std::nullopt;
    return Turn{picker_.next(), burst_ns_};
  }
  const bool is_paced = kind_ == Kind::paced || first_turns_left();
  if (!is_paced || pace_.due_ns() > now_ns) return std::nullopt;
  const std::uint64_t due_ns = kind_ == Kind::paced ? pace_.due_ns() : now_ns;
  return Turn{kind_ == Kind::looping ? picker_.session_of(begun_) : picker_.next(), due_ns};
}

void Shape::sent() {
  PENSTOCK_ASSERT(offered_.has_value());
  offered_.reset();
  if (from_waiting_) {
    waiting_.pop();
  } else if (kind_ == Kind::burst) {
    if (--burst_left_ > 0) return;
    burst_left_ = plan_.depth;
    burst_ns_ += think_ns();
  } else {
    pace_.advance();
    if (kind_ != Kind::paced) ++begun_;
  }
}

Shape::Turn Shape::pick_again() {
  PENSTOCK_ASSERT(offered_.has_value());
  if (kind_ != Kind::looping) offered_->session = picker_.next();
  return *offered_;
}

// What was due stays due: a paced request is late from here on, and its answer will tell.
void Shape::refused(std::uint64_t now_ns) {
  PENSTOCK_ASSERT(offered_.has_value());
  if (kind_ == Kind::looping) return sent();
  offered_.reset();
  rest_until_ns_ = now_ns + retry_ns;
}

bool Shape::answered(std::uint32_t session, std::uint64_t now_ns) {
  if (kind_ != Kind::looping && kind_ != Kind::picking) return false;
  if (kind_ == Kind::looping && !thinks(plan_)) return true;
  const bool stored = waiting_.push({session, now_ns + think_ns()});
  PENSTOCK_ASSERT(stored);
  return false;
}

std::uint64_t Shape::next_due_ns() const {
  if (offered_) return rest_until_ns_;
  std::uint64_t due = waiting_.empty() ? never_ns : waiting_.front().due_ns;
  if (kind_ == Kind::burst) due = std::min(due, burst_ns_);
  if (kind_ == Kind::paced || first_turns_left()) due = std::min(due, pace_.due_ns());
  return due == never_ns ? never_ns : std::max(due, rest_until_ns_);
}

std::uint64_t Shape::think_ns() const { return plan_.think_us * 1'000; }

}  // namespace penstock::load
