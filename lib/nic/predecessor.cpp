#include "nic/predecessor.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <set>
#include <system_error>

namespace penstock::nic {

namespace {

namespace fs = std::filesystem;

// A file descriptor that closes itself.
class File {
 public:
  explicit File(int fd) : fd_(fd) {}
  ~File() {
    if (fd_ >= 0) close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int fd() const { return fd_; }
  bool good() const { return fd_ >= 0; }

 private:
  int fd_;
};

std::vector<fs::path> files_in(const fs::path& folder) {
  std::vector<fs::path> found;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) found.push_back(entry.path());
  return found;
}

bool is_socket_of_ours(const fs::path& path) {
  const std::string name = path.filename().string();
  return name.starts_with("dpdk_telemetry.v2") || name == "penstock_admin";
}

// A living process; 0 when the kernel does not say which.
using Living = std::optional<pid_t>;

Living holder_of_config(const std::string& path) {
  const File config(open(path.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC));
  if (!config.good()) return std::nullopt;
  struct flock whole = {};
  whole.l_type = F_WRLCK;
  whole.l_whence = SEEK_SET;
  if (fcntl(config.fd(), F_GETLK, &whole) != 0 || whole.l_type == F_UNLCK) return std::nullopt;
  return std::max<pid_t>(whole.l_pid, 0);
}

Living listener_of(const std::string& path) {
  const File client(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (!client.good() || path.size() >= sizeof(address.sun_path)) return std::nullopt;
  std::memcpy(address.sun_path, path.data(), path.size());
  if (connect(client.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    // A full queue of connections is somebody's, too.
    return errno == EAGAIN ? Living(0) : std::nullopt;
  }
  ucred peer{};
  socklen_t length = sizeof(peer);
  const bool told = getsockopt(client.fd(), SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0;
  return told ? peer.pid : 0;
}

Living living_in(const RuntimeDir& dir) {
  if (const Living holder = holder_of_config(dir.path + "/config")) return holder;
  for (const fs::path& path : files_in(dir.path)) {
    if (!is_socket_of_ours(path)) continue;
    if (const Living listener = listener_of(path.string())) return listener;
  }
  return std::nullopt;
}

// "process 4711 (penstock)".
std::string name_of(pid_t pid) {
  if (pid == 0) return "another process";
  std::ifstream comm("/proc/" + std::to_string(pid) + "/comm");
  std::string name;
  std::getline(comm, name);
  return "process " + std::to_string(pid) + (name.empty() ? "" : " (" + name + ")");
}

// `<prefix>map_<number>`, EAL's name for a file of hugepages.
bool is_hugepage_file(const std::string& name, std::string_view prefix) {
  const std::string start = std::string(prefix) + "map_";
  return name.size() > start.size() && name.starts_with(start) &&
         name.find_first_not_of("0123456789", start.size()) == std::string::npos;
}

// The bytes that went with the file; nothing when somebody has it in use, or it may not be opened.
std::optional<std::uint64_t> remove_if_unlocked(const fs::path& path) {
  const File file(open(path.c_str(), O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat found = {};
  if (!file.good() || fstat(file.fd(), &found) != 0 || !S_ISREG(found.st_mode)) return std::nullopt;
  if (flock(file.fd(), LOCK_EX | LOCK_NB) != 0 || unlink(path.c_str()) != 0) return std::nullopt;
  return static_cast<std::uint64_t>(found.st_size);
}

}  // namespace

std::expected<void, std::string> check_prefix_free(const RuntimeDir& dir, std::string_view prefix) {
  const Living living = living_in(dir);
  if (!living) return {};
  return std::unexpected("--file-prefix: " + name_of(*living) + " runs with the prefix \"" + std::string(prefix) +
                         "\": stop it" + (*living > 0 ? " (kill " + std::to_string(*living) + ")" : "") +
                         " or start with another --file-prefix=");
}

std::string Leftovers::text() const {
  const auto files = [](std::uint32_t count, const char* kind) {
    return std::to_string(count) + " " + kind + (count == 1 ? "" : "s");
  };
  std::string text = runtime_files > 0 ? files(runtime_files, "runtime file") : "";
  if (hugepage_files == 0) return text;
  return text + (text.empty() ? "" : " and ") + files(hugepage_files, "hugepage file") + " (" +
         std::to_string(hugepage_bytes >> 20) + " MiB)";
}

Leftovers sweep_predecessor(const RuntimeDir& dir, std::string_view prefix, const std::vector<HugepageMount>& mounts,
                            const std::string& huge_dir) {
  Leftovers left;
  const auto before = static_cast<std::uint32_t>(files_in(dir.path).size());
  // A socket that nobody listens at is free to go even without a configuration that could be locked.
  for (const fs::path& path : files_in(dir.path)) {
    if (is_socket_of_ours(path) && !listener_of(path.string())) unlink(path.c_str());
  }
  sweep_runtime_dir(dir);
  left.runtime_files = before - static_cast<std::uint32_t>(files_in(dir.path).size());

  std::set<fs::path> folders;
  for (const HugepageMount& mount : mounts) folders.insert(mount.path);
  if (!huge_dir.empty()) folders.insert(huge_dir);
  for (const fs::path& folder : folders) {
    for (const fs::path& path : files_in(folder)) {
      if (!is_hugepage_file(path.filename().string(), prefix)) continue;
      const auto bytes = remove_if_unlocked(path);
      if (!bytes) continue;
      ++left.hugepage_files;
      left.hugepage_bytes += *bytes;
    }
  }
  return left;
}

}  // namespace penstock::nic
