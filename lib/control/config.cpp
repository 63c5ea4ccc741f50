#include "control/config.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "control/config_check.hpp"
#include "control/config_sections.hpp"
#include "control/eal_arguments.hpp"
#include "engine/stats.hpp"

namespace penstock::control {

namespace {

constexpr std::size_t ports_max = 16;
constexpr std::size_t eal_args_max = 128;
constexpr std::size_t eal_arg_bytes_max = 4'096;

void read_eal(TableReader& table, std::vector<std::string>& args) {
  table.texts("args", "words of EAL's command line", eal_args_max, eal_arg_bytes_max,
              [&](std::string_view text) -> TableReader::Verdict {
                args.emplace_back(text);
                return std::nullopt;
              });
  if (const auto parsed = parse_eal_args(args); !parsed) table.fail("args", parsed.error());
}

// A descriptor that closes itself.
class File {
 public:
  explicit File(const std::filesystem::path& path)
      // Without O_NONBLOCK opening a pipe would wait for its writer.
      : fd_(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY)) {}
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

std::string error_text(int number) { return std::generic_category().message(number); }

// The file's bytes, or why there are none.
std::expected<std::string, std::string> read_file(const std::filesystem::path& path) {
  const File file(path);
  struct stat status {};
  if (file.fd() < 0 || ::fstat(file.fd(), &status) != 0)
    return std::unexpected(fmt::format("cannot be opened: {}", error_text(errno)));
  if (!S_ISREG(status.st_mode)) return std::unexpected(std::string("is no regular file"));
  std::string text(config_bytes_max + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ::ssize_t got = ::read(file.fd(), text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::unexpected(fmt::format("cannot be read: {}", error_text(errno)));
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  text.resize(size);
  return text;
}

}  // namespace

std::string ConfigError::sentence() const {
  std::string text;
  // A file name may hold a line feed; the sentence must not.
  for (const char c : file) text += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  if (line != 0) text += fmt::format(":{}", line);
  if (!key.empty()) text += fmt::format(": {}", key);
  return fmt::format("{}: {}", text, reason);
}

void read_limits(TableReader& table, LimitsConfig& limits) {
  table.integer("sessions_max", limits.sessions_max, 1, 16'777'216);
  table.integer("rx_descriptors", limits.rx_descriptors, 32, 32'768);
  table.integer("tx_descriptors", limits.tx_descriptors, 32, 32'768);
  table.integer("mbufs", limits.mbufs, 0, 16'777'216);
  table.integer("drain_timeout_s", limits.drain_timeout_s, 0, 3'600);
  table.integer("window_memory_mb", limits.window_memory_mb, 0, 1'048'576);
  const auto blocks = table.integers("small_blocks", "[0, 0, 0]", {3, 3}, {0, 16'777'216}, Need::optional);
  if (blocks) limits.small_blocks = {(*blocks)[0], (*blocks)[1], (*blocks)[2]};
  table.integer("neighbors_max", limits.neighbors_max, 16, 1'048'576);
}

void read_workers(TableReader& table, WorkersConfig& workers) {
  table.choice("poll", workers.poll, {{"busy", Poll::busy}, {"adaptive", Poll::adaptive}});
  table.flag("strict_bypass", workers.strict_bypass);
  workers.poll_line = table.scan().line_of(table.line(), table.path_of("poll"));
}

void read_document(TableReader& document, Config& config) {
  document.table("eal", [&](TableReader& table) { read_eal(table, config.eal_args); });
  document.table("limits", [&](TableReader& table) { read_limits(table, config.limits); });
  document.table("workers", [&](TableReader& table) { read_workers(table, config.workers); });
  document.tables("port", 1, ports_max, [&](TableReader& table) { read_port(table, config.ports.emplace_back()); });
  const std::size_t most = document.scan().role() == Role::load ? 1 : listeners_max;
  document.tables("listener", 1, most,
                  [&](TableReader& table) { read_listener(table, config.listeners.emplace_back()); });
}

std::expected<Config, ConfigError> load_config(const std::filesystem::path& path, Role role) {
  const std::expected<std::string, std::string> text = read_file(path);
  if (!text) return std::unexpected(ConfigError{path.string(), 0, "", text.error()});
  return parse_config(*text, path.string(), role);
}

std::expected<Config, ConfigError> parse_config(std::string_view text, std::string_view file, Role role) {
  if (text.size() > config_bytes_max)
    return std::unexpected(
        ConfigError{std::string(file), 0, "", fmt::format("is larger than {} bytes", config_bytes_max)});
  const std::expected<TomlValue, TomlError> document = parse_toml(text);
  if (!document)
    return std::unexpected(ConfigError{std::string(file), document.error().line, "syntax", document.error().reason});
  Config config;
  config.file = file;
  ConfigScan scan(std::string(file), role);
  TableReader::read(&*document, scan, [&](TableReader& reader) { read_document(reader, config); });
  if (!scan.error()) check_config(config, scan);
  if (scan.error()) return std::unexpected(*scan.error());
  return config;
}

std::expected<void, ConfigError> demand_strict_bypass(Config& config) {
  config.workers.strict_bypass = true;
  if (config.workers.poll == Poll::busy) return {};
  return std::unexpected(ConfigError{config.file, config.workers.poll_line, "workers.poll",
                                     "\"adaptive\" has workers sleep by system calls, which --strict-bypass forbids"});
}

std::vector<ConfigKey> config_keys() {
  std::vector<ConfigKey> keys;
  ConfigScan scan(keys);
  Config defaults;
  TableReader::read(nullptr, scan, [&](TableReader& reader) { read_document(reader, defaults); });
  return keys;
}

}  // namespace penstock::control
