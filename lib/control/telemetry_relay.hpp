// TelemetryRelay: DPDK's telemetry socket, moved aside and put behind a StatsSocket of ours at its place.
//
// All commands, DPDK's own (/ethdev/…, /eal/…) and ours, go to DPDK over one connection, so that one thread of its answers.
// A bound socket stays reachable when its file is renamed; the new name is hidden from those who look for telemetry.
// Plain POSIX; made and destroyed on the main thread, while exchange() is called by the socket's thread.
#pragma once

#include <expected>
#include <memory>
#include <string>
#include <string_view>

namespace penstock::control {

class TelemetryRelay {
 public:
  // The file that DPDK's socket is renamed to, beside `path`.
  static constexpr std::string_view hidden_name = ".telemetry.dpdk";

  // Renames DPDK's socket at `path` and connects to it; the end of the object renames it back. The error is one sentence.
  static std::expected<std::unique_ptr<TelemetryRelay>, std::string> take_over(const std::string& path);
  ~TelemetryRelay();
  TelemetryRelay(const TelemetryRelay&) = delete;
  TelemetryRelay& operator=(const TelemetryRelay&) = delete;

  // What DPDK says to a client that connects.
  const std::string& greeting() const { return greeting_; }
  // DPDK's reply; {"error": …} when it gives none within some seconds.
  std::string exchange(std::string_view command);

 private:
  TelemetryRelay(std::string path, std::string hidden) : path_(std::move(path)), hidden_(std::move(hidden)) {}
  bool connect();
  bool receive(std::string& reply);

  std::string path_;
  std::string hidden_;
  std::string greeting_;
  int fd_ = -1;
};

}  // namespace penstock::control
