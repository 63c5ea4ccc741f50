// The ikcp parts: the original KCP at the work of kcp_parts.cpp and kcp_echo_part.cpp.
//
// Its output callback is the line: it copies a datagram to where the other machine takes it, as ikcp's buffer is its own.
#include <array>
#include <cstring>
#include <span>
#include <vector>

#include "bench/echo_peer.hpp"
#include "bench/part.hpp"
#include "bench/rivals/ikcp.hpp"
#include "bench/rivals/rival_parts.hpp"

namespace penstock::bench {

namespace {

constexpr std::uint32_t window_max = 1024;
constexpr std::uint32_t conv = 7;

struct Datagram {
  std::array<char, 1400> bytes;
  int count = 0;
};

// Datagrams in order; at most 2 × window_max of them.
class Line {
 public:
  Line() : ring_(2 * window_max) {}
  static int output(const char* bytes, int count, IkcpControl*, void* user) {
    static_cast<Line*>(user)->push(bytes, count);
    return 0;
  }
  bool empty() const { return taken_ == given_; }
  const Datagram& pop() { return ring_[taken_++ % ring_.size()]; }

 private:
  void push(const char* bytes, int count) {
    require(given_ - taken_ < ring_.size() && count <= 1400, "the line is full");
    Datagram& datagram = ring_[given_++ % ring_.size()];
    std::memcpy(datagram.bytes.data(), bytes, static_cast<std::size_t>(count));
    datagram.count = count;
  }
  std::vector<Datagram> ring_;
  std::size_t given_ = 0;
  std::size_t taken_ = 0;
};

class Bulk {
 public:
  Bulk(std::uint32_t window, int bytes)
      : bytes_(bytes),
        sender_(make_ikcp(conv, static_cast<int>(window), Line::output, &there_)),
        receiver_(make_ikcp(conv, static_cast<int>(window), Line::output, &back_)) {
    ikcp().update(sender_.get(), now_ms_);
    ikcp().update(receiver_.get(), now_ms_);
  }

  void batch(std::uint32_t window) {
    ++now_ms_;
    for (std::uint32_t i = 0; i < window; ++i) send();
    ikcp().flush_at(sender_.get(), now_ms_);
    deliver(there_, receiver_.get());
    receive(window);
    ikcp().flush_at(receiver_.get(), now_ms_);
    deliver(back_, sender_.get());
  }
  void fill(std::uint32_t window) {
    for (std::uint32_t i = 0; i < window; ++i) send();
    ikcp().flush_at(sender_.get(), now_ms_);
  }
  void trickle() {
    if (++trickled_ % 1000 == 0) ++now_ms_;
    input(there_.pop(), receiver_.get());
    receive(1);
    ikcp().flush_at(receiver_.get(), now_ms_);
    deliver(back_, sender_.get());
    send();
    ikcp().flush_at(sender_.get(), now_ms_);
  }

 private:
  void send() {
    std::memcpy(message_.data(), &written_, sizeof(written_));
    require(ikcp().send(sender_.get(), message_.data(), bytes_) >= 0, "ikcp refused a message");
    ++written_;
  }
  void receive(std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i) {
      std::array<char, 1400> bytes;
      require(ikcp().recv(receiver_.get(), bytes.data(), static_cast<int>(bytes.size())) == bytes_,
              "ikcp lost a message");
      std::uint64_t number = 0;
      std::memcpy(&number, bytes.data(), sizeof(number));
      require(number == read_++, "ikcp took a message out of order");
    }
  }
  static void input(const Datagram& datagram, IkcpControl* kcp) {
    require(ikcp().input(kcp, datagram.bytes.data(), datagram.count) == 0, "ikcp refused a datagram");
  }
  static void deliver(Line& line, IkcpControl* to) {
    while (!line.empty()) input(line.pop(), to);
  }

  int bytes_;
  std::uint32_t now_ms_ = 1000;
  std::uint32_t trickled_ = 0;
  Line there_;
  Line back_;
  std::array<char, 1400> message_{};
  std::uint64_t written_ = 0;
  std::uint64_t read_ = 0;
  IkcpPointer sender_;
  IkcpPointer receiver_;
};

void run_batch(Meter& meter, int bytes, std::string_view label) {
  constexpr int batches = 16;
  Bulk bulk(window_max, bytes);
  bulk.batch(1);
  for (int i = 0; i < 4; ++i) bulk.batch(window_max);
  for (std::uint32_t i = 0; i < meter.repeats(); ++i) {
    meter.begin();
    meter.start();
    for (int k = 0; k < batches; ++k) bulk.batch(window_max);
    meter.stop();
    meter.end(label, std::uint64_t{window_max} * batches);
  }
}

void run_trickle(Meter& meter, std::uint32_t window, std::string_view label) {
  constexpr std::uint32_t segments = 4 * window_max;
  Bulk bulk(window, 1376);
  bulk.batch(1);
  bulk.fill(window);
  for (std::uint32_t i = 0; i < 2 * window; ++i) bulk.trickle();
  for (std::uint32_t i = 0; i < meter.repeats(); ++i) {
    meter.begin();
    meter.start();
    for (std::uint32_t k = 0; k < segments; ++k) bulk.trickle();
    meter.stop();
    meter.end(label, segments);
  }
}

// One reply at a time.
struct Reply {
  std::array<std::uint8_t, 1400> bytes;
  std::size_t count = 0;
  static int output(const char* from, int count, IkcpControl*, void* user) {
    auto* reply = static_cast<Reply*>(user);
    reply->count = static_cast<std::size_t>(count);
    std::memcpy(reply->bytes.data(), from, reply->count);
    return 0;
  }
};

class IkcpEcho {
 public:
  explicit IkcpEcho(std::uint32_t sessions) : peers_(sessions) {
    for (std::uint32_t i = 0; i < sessions; ++i) {
      sessions_.push_back(make_ikcp(i, 128, Reply::output, &reply_));
      ikcp().update(sessions_.back().get(), now_ms_);
    }
  }
  void round(Meter* meter) {
    for (std::uint32_t i = 0; i < sessions_.size(); ++i) {
      if (++echoes_ % 1000 == 0) ++now_ms_;
      std::array<std::uint8_t, 256> request;
      const std::uint32_t count = peers_[i].write_request(i, now_ms_, request);
      if (meter != nullptr) meter->start();
      serve(sessions_[i].get(), request.data(), count);
      if (meter != nullptr) meter->stop();
      require(peers_[i].take_reply(std::span(reply_.bytes).first(reply_.count)), "a request got no reply");
    }
  }

 private:
  void serve(IkcpControl* kcp, const std::uint8_t* request, std::uint32_t count) {
    require(ikcp().input(kcp, reinterpret_cast<const char*>(request), count) == 0, "ikcp refused a request");
    std::array<char, 256> message;
    const int size = ikcp().recv(kcp, message.data(), static_cast<int>(message.size()));
    require(size > 0 && ikcp().send(kcp, message.data(), size) >= 0, "ikcp brought no message");
    ikcp().flush_at(kcp, now_ms_);
  }

  Reply reply_;
  std::uint32_t now_ms_ = 1000;
  std::uint32_t echoes_ = 0;
  std::vector<EchoPeer> peers_;
  std::vector<IkcpPointer> sessions_;
};

}  // namespace

void run_ikcp_batch_1376(Meter& meter, const Scale&) { run_batch(meter, 1376, "ikcp-batch-1376"); }
void run_ikcp_batch_64(Meter& meter, const Scale&) { run_batch(meter, 64, "ikcp-batch-64"); }
void run_ikcp_trickle_1024(Meter& meter, const Scale&) { run_trickle(meter, 1024, "ikcp-trickle-1024"); }
void run_ikcp_trickle_32(Meter& meter, const Scale&) { run_trickle(meter, 32, "ikcp-trickle-32"); }

void run_ikcp_echo(Meter& meter, const Scale&) {
  constexpr std::uint32_t echoes = 16'384;
  IkcpEcho one(1);
  for (int i = 0; i < 100; ++i) one.round(nullptr);
  for (std::uint32_t i = 0; i < meter.repeats(); ++i) {
    meter.begin();
    for (std::uint32_t k = 0; k < echoes; ++k) one.round(&meter);
    meter.end("ikcp-echo", echoes);
  }
}

void run_ikcp_echo_100k(Meter& meter, const Scale&) {
  IkcpEcho many(echo_sessions_cold);
  for (int i = 0; i < 3; ++i) many.round(nullptr);
  for (std::uint32_t i = 0; i < meter.repeats(); ++i) {
    meter.begin();
    many.round(&meter);
    meter.end("ikcp-echo-100k", echo_sessions_cold);
  }
}

}  // namespace penstock::bench
