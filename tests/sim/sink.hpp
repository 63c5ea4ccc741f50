// Sink: the service of a simulated server that takes messages and compares them with what their client has to send.
// One instance a worker. A session that begins anew is compared from the start again.
#pragma once

#include <cstdint>
#include <map>

#include "engine/application.hpp"
#include "engine/connection.hpp"
#include "sim/book.hpp"

namespace penstock::sim {

class Sink final : public Application {
 public:
  Sink(Book& book, std::uint32_t host) : book_(book), host_(host) {}

  void on_events(Connections& connections, std::span<const ConnectionEvent> events, Instant now) override;

 private:
  struct Progress {
    std::uint64_t bytes = 0;
    std::uint32_t messages = 0;
  };
  void take(Connection connection);

  Book& book_;
  std::uint32_t host_;
  std::map<std::uint64_t, Progress> progress_;  // by session id
};

}  // namespace penstock::sim
