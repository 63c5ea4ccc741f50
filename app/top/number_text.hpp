// Number text: numbers as a person reads them in a narrow column: at most seven characters, three of them digits that mean
// something. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace penstock::top {

// "0", "99999", "123k", "1.23M", … "18.4E".
std::string count_text(std::uint64_t value);
std::string count_text(std::optional<std::uint64_t> value);
// A rate or a share: "0", "0.25", "12.3", "1.23k"; "-" when it is not known.
std::string rate_text(std::optional<double> value);
// A span of microseconds: "0", "250us", "1.25ms", "12.5s", "5m07s", "3h12m", "12d03h".
std::string time_text(std::uint64_t us);

}  // namespace penstock::top
