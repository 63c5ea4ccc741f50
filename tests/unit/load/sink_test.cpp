// Shows that penstock's sink takes what penstock-load sends for right, without having been told seed, session or numbers,
// and nothing else: a flipped bit, a message left out, two that changed places, one that is too short to tell.
// How: a service that sends given messages to it, over a line in virtual time.
#include "penstock/sink.hpp"

#include <catch2/catch.hpp>

#include "load/pattern.hpp"
#include "load_pair.hpp"

using namespace penstock;
using namespace penstock::load;
using namespace penstock::load::test;

namespace {

// Sends messages in one session, in segments of `piece` bytes, and remembers nothing else.
class Sender final : public Application {
 public:
  Sender(std::vector<Bytes> messages, std::size_t piece) : messages_(std::move(messages)), piece_(piece) {}
  void on_events(Connections&, std::span<const ConnectionEvent>, Instant) override {}
  void on_timeout(Connections& connections, Instant now) override {
    if (!id_.is_valid()) id_ = connections.open({.remote = {server_address, 4000}, .conv = 77}, now).value();
    for (; next_ < messages_.size() && send(connections, messages_[next_]); ++next_) {}
  }
  Instant next_deadline() const override { return next_ < messages_.size() ? Instant::at_us(0) : Instant::never(); }

 private:
  bool send(Connections& connections, const Bytes& message) {
    SegmentQueue queue = connections.make_message();
    for (std::size_t at = 0; at < message.size(); at += piece_) {
      const std::size_t count = std::min(piece_, message.size() - at);
      Segment bytes = connections.allocate(static_cast<std::uint32_t>(count));
      std::ranges::copy(std::span(message).subspan(at, count), bytes.writable().begin());
      REQUIRE(queue.push_back(std::move(bytes)));
    }
    return connections.get(id_).send(queue) == SendResult::accepted;
  }
  std::vector<Bytes> messages_;
  std::size_t piece_;
  std::size_t next_ = 0;
  SessionId id_;
};

// The session's messages from a number on, of these sizes.
std::vector<Bytes> messages_of(const std::vector<std::uint32_t>& sizes, std::uint32_t first_number = 0) {
  const Pattern pattern(11, 8, 8);
  std::vector<Bytes> messages;
  for (const std::uint32_t size : sizes) {
    Pattern::fill(messages.emplace_back(size), pattern.key(5, first_number++), 0);
  }
  return messages;
}

// How many of the messages the sink counts as wrong.
std::uint64_t mismatches_of(const std::vector<Bytes>& messages, std::size_t piece = 1000) {
  Instant now = Instant::at_us(1'000'000);
  Side server(node_of(false, 4), 1, 0);
  Side client(node_of(true, 4), 2, 0);
  server.port.peer = &client.port;
  client.port.peer = &server.port;
  Sink sink;
  Sender sender(messages, piece);
  server.seat(sink, now);
  client.seat(sender, now);
  const World& world = server.worker->world();
  for (int turn = 0; turn < 10'000 && world.machine_counters.messages_received < messages.size(); ++turn) {
    client.worker->run_once(now);
    server.worker->run_once(now);
    now = now + Duration::us(10);
  }
  CHECK(world.machine_counters.messages_received == messages.size());
  CHECK(world.machine_counters.messages_sent == 0);
  return world.stats.mismatches;
}

}  // namespace

TEST_CASE("what penstock-load sends is right, of any size, in any pieces, from any number on", "[sink]") {
  CHECK(mismatches_of(messages_of({1376, 64, 8, 9, 5000, 1, 7, 20'000})) == 0);
  CHECK(mismatches_of(messages_of({100, 100, 4001}), 9) == 0);
  CHECK(mismatches_of(messages_of(std::vector<std::uint32_t>(400, 64))) == 0);
  CHECK(mismatches_of(messages_of({64, 64, 64, 64}, 0xffff'fffe)) == 0);
}

TEST_CASE("one flipped bit is one mismatch, wherever it is", "[sink]") {
  for (const std::size_t bit : {0u, 63u, 64u, 8000u, 11'007u}) {
    auto messages = messages_of({64, 1376, 64});
    messages[1][bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
    CHECK(mismatches_of(messages) == 1);
  }
  // What the first message tells is wrong in itself, or for all that follow.
  auto messages = messages_of({64, 64, 64});
  messages[0][20] ^= 1;
  CHECK(mismatches_of(messages) == 1);
  messages = messages_of({64, 64, 64});
  messages[0][2] ^= 1;
  CHECK(mismatches_of(messages) == 3);
}

TEST_CASE("messages left out, repeated or out of order are mismatches", "[sink]") {
  const auto messages = messages_of({64, 64, 64, 64, 64});
  const auto these = [&](std::initializer_list<std::size_t> places) {
    std::vector<Bytes> taken;
    for (const std::size_t place : places) taken.push_back(messages[place]);
    return mismatches_of(taken);
  };
  CHECK(these({0, 1, 3, 4}) == 2);
  CHECK(these({0, 2, 1, 3}) == 2);
  CHECK(these({0, 1, 1, 3}) == 1);
}

TEST_CASE("a first message that is too short to tell is a mismatch, and the next one tells", "[sink]") {
  CHECK(mismatches_of(messages_of({7, 64, 64})) == 1);
}
