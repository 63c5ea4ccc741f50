// Fuzzes packet scripts: any text is a script that comes true, or is refused with its line; a node that plays one loses no
// frame and no block, whatever it is told.
//
// A script is stopped when it has taken so many turns of the node, which is a refusal like any other.
#include <algorithm>
#include <string>
#include <string_view>

#include "claim.hpp"
#include "packets/player.hpp"

using namespace penstock;
using namespace penstock::packets;

namespace {

constexpr std::string_view file = "fuzz.pkt";

// A node that is quick to make, and that nobody keeps busy for long.
BenchSetup small_setup() {
  BenchSetup setup = BenchSetup::standard();
  setup.node.sessions_max = 16;
  setup.node.memory = {.small_blocks = {{64, 32, 32}}, .window_bytes = 1 << 17, .chunks = 64};
  setup.blocks = 96;
  setup.rx_blocks = 64;
  setup.turns_max = 3'000;
  setup.frames_max = 100;
  return setup;
}

// "fuzz.pkt:LINE: sentence", of a line that there is.
void check_refusal(std::string_view sentence, std::string_view text) {
  FUZZ_CLAIM(sentence.starts_with(file) && sentence[file.size()] == ':');
  std::size_t at = file.size() + 1;
  std::size_t line = 0;
  for (; at < sentence.size() && sentence[at] >= '0' && sentence[at] <= '9'; ++at) {
    line = line * 10 + static_cast<std::size_t>(sentence[at] - '0');
  }
  FUZZ_CLAIM(line >= 1 && line <= 1 + static_cast<std::size_t>(std::ranges::count(text, '\n')));
  FUZZ_CLAIM(sentence.substr(at).starts_with(": ") && sentence.size() > at + 2);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const BenchSetup setup = small_setup();
  const std::string text(reinterpret_cast<const char*>(data), size);
  Player player{std::string(file), text, setup};
  try {
    player.play();
  } catch (const NodeFault& fault) {
    fuzz::broken(fault.what(), __FILE__, __LINE__);
  } catch (const ScriptError& refusal) {
    check_refusal(refusal.what(), text);
  }
  return 0;
}
