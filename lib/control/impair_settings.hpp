// Impair settings: [port.impair] as the engine wants it, and how words of an operator change it under way.
//
// The words are the keys of the configuration, read by the same code, so that both know the same names, ranges and rules.
// Off the data path; pure.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "control/config.hpp"
#include "engine/impairment.hpp"

namespace penstock::control {

impair::Impairment impairment_of(const ImpairConfig& from);

// What `now` is after "key=value,key=value…"; keys that are not named stay. "off" takes all faults away. A fraction may be
// written 0.01 or 1%. `configured` is what the node started with: the queue can be no longer, since its memory was taken
// then, and the seed stays. The error is one sentence that names the key.
std::expected<ImpairConfig, std::string> change_impair(const ImpairConfig& now, const ImpairConfig& configured,
                                                       std::string_view words);

}  // namespace penstock::control
