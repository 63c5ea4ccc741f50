#include "proto/congestion/controller.hpp"

#include <memory>

namespace penstock::congestion {

namespace {

constexpr std::string_view names[kind_count] = {"none", "kcp", "newreno", "cubic", "bbr"};

}  // namespace

std::string_view name_of(Kind kind) { return names[static_cast<std::uint8_t>(kind)]; }

std::optional<Kind> kind_named(std::string_view name) {
  for (std::uint8_t i = 0; i < kind_count; ++i) {
    if (names[i] == name) return static_cast<Kind>(i);
  }
  return std::nullopt;
}

AnyController::AnyController(Kind kind, const Setup& setup) : none_(setup), kind_(Kind::none) { begin(kind, setup); }

void AnyController::begin(Kind kind, const Setup& setup) {
  kind_ = kind;
  switch (kind) {
    case Kind::none: std::construct_at(&none_, setup); break;
    case Kind::kcp: std::construct_at(&kcp_, setup); break;
    case Kind::newreno: std::construct_at(&newreno_, setup); break;
    case Kind::cubic: std::construct_at(&cubic_, setup); break;
    case Kind::bbr: std::construct_at(&bbr_, setup); break;
  }
}

void AnyController::switch_to(Kind kind, const Setup& setup) {
  if (kind == kind_) return;
  const Essence essence = this->essence();
  begin(kind, setup);
  tell([&](auto& controller) { controller.take_over(essence, setup.now); });
}

}  // namespace penstock::congestion
