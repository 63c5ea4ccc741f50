// Shows where EAL's runtime directory will be, and that every directory in which somebody else could put a file is refused
// (THREATS, F9). Directories are made below a fresh one of mode 0700; another owner is played by asking as another user.
#include <sys/stat.h>
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
    CHECK_THAT(f.fault(), Catch::Contains("RuntimeDirectory="));
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
    RuntimeDir dir = f.dir;
    dir.base = std::filesystem::path("/").string();  // root's, which any user may build upon
    const auto checked = check_runtime_dir(dir, geteuid() + 1);
    REQUIRE_FALSE(checked.has_value());
    CHECK_THAT(checked.error(), Catch::Contains(f.dir.dpdk + " belongs to another user"));
  }
}
