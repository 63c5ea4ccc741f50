// Shows which sockets are found below runtime directories, and what is said when the wanted one is not there.
#include "top/instances.hpp"

#include <catch2/catch.hpp>
#include <fstream>

#include "socket_folder.hpp"

using namespace penstock::top;
using namespace penstock::top::test;

namespace {

void leave_socket(const std::string& path) { ::close(listen_at(path)); }

}  // namespace

TEST_CASE("sockets of every prefix are found, by name, and other files are not") {
  const SocketFolder a, b;
  leave_socket(a.socket_of("edge2"));
  leave_socket(a.socket_of("edge1"));
  leave_socket(a.socket_of("edge1", "dpdk_telemetry.v2:1"));
  leave_socket(a.socket_of("edge1", "dpdk_telemetry.v2:x"));
  leave_socket(a.socket_of("edge1", "dpdk_telemetry.v1"));
  std::ofstream(a.socket_of("file")) << "no socket";
  leave_socket(b.socket_of("edge1"));
  leave_socket(b.socket_of("other"));
  const std::vector<std::string> dirs = {a.path, b.path, "/nobody/here"};
  const auto found = find_instances(dirs);
  REQUIRE(found.size() == 4);
  CHECK(found[0] == Instance{"edge1", a.path + "/edge1/dpdk_telemetry.v2"});
  CHECK(found[1] == Instance{"edge1:1", a.path + "/edge1/dpdk_telemetry.v2:1"});
  CHECK(found[2].name == "edge2");
  CHECK(found[3].path == b.path + "/other/dpdk_telemetry.v2");

  CHECK(instance_of("other", dirs).path == b.path + "/other/dpdk_telemetry.v2");
  CHECK(instance_of("edge1:1", dirs).path == a.path + "/edge1/dpdk_telemetry.v2:1");
  // One that is not there is where it would be.
  CHECK(instance_of("gone", dirs).path == a.path + "/gone/dpdk_telemetry.v2");
  CHECK(instance_of("gone:2", dirs).path == a.path + "/gone/dpdk_telemetry.v2:2");
  CHECK(instance_of("/some/where", dirs) == Instance{"/some/where", "/some/where"});
}

TEST_CASE("directories are those of root, of systemd and of the user") {
  ::setenv("RUNTIME_DIRECTORY", "/run/edge", 1);
  ::setenv("XDG_RUNTIME_DIR", "/run/user/7", 1);
  CHECK(runtime_dirs() == std::vector<std::string>{"/var/run/dpdk", "/run/edge/dpdk", "/run/user/7/dpdk", "/tmp/dpdk"});
  ::unsetenv("RUNTIME_DIRECTORY");
  ::setenv("XDG_RUNTIME_DIR", "", 1);
  CHECK(runtime_dirs() == std::vector<std::string>{"/var/run/dpdk", "/tmp/dpdk"});
  ::unsetenv("XDG_RUNTIME_DIR");
}

TEST_CASE("what is missing is explained: where it was looked for, what there is, how to start") {
  const std::vector<std::string> dirs = {"/a", "/b"};
  const std::string nobody = explain_missing("", dirs, {});
  CHECK(nobody.find("/a/*/dpdk_telemetry.v2, /b/*/dpdk_telemetry.v2") != std::string::npos);
  CHECK(nobody.find("penstock --file-prefix=") != std::string::npos);
  const std::vector<Instance> found = {{"edge1", "x"}, {"edge2", "y"}};
  const std::string other = explain_missing("egde1", dirs, found);
  CHECK(other.find("'egde1'") != std::string::npos);
  CHECK(other.find("/a/egde1/dpdk_telemetry.v2") != std::string::npos);
  CHECK(other.find("these prefixes exist: edge1, edge2") != std::string::npos);
}
