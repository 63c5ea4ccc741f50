// Fuzzes the configuration's reader: any text is a Config, or is refused with one sentence; the same for both programs.
#include <string>
#include <string_view>

#include "claim.hpp"
#include "control/config.hpp"

using namespace penstock::control;

namespace {

constexpr std::string_view file = "fuzz.toml";

// One line that names the file and is fit for a terminal.
void check_sentence(const ConfigError& error) {
  const std::string sentence = error.sentence();
  FUZZ_CLAIM(sentence.starts_with(file));
  FUZZ_CLAIM(!error.reason.empty() && error.reason.back() != '.');
  FUZZ_CLAIM(sentence.size() < 1000);
  for (const char c : sentence) FUZZ_CLAIM(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
}

// A few of the rules that a Config promises to keep.
void check_config(Config config) {
  FUZZ_CLAIM(!config.ports.empty() && !config.listeners.empty());
  FUZZ_CLAIM(config.limits.sessions_max >= 1);
  for (const PortConfig& port : config.ports) {
    FUZZ_CLAIM(port.mtu >= 576 && port.mtu <= 9000 && !port.interfaces.empty());
    for (const InterfaceConfig& interface : port.interfaces) FUZZ_CLAIM(!interface.addresses.empty());
  }
  for (const ListenerConfig& listener : config.listeners) {
    FUZZ_CLAIM(listener.port != 0 && !listener.name.empty());
    FUZZ_CLAIM(listener.mtu >= 50 && listener.mtu <= 9000);
  }
  const auto strict = demand_strict_bypass(config);
  if (!strict) check_sentence(strict.error());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const Role role : {Role::server, Role::load}) {
    const auto config = parse_config(text, file, role);
    if (config) check_config(*config);
    else check_sentence(config.error());
  }
  return 0;
}
