// Shows where EAL's runtime directory will be, that every directory in which somebody else could put a file is refused
// (THREATS, F9), and that what EAL left is removed unless another process uses it. Directories are made below a fresh one of mode 0700; another owner is played by asking as another user.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>

#include "nic/runtime_dir.hpp"

using namespace penstock::nic;

namespace {

// Sets an environment variable, or takes it away, and puts it back.
class Environment {
 public:
  Environment(const char* name, const char* value) : name_(name) {
    if (const char* old = std::getenv(name)) old_ = old;
    if (value != nullptr) setenv(name, value, 1);
    else unsetenv(name);
  }
  ~Environment() {
    if (old_) setenv(name_, old_->c_str(), 1);
    else unsetenv(name_);
  }

 private:
  const char* name_;
  std::optional<std::string> old_;
};

struct Fixture {
  Fixture() {
    std::string name = std::filesystem::temp_directory_path() / "penstock-runtime-XXXXXX";
    REQUIRE(mkdtemp(name.data()) != nullptr);
    base = name;
    dir = {.base = base, .dpdk = base + "/dpdk", .path = base + "/dpdk/rte"};
  }
  ~Fixture() { std::filesystem::remove_all(base); }

  void make(const std::string& path, mode_t mode) {
    REQUIRE(mkdir(path.c_str(), 0700) == 0);
    REQUIRE(chmod(path.c_str(), mode) == 0);
  }
  std::string fault(uid_t owner = geteuid()) const {
    const auto checked = check_runtime_dir(dir, owner);
    return checked ? "" : checked.error();
  }

  std::string base;
  RuntimeDir dir;
};

}  // namespace

TEST_CASE("runtime_dir: follows EAL's rule") {
  {
    Environment systemd("RUNTIME_DIRECTORY", "/run/penstock");
    CHECK(runtime_dir_for("rte")->path == "/run/penstock/dpdk/rte");
  }
  Environment systemd("RUNTIME_DIRECTORY", nullptr);
  Environment session("XDG_RUNTIME_DIR", "/run/user/77");
  CHECK(runtime_dir_for("x")->path == (getuid() == 0 ? "/var/run/dpdk/x" : "/run/user/77/dpdk/x"));
}

TEST_CASE("runtime_dir: a prefix that leaves the directory is refused") {
  for (const char* prefix : {"", ".", "..", "a/b", "/etc", "../../tmp/x"}) {
    const auto dir = runtime_dir_for(prefix);
    REQUIRE_FALSE(dir.has_value());
    CHECK_THAT(dir.error(), Catch::Contains("--file-prefix"));
  }
}

TEST_CASE("runtime_dir: absent or ours is good") {
  Fixture f;
  CHECK(f.fault() == "");
  f.make(f.dir.dpdk, 0755);
  CHECK(f.fault() == "");
  f.make(f.dir.path, 0700);
  CHECK(f.fault() == "");
}

TEST_CASE("runtime_dir: the bad cases name the directory and the fault") {
  Fixture f;
  const std::string target = f.base + "/elsewhere";
  f.make(target, 0700);

  SECTION("the base is open to all, sticky or not") {
    chmod(f.base.c_str(), 01777);
    CHECK_THAT(f.fault(), Catch::Contains(f.base + " can be written to by others"));
    CHECK_THAT(f.fault(), Catch::Contains("$RUNTIME_DIRECTORY"));
  }
  SECTION("the base is missing") {
    f.dir.base += "/absent";
    CHECK_THAT(f.fault(), Catch::Contains("cannot be looked at"));
  }
  SECTION("the base is a file") {
    std::ofstream(f.base + "/file").put('x');
    f.dir.base += "/file";
    CHECK_THAT(f.fault(), Catch::Contains("is no directory"));
  }
  SECTION("the dpdk directory is a symbolic link, even to a directory of ours") {
    REQUIRE(symlink(target.c_str(), f.dir.dpdk.c_str()) == 0);
    CHECK_THAT(f.fault(), Catch::Contains(f.dir.dpdk + " is a symbolic link"));
  }
  SECTION("the prefix directory is a dangling symbolic link") {
    f.make(f.dir.dpdk, 0700);
    REQUIRE(symlink("/nonexistent/place", f.dir.path.c_str()) == 0);
    CHECK_THAT(f.fault(), Catch::Contains(f.dir.path + " is a symbolic link"));
  }
  SECTION("the dpdk directory can be written to by the group") {
    f.make(f.dir.dpdk, 0770);
    CHECK_THAT(f.fault(), Catch::Contains(f.dir.dpdk + " can be written to by others"));
  }
  SECTION("the prefix directory can be written to by the world") {
    f.make(f.dir.dpdk, 0700);
    f.make(f.dir.path, 0707);
    CHECK_THAT(f.fault(), Catch::Contains(f.dir.path + " can be written to by others"));
  }
  SECTION("the prefix directory is a file") {
    f.make(f.dir.dpdk, 0700);
    std::ofstream(f.dir.path).put('x');
    CHECK_THAT(f.fault(), Catch::Contains("is no directory"));
  }
  SECTION("the dpdk directory is another user's") {
    f.make(f.dir.dpdk, 0700);
    if (geteuid() == 0) REQUIRE(chown(f.dir.dpdk.c_str(), 4711, 4711) == 0);
    RuntimeDir dir = f.dir;
    dir.base = std::filesystem::path("/").string();  // root's, which any user may build upon
    const auto checked = check_runtime_dir(dir, geteuid() + 1);
    REQUIRE_FALSE(checked.has_value());
    CHECK_THAT(checked.error(), Catch::Contains(f.dir.dpdk + " belongs to another user"));
  }
}

// Needs root, as the whole suite does, to give directories away.
TEST_CASE("runtime_dir: below root's dpdk directory the prefix directory must be there, and be ours") {
  if (geteuid() != 0) return;
  constexpr uid_t user = 4711;
  Fixture f;
  f.dir.base = std::filesystem::path("/").string();
  f.make(f.dir.dpdk, 0755);
  CHECK_THAT(f.fault(user), Catch::Contains(f.dir.path + " is not there, and " + f.dir.dpdk + " is root's"));
  f.make(f.dir.path, 0700);
  CHECK_THAT(f.fault(user), Catch::Contains(f.dir.path + " belongs to another user"));
  REQUIRE(chown(f.dir.path.c_str(), user, user) == 0);
  CHECK(f.fault(user) == "");
  chmod(f.dir.dpdk.c_str(), 01777);
  CHECK_THAT(f.fault(user), Catch::Contains(f.dir.dpdk + " can be written to by others"));
}

namespace {

// EAL's files after a refused start.
void leave_files(Fixture& f) {
  f.make(f.dir.dpdk, 0700);
  f.make(f.dir.path, 0700);
  for (const char* name :
       {"config", "fbarray_memzone", "hugepage_info", "mp_socket", "dpdk_telemetry.v2:1", "penstock_admin"}) {
    std::ofstream(f.dir.path + "/" + name) << "x";
  }
}

// Lets another process hold a lock on the file, as EAL does on its configuration, while `act` runs.
template <class Act>
void while_locked(const std::string& file, Act act) {
  int told[2];
  int over[2];
  REQUIRE((pipe(told) == 0 && pipe(over) == 0));
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    close(over[1]);
    const int fd = open(file.c_str(), O_RDWR);
    struct flock lock = {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    lock.l_len = 1;
    char held = fcntl(fd, F_SETLK, &lock) == 0 ? 'y' : 'n';
    if (write(told[1], &held, 1) != 1 || read(over[0], &held, 1) < 0) _exit(1);
    _exit(0);
  }
  char held = 'n';
  REQUIRE((read(told[0], &held, 1) == 1 && held == 'y'));
  act();
  for (const int fd : {told[0], told[1], over[0], over[1]}) close(fd);
  REQUIRE(waitpid(child, nullptr, 0) == child);
}

}  // namespace

TEST_CASE("runtime_dir: what EAL left is swept") {
  Fixture f;
  leave_files(f);
  sweep_runtime_dir(f.dir);
  CHECK_FALSE(std::filesystem::exists(f.dir.path));
  CHECK(std::filesystem::exists(f.dir.dpdk));
  sweep_runtime_dir(f.dir);  // what is gone is no fault
}

TEST_CASE("runtime_dir: what is not EAL's stays, and so does its directory") {
  Fixture f;
  leave_files(f);
  std::ofstream(f.dir.path + "/notes") << "x";
  sweep_runtime_dir(f.dir);
  CHECK_FALSE(std::filesystem::exists(f.dir.path + "/config"));
  CHECK(std::filesystem::exists(f.dir.path + "/notes"));
}

TEST_CASE("runtime_dir: another process's files stay") {
  Fixture f;
  leave_files(f);
  while_locked(f.dir.path + "/config", [&] { sweep_runtime_dir(f.dir); });
  CHECK(std::filesystem::exists(f.dir.path + "/config"));
  CHECK(std::filesystem::exists(f.dir.path + "/fbarray_memzone"));
  sweep_runtime_dir(f.dir);
  CHECK_FALSE(std::filesystem::exists(f.dir.path));
}

TEST_CASE("runtime_dir: an empty one goes, one with a socket of a process that keeps no configuration stays") {
  Fixture f;
  f.make(f.dir.dpdk, 0700);
  f.make(f.dir.path, 0700);
  std::ofstream(f.dir.path + "/dpdk_telemetry.v2") << "x";
  sweep_runtime_dir(f.dir);
  CHECK(std::filesystem::exists(f.dir.path + "/dpdk_telemetry.v2"));
  std::filesystem::remove(f.dir.path + "/dpdk_telemetry.v2");
  sweep_runtime_dir(f.dir);
  CHECK_FALSE(std::filesystem::exists(f.dir.path));
}
