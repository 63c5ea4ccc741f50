// Texts of configurations for the control room's tests, and short ways to what parsing them yields.
#pragma once

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include "control/config.hpp"

namespace penstock::control {

// Three lines: line 1 is [[port]].
inline const std::string port_text = "[[port]]\ndevice = \"net_null0\"\naddresses = [\"10.77.0.2/24\"]\n";
// Four lines.
inline const std::string listener_text = "[[listener]]\nname = \"echo\"\nport = 4000\nservice = \"echo\"\n";

// What is in `text`; fails the test when it is no configuration.
inline Config config_of(std::string_view text) {
  const auto config = parse_config(text, "t.toml");
  INFO((config ? std::string() : config.error().sentence()));
  REQUIRE(config);
  return *config;
}

// The sentence that `text` is refused with; empty when it is not.
inline std::string sentence_of(std::string_view text) {
  const auto config = parse_config(text, "t.toml");
  return config ? std::string() : config.error().sentence();
}

inline std::string bytes_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  REQUIRE(file);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace penstock::control
