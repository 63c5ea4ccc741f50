// Shows that a file prefix is refused while anybody is seen to live under it, with the process, and that what a dead process
// left of sockets and hugepage files goes, while files in use, of other prefixes or of other makers stay.
// How: another process holds locks and a telemetry socket in a folder of the test's own, as EAL does, until it is killed.
#include "nic/predecessor.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>

using namespace penstock::nic;

namespace {

namespace fs = std::filesystem;

void touch(const std::string& path, std::size_t bytes = 1) { std::ofstream(path) << std::string(bytes, 'x'); }

struct Folder {
  Folder() {
    std::string name = fs::temp_directory_path() / "penstock-predecessor-XXXXXX";
    REQUIRE(mkdtemp(name.data()) != nullptr);
    base = name;
    dir = {.base = base, .dpdk = base + "/dpdk", .path = base + "/dpdk/edge1"};
    fs::create_directories(dir.path);
    fs::create_directory(huge());
  }
  ~Folder() { fs::remove_all(base); }
  std::string huge() const { return base + "/huge"; }
  std::string file(const std::string& name) const { return dir.path + "/" + name; }
  std::string fault() const {
    const auto checked = check_prefix_free(dir, "edge1");
    return checked ? "" : checked.error();
  }
  Leftovers sweep() const { return sweep_predecessor(dir, "edge1", {{.path = huge(), .page_bytes = 2 << 20}}, ""); }

  std::string base;
  RuntimeDir dir;
};

// A process that does `work` and lives on until it is killed, as a penstock that never stops in good order.
class Living {
 public:
  explicit Living(const std::function<bool()>& work) {
    int told[2];
    REQUIRE(pipe(told) == 0);
    pid_ = fork();
    REQUIRE(pid_ >= 0);
    if (pid_ == 0) {
      alarm(60);
      const char done = work() ? 'y' : 'n';
      if (write(told[1], &done, 1) != 1) _exit(1);
      for (;;) pause();
    }
    char done = 'n';
    REQUIRE((read(told[0], &done, 1) == 1 && done == 'y'));
    for (const int fd : told) close(fd);
  }
  ~Living() { kill(); }
  void kill() {
    if (pid_ == 0) return;
    ::kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }
  std::string pid() const { return std::to_string(pid_); }

 private:
  pid_t pid_ = 0;
};

bool lock_config(const std::string& path) {
  const int fd = open(path.c_str(), O_RDWR | O_CREAT, 0600);
  struct flock part = {};
  part.l_type = F_WRLCK;
  part.l_whence = SEEK_SET;
  part.l_start = 64;
  part.l_len = 8;
  return fcntl(fd, F_SETLK, &part) == 0;
}

bool listen_at(const std::string& path, int backlog = 8) {
  const int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  return bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 && listen(fd, backlog) == 0;
}

bool use_hugepages(const std::string& path) {
  touch(path, 4096);
  return flock(open(path.c_str(), O_RDWR), LOCK_SH) == 0;
}

}  // namespace

TEST_CASE("nobody lives where there is nothing, or only what is left", "[predecessor]") {
  Folder f;
  CHECK(f.fault() == "");
  for (const char* name : {"config", "dpdk_telemetry.v2", "mp_socket"}) touch(f.file(name));
  CHECK(f.fault() == "");
  fs::remove_all(f.dir.dpdk);
  CHECK(f.fault() == "");
  CHECK(f.sweep().text() == "");
}

TEST_CASE("a lock on EAL's configuration is a living process, until it is killed", "[predecessor]") {
  Folder f;
  Living other([&] { return lock_config(f.file("config")); });
  CHECK_THAT(f.fault(), Catch::StartsWith("--file-prefix: process " + other.pid() +
                                          " (nic_host_test) runs with the prefix \"edge1\""));
  CHECK_THAT(f.fault(), Catch::Contains("kill " + other.pid()));
  other.kill();
  CHECK(f.fault() == "");
}

TEST_CASE("so is a telemetry socket that takes connections, of any number, even a full one", "[predecessor]") {
  Folder f;
  for (const char* name : {"dpdk_telemetry.v2", "dpdk_telemetry.v2:3", "penstock_admin"}) {
    Living other([&] { return listen_at(f.file(name)); });
    CHECK_THAT(f.fault(), Catch::Contains("process " + other.pid() + " (nic_host_test)"));
    other.kill();
    CHECK(f.fault() == "");
    CHECK(f.sweep().runtime_files == 1);
    fs::create_directory(f.dir.path);
  }
  Living full([&] {
    const std::string path = f.file("dpdk_telemetry.v2");
    if (!listen_at(path, 0)) return false;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    for (int i = 0; i < 10; ++i) {
      const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0);
      static_cast<void>(connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address));
    }
    return true;
  });
  CHECK_THAT(f.fault(), Catch::StartsWith("--file-prefix: another process runs with the prefix \"edge1\": stop it or"));
}

TEST_CASE("what a killed process left goes", "[predecessor]") {
  Folder f;
  Living other([&] {
    touch(f.file("fbarray_memzone"));
    return lock_config(f.file("config")) && listen_at(f.file("dpdk_telemetry.v2")) &&
           use_hugepages(f.huge() + "/edge1map_0") && use_hugepages(f.huge() + "/edge1map_17");
  });
  other.kill();
  CHECK(f.sweep().text() == "3 runtime files and 2 hugepage files (0 MiB)");
  CHECK_FALSE(fs::exists(f.dir.path));
  CHECK(fs::is_empty(f.huge()));
}

TEST_CASE("what is in use, another prefix's or of another maker stays", "[predecessor]") {
  Folder f;
  Living other([&] {
    return use_hugepages(f.huge() + "/edge1map_0") && lock_config(f.file("config")) &&
           listen_at(f.file("dpdk_telemetry.v2"));
  });
  for (const char* name : {"edge2map_0", "edge1map_", "edge1map_x", "edge1map_0.old", "edge11map_0", "map_0"})
    touch(f.huge() + "/" + name);
  fs::create_directory(f.huge() + "/edge1map_5");
  REQUIRE(mkfifo((f.huge() + "/edge1map_6").c_str(), 0600) == 0);
  fs::create_symlink(f.huge() + "/edge2map_0", f.huge() + "/edge1map_7");
  touch(f.file("notes"));
  CHECK(f.sweep().text() == "");
  CHECK(std::distance(fs::directory_iterator(f.huge()), fs::directory_iterator()) == 10);
  CHECK(fs::exists(f.file("config")));
  CHECK(fs::exists(f.file("dpdk_telemetry.v2")));
}

TEST_CASE("sockets go without a configuration, and the folder of --huge-dir is looked into", "[predecessor]") {
  Folder f;
  Living other([&] { return listen_at(f.file("dpdk_telemetry.v2")); });
  touch(f.file("notes"));
  other.kill();
  const std::string below = f.huge() + "/penstock";
  fs::create_directory(below);
  touch(below + "/edge1map_1", 3 << 20);
  const Leftovers left = sweep_predecessor(f.dir, "edge1", {}, below);
  CHECK(left.text() == "1 runtime file and 1 hugepage file (3 MiB)");
  CHECK(fs::exists(f.file("notes")));
  CHECK(fs::is_empty(below));
}
