// Shows that a file is read as a whole: defaults, the brief's every key, files that cannot be read, sizes; that the examples
// of docs/ are good; and that docs/config.md tells every key with its range and default.
#include "control/config.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "config_text.hpp"

namespace penstock::control {

namespace {

const std::filesystem::path source_dir = PENSTOCK_SOURCE_DIR;

// A directory that goes with its scope.
class Scratch {
 public:
  Scratch() {
    std::string name = (std::filesystem::temp_directory_path() / "penstock-config-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~Scratch() { std::filesystem::remove_all(path_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  std::filesystem::path file(std::string_view name, std::string_view text) const {
    std::ofstream(path_ / name, std::ios::binary) << text;
    return path_ / name;
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

std::string refusal_of(const std::filesystem::path& path) {
  const auto config = load_config(path);
  if (config) return "";
  CHECK(config.error().file == path.string());
  return config.error().reason;
}

}  // namespace

TEST_CASE("a short file gets every default") {
  const Config config = config_of(port_text + listener_text);
  CHECK(config.file == "t.toml");
  CHECK(config.eal_args.empty());
  CHECK(config.limits.sessions_max == 65'536);
  REQUIRE(config.ports.size() == 1);
  CHECK(config.ports[0].mtu == 1'500);
  CHECK_FALSE(config.ports[0].impair);
  REQUIRE(config.listeners.size() == 1);
  const ListenerConfig& listener = config.listeners[0];
  CHECK(listener.line == 4);
  CHECK(listener.key == SessionKey::address_conv);
  CHECK(listener.snd_wnd == 32);
  CHECK(listener.rcv_wnd == 128);
  CHECK(listener.congestion == Congestion::kcp);
}

TEST_CASE("the limits are taken") {
  const LimitsConfig limits =
      config_of(
          "[limits]\nsessions_max = 1\nrx_descriptors = 32\ntx_descriptors = 32768\nmbufs = 5\n"
          "drain_timeout_s = 0\nwindow_memory_mb = 6\nsmall_blocks = [7, 8, 9]\nneighbors_max = 16\n" +
          port_text + listener_text)
          .limits;
  CHECK(limits.sessions_max == 1);
  CHECK(limits.rx_descriptors == 32);
  CHECK(limits.tx_descriptors == 32'768);
  CHECK(limits.mbufs == 5);
  CHECK(limits.drain_timeout_s == 0);
  CHECK(limits.window_memory_mb == 6);
  CHECK(limits.small_blocks == std::array<std::uint32_t, 3>{7, 8, 9});
  CHECK(limits.neighbors_max == 16);
}

TEST_CASE("how workers poll is taken, with its line") {
  const std::string rest = port_text + listener_text;
  CHECK(config_of(rest).workers.poll == Poll::busy);
  CHECK(config_of("[workers]\n\npoll = \"adaptive\"\n" + rest).workers.poll == Poll::adaptive);
  CHECK(config_of("[workers]\n\npoll = \"adaptive\"\n" + rest).workers.poll_line == 3);
  CHECK(config_of("[workers]\npoll = \"busy\"\n" + rest).workers.poll == Poll::busy);
  CHECK(sentence_of("[workers]\npoll = \"lazy\"\n" + rest).starts_with("t.toml:2: workers.poll: "));
}

TEST_CASE("strict bypass and workers that sleep contradict each other, whoever asks for it") {
  const std::string rest = port_text + listener_text;
  CHECK(config_of("[workers]\nstrict_bypass = true\n" + rest).workers.strict_bypass);
  CHECK(sentence_of("[workers]\npoll = \"adaptive\"\nstrict_bypass = true\n" + rest) ==
        "t.toml:2: workers.poll: \"adaptive\" has workers sleep by system calls, which workers.strict_bypass forbids");
  Config busy = config_of(rest);
  CHECK_FALSE(busy.workers.strict_bypass);
  CHECK(demand_strict_bypass(busy));
  CHECK(busy.workers.strict_bypass);
  Config adaptive = config_of("[workers]\npoll = \"adaptive\"\n" + rest);
  const auto refused = demand_strict_bypass(adaptive);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().sentence() ==
        "t.toml:2: workers.poll: \"adaptive\" has workers sleep by system calls, which --strict-bypass forbids");
}

TEST_CASE("EAL's words are taken one by one and checked") {
  const std::string rest = port_text + listener_text;
  CHECK(config_of("[eal]\nargs = [\"-l\", \"0-1\", \"--no-pci\"]\n" + rest).eal_args ==
        std::vector<std::string>{"-l", "0-1", "--no-pci"});
  CHECK(
      sentence_of("[eal]\nargs = [\"-l\", \"0-\"]\n" + rest).starts_with("t.toml:2: eal.args: -l: \"0-\" is no list"));
}

TEST_CASE("a sentence names file, line and key as far as they are known, on one line") {
  CHECK(ConfigError{"a.toml", 12, "listener.mtu", "9001 is above 9000"}.sentence() ==
        "a.toml:12: listener.mtu: 9001 is above 9000");
  CHECK(ConfigError{"a.toml", 0, "listener", "is missing"}.sentence() == "a.toml: listener: is missing");
  CHECK(ConfigError{"a.toml", 0, "", "is no regular file"}.sentence() == "a.toml: is no regular file");
  CHECK(ConfigError{"a\n\x1b.toml", 0, "", "x"}.sentence() == "a??.toml: x");
}

TEST_CASE("a file is loaded as its text is parsed") {
  const Scratch scratch;
  const auto path = scratch.file("good.toml", port_text + listener_text);
  CHECK(load_config(path));
  std::filesystem::create_symlink(path, scratch.path() / "link.toml");
  CHECK(load_config(scratch.path() / "link.toml"));
}

TEST_CASE("what is no readable regular file is refused at once") {
  const Scratch scratch;
  CHECK(refusal_of(scratch.path() / "none.toml") == "cannot be opened: No such file or directory");
  CHECK(refusal_of(scratch.path()) == "is no regular file");
  CHECK(refusal_of("/dev/null") == "is no regular file");
  CHECK(refusal_of("") == "cannot be opened: No such file or directory");
  // Nobody ever writes to this pipe.
  REQUIRE(::mkfifo((scratch.path() / "pipe").c_str(), 0600) == 0);
  CHECK(refusal_of(scratch.path() / "pipe") == "is no regular file");
  std::filesystem::create_symlink(scratch.path() / "loop", scratch.path() / "loop");
  CHECK(refusal_of(scratch.path() / "loop").starts_with("cannot be opened: "));
  CHECK(refusal_of(scratch.file("file", "") / "below") == "cannot be opened: Not a directory");
}

TEST_CASE("a file without leave to read is refused") {
  if (::geteuid() == 0) return;  // root reads everything
  const Scratch scratch;
  const auto path = scratch.file("secret.toml", port_text + listener_text);
  std::filesystem::permissions(path, std::filesystem::perms::none);
  CHECK(refusal_of(path) == "cannot be opened: Permission denied");
}

TEST_CASE("a file is read up to 1 MiB and refused beyond") {
  const Scratch scratch;
  std::string text = port_text + listener_text;
  text += '#';
  text.append(config_bytes_max - text.size(), 'x');
  REQUIRE(text.size() == config_bytes_max);
  CHECK(load_config(scratch.file("full.toml", text)));
  CHECK(refusal_of(scratch.file("over.toml", text + "x")) == "is larger than 1048576 bytes");
  CHECK(refusal_of("/dev/zero") == "is no regular file");
}

TEST_CASE("an error of syntax is told with its line") {
  CHECK(sentence_of(port_text + "mtu = \n" + listener_text).starts_with("t.toml:4: syntax: "));
  CHECK(sentence_of(port_text + "mtu = 1500\nmtu = 1500\n").starts_with("t.toml:5: syntax: "));
}

TEST_CASE("no damage of one byte in a good file crashes the reader, and every refusal is one short line") {
  const std::string good = bytes_of(source_dir / "docs/examples/two-vlans.toml");
  std::size_t refused = 0;
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (const char byte : {'\0', '"', '[', '=', '9', '-', '.', '\n', '#', '\x80'}) {
      std::string damaged = good;
      damaged[at] = byte;
      const std::string sentence = sentence_of(damaged);
      if (sentence.empty()) continue;
      ++refused;
      REQUIRE(sentence.find('\n') == std::string::npos);
      REQUIRE(sentence.size() < 400);
    }
  }
  CHECK(refused > 1'000);
}

TEST_CASE("every example is a good configuration") {
  std::size_t examples = 0;
  for (const auto& entry : std::filesystem::directory_iterator(source_dir / "docs/examples")) {
    const auto config = load_config(entry.path());
    INFO((config ? std::string() : config.error().sentence()));
    CHECK(config);
    ++examples;
  }
  CHECK(examples >= 5);
}

TEST_CASE("the documentation tells every key with its range and default") {
  const std::string document = bytes_of(source_dir / "docs/config.md");
  const std::vector<ConfigKey> keys = config_keys();
  CHECK(keys.size() > 50);
  for (const ConfigKey& key : keys) {
    const std::string row = "| `" + key.name + "` | " + key.range + " | " + key.preset + " |";
    INFO(row);
    CHECK(document.find(row) != std::string::npos);
  }
  // And none that is not there: every row of a key begins like this.
  std::size_t rows = 0;
  for (std::size_t at = 0; (at = document.find("\n| `", at)) != std::string::npos; ++at) ++rows;
  CHECK(rows == keys.size());
}

TEST_CASE("no key is described twice") {
  std::vector<std::string> names;
  for (const ConfigKey& key : config_keys()) names.push_back(key.name);
  std::ranges::sort(names);
  CHECK(std::ranges::adjacent_find(names) == names.end());
}

}  // namespace penstock::control
