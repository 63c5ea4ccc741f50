// Batch: samples as text or JSON, for scripts, logs and people without a terminal. Pure.
#pragma once

#include <string>

#include "top/instances.hpp"
#include "top/rates.hpp"
#include "top/sample.hpp"

namespace penstock::top {

// The sample as tables, an empty line at its end.
std::string text_of(const Instance& instance, const Rates& rates, By by);
// The sample as one line of JSON with a line feed: everything that was collected, and what changed a second.
std::string json_of(const Instance& instance, const Rates& rates, By by);

}  // namespace penstock::top
