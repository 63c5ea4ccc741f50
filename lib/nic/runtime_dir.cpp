#include "nic/runtime_dir.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <system_error>

namespace penstock::nic {

namespace {

constexpr mode_t others_write = S_IWGRP | S_IWOTH;

std::string base_dir() {
  if (const char* systemd = std::getenv("RUNTIME_DIRECTORY")) return systemd;
  if (getuid() == 0) return "/var/run";
  if (const char* session = std::getenv("XDG_RUNTIME_DIR")) return session;
  return "/tmp";
}

std::unexpected<std::string> refuse(const std::string& path, const std::string& fault) {
  return std::unexpected("The runtime directory " + path + " " + fault +
                         ": remove or repair it, or start by penstock@.service, or with $RUNTIME_DIRECTORY set to "
                         "a directory of mode 0700.");
}

// The base may be reached through a link of the system (/var/run is one), and belong to root; what lies in it must not be
// open to a third.
std::expected<void, std::string> check_base(const std::string& path, uid_t owner) {
  struct stat found = {};
  if (stat(path.c_str(), &found) != 0)
    return refuse(path, std::string("cannot be looked at (") + std::strerror(errno) + ")");
  if (!S_ISDIR(found.st_mode)) return refuse(path, "is no directory");
  if (found.st_uid != owner && found.st_uid != 0) return refuse(path, "belongs to another user");
  if ((found.st_mode & others_write) != 0) return refuse(path, "can be written to by others");
  return {};
}

// Where EAL puts a directory or a file of its own. `or_root` tells that root's will do, as root can do anything.
std::expected<void, std::string> check_ours(const std::string& path, uid_t owner, bool or_root) {
  struct stat found = {};
  if (lstat(path.c_str(), &found) != 0) {
    // EAL makes what is missing with mode 0700, and nobody else can be faster: the parent was checked before.
    if (errno == ENOENT) return {};
    return refuse(path, std::string("cannot be looked at (") + std::strerror(errno) + ")");
  }
  if (S_ISLNK(found.st_mode)) return refuse(path, "is a symbolic link");
  if (!S_ISDIR(found.st_mode)) return refuse(path, "is no directory");
  if (found.st_uid != owner && !(or_root && found.st_uid == 0)) return refuse(path, "belongs to another user");
  if ((found.st_mode & others_write) != 0) return refuse(path, "can be written to by others");
  return {};
}

// True for the names that EAL, its telemetry and our admin socket give to their files.
bool is_of_eal(const std::string& name) {
  return name == "config" || name == "hugepage_info" || name.starts_with("fbarray_") || name.starts_with("mp_socket") ||
         name.starts_with("dpdk_telemetry.v2") || name == ".telemetry.dpdk" || name == "penstock_admin";
}

}  // namespace

std::expected<RuntimeDir, std::string> runtime_dir_for(std::string_view prefix) {
  if (prefix.empty() || prefix == "." || prefix == ".." || prefix.find('/') != std::string_view::npos) {
    return std::unexpected("--file-prefix must be a plain file name, not \"" + std::string(prefix) + "\".");
  }
  RuntimeDir dir;
  dir.base = base_dir();
  dir.dpdk = dir.base + "/dpdk";
  dir.path = dir.dpdk + "/" + std::string(prefix);
  return dir;
}

std::expected<void, std::string> check_runtime_dir(const RuntimeDir& dir, uid_t owner) {
  if (auto checked = check_base(dir.base, owner); !checked) return checked;
  if (auto checked = check_ours(dir.dpdk, owner, true); !checked) return checked;
  if (auto checked = check_ours(dir.path, owner, false); !checked) return checked;
  struct stat found = {};
  if (stat(dir.dpdk.c_str(), &found) == 0 && found.st_uid != owner && lstat(dir.path.c_str(), &found) != 0)
    return refuse(dir.path, "is not there, and " + dir.dpdk + " is root's, where nobody else can make it");
  return {};
}

void sweep_runtime_dir(const RuntimeDir& dir) {
  const int config = open((dir.path + "/config").c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC);
  if (config >= 0) {
    // Held until the files are gone, so that no other process begins with them.
    struct flock whole = {};
    whole.l_type = F_WRLCK;
    whole.l_whence = SEEK_SET;
    if (fcntl(config, F_SETLK, &whole) == 0) {
      std::error_code ignored;
      for (const auto& entry : std::filesystem::directory_iterator(dir.path, ignored)) {
        if (is_of_eal(entry.path().filename().string())) unlink(entry.path().c_str());
      }
    }
    close(config);
  }
  rmdir(dir.path.c_str());  // Fails while anything is in it.
}

}  // namespace penstock::nic
