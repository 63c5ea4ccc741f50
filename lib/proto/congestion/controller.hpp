// AnyController: one of the closed table of congestion controllers, in place, without a virtual call or an allocation.
//
//   none     no bound: it takes from others what it wants      none.hpp
//   kcp      ikcp's law                                        kcp.hpp
//   newreno  RFC 5681, one segment more a round trip           newreno.hpp
//   cubic    RFC 9438                                          cubic.hpp
//   bbr      draft-ietf-ccwg-bbr, version 3                    bbr.hpp
// One core, part of a session. A call is one switch over the kind.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>

#include "proto/congestion/bbr.hpp"
#include "proto/congestion/cubic.hpp"
#include "proto/congestion/events.hpp"
#include "proto/congestion/kcp.hpp"
#include "proto/congestion/newreno.hpp"
#include "proto/congestion/none.hpp"

namespace penstock::congestion {

enum class Kind : std::uint8_t { none, kcp, newreno, cubic, bbr };
inline constexpr std::uint8_t kind_count = 5;

// As the configuration and the statistics spell it.
std::string_view name_of(Kind kind);
// Nothing: no controller is called that.
std::optional<Kind> kind_named(std::string_view name);

class AnyController {
 public:
  // By `none` until switch_to() or the constructor says otherwise.
  AnyController(Kind kind, const Setup& setup);
  explicit AnyController(const Setup& setup) : AnyController(Kind::none, setup) {}

  // The flow goes on under another controller, which begins with the window and the rate that this one had.
  void switch_to(Kind kind, const Setup& setup);

  Kind kind() const { return kind_; }

  void on_sent(const Sent& sent) {
    tell([&](auto& controller) { controller.on_sent(sent); });
  }
  void on_acked(const Acked& acked) {
    tell([&](auto& controller) { controller.on_acked(acked); });
  }
  void on_lost(const Lost& lost) {
    tell([&](auto& controller) { controller.on_lost(lost); });
  }
  void on_timeout(const Timeout& timeout) {
    tell([&](auto& controller) { controller.on_timeout(timeout); });
  }
  void on_spurious(const Spurious& spurious) {
    tell([&](auto& controller) { controller.on_spurious(spurious); });
  }
  std::uint64_t window() const {
    return ask([](const auto& controller) { return controller.window(); });
  }
  std::uint64_t pacing_rate() const {
    return ask([](const auto& controller) { return controller.pacing_rate(); });
  }
  std::uint64_t threshold() const {
    return ask([](const auto& controller) { return controller.threshold(); });
  }
  Essence essence() const {
    return ask([](const auto& controller) { return controller.essence(); });
  }
  // After construction: a flow that was idle goes on.
  void resume(const Essence& essence, Instant now) {
    tell([&](auto& controller) { controller.resume(essence, now); });
  }

 private:
  template <class F>
  void tell(F&& call) {
    switch (kind_) {
      case Kind::kcp: return call(kcp_);
      case Kind::newreno: return call(newreno_);
      case Kind::cubic: return call(cubic_);
      case Kind::bbr: return call(bbr_);
      case Kind::none: break;
    }
    return call(none_);
  }
  // Every controller answers with the same types.
  template <class F>
  std::invoke_result_t<F, const None&> ask(F&& call) const {
    switch (kind_) {
      case Kind::kcp: return call(kcp_);
      case Kind::newreno: return call(newreno_);
      case Kind::cubic: return call(cubic_);
      case Kind::bbr: return call(bbr_);
      case Kind::none: break;
    }
    return call(none_);
  }

  void begin(Kind kind, const Setup& setup);

  // The one that kind_ names.
  union {
    None none_;
    Kcp kcp_;
    NewReno newreno_;
    Cubic cubic_;
    Bbr bbr_;
  };
  Kind kind_;
};
static_assert(Controller<AnyController>);
// A session is copied and forgotten as bytes are.
static_assert(std::is_trivially_copyable_v<AnyController> && std::is_trivially_destructible_v<AnyController>);
static_assert(sizeof(AnyController) <= 224);

}  // namespace penstock::congestion
