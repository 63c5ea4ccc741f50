// SocketFolder: a runtime directory of DPDK's in a temporary place, with sockets that a test's thread serves.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>
#include <thread>

namespace penstock::top::test {

class SocketFolder {
 public:
  SocketFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "penstock-top-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~SocketFolder() { std::filesystem::remove_all(path); }
  SocketFolder(const SocketFolder&) = delete;
  SocketFolder& operator=(const SocketFolder&) = delete;

  // Where a process of that prefix has its socket; the folder is made.
  std::string socket_of(const std::string& prefix, const std::string& file = "dpdk_telemetry.v2") const {
    std::filesystem::create_directories(std::filesystem::path(path) / prefix);
    return path + "/" + prefix + "/" + file;
  }

  std::string path;
};

inline int listen_at(const std::string& path) {
  const int fd = ::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  REQUIRE(path.size() < sizeof(address.sun_path));
  path.copy(address.sun_path, path.size());
  REQUIRE(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
  REQUIRE(::listen(fd, 4) == 0);
  return fd;
}

// Serves one client after the other in a thread of its own: `talk` gets each connection, and closes nothing.
class Server {
 public:
  Server(const std::string& path, int clients, std::function<void(int)> talk)
      : fd_(listen_at(path)), thread_([this, clients, talk = std::move(talk)] {
          for (int i = 0; i < clients; ++i) {
            const int client = ::accept(fd_, nullptr, nullptr);
            if (client < 0) return;
            talk(client);
            ::close(client);
          }
        }) {}
  ~Server() {
    ::shutdown(fd_, SHUT_RDWR);
    thread_.join();
    ::close(fd_);
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

 private:
  int fd_;
  std::thread thread_;
};

inline void say(int client, const std::string& text) { ::send(client, text.data(), text.size(), MSG_NOSIGNAL); }
inline std::string hear(int client) {
  std::string text(4096, '\0');
  const ssize_t got = ::recv(client, text.data(), text.size(), 0);
  text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return text;
}
inline constexpr const char* greeting = R"({"version":"DPDK 22.11","pid":7,"max_output_len":16384})";

}  // namespace penstock::top::test
