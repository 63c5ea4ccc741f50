// OptionNames: the options of a KCP session by name, for a command line that tries one after another.
//
// The names are those of kcp::Options, whose comments tell the ranges. A new option is a row of option_names.cpp.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proto/kcp/options.hpp"

namespace penstock::path {

// Sets what `setting` says, "name=value". Why not, when there is no such name or no such value.
std::optional<std::string> set_option(kcp::Options& options, std::string_view setting);
std::vector<std::string_view> option_names();

}  // namespace penstock::path
