// The KCP echo part: one machine that takes a request with the last reply's ACK, hands the message up, sends it back, and
// writes the reply; one session hot in the caches, and 100,000 that take turns.
#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "bench/echo_peer.hpp"
#include "bench/part.hpp"
#include "buf/arena_pool.hpp"
#include "buf/segment_queue.hpp"
#include "buf/small_blocks.hpp"
#include "net/stack.hpp"
#include "proto/kcp/session.hpp"

namespace penstock::bench {

namespace {

constexpr std::uint32_t block_bytes = 2176;
constexpr std::uint32_t blocks = 64;
constexpr std::uint32_t fold_all = 0xffffffff;

class KcpEcho {
 public:
  explicit KcpEcho(std::uint32_t sessions)
      : small_({{4 * sessions, 64, 64}}),
        window_bytes_(std::size_t{sessions} * 2048),
        memory_(BuddyMemory::cost(window_bytes_) + SmallBlocks::cost(small_) + SegmentChunkPool::cost(blocks) +
                ArenaPool::cost(block_bytes, blocks)),
        arena_(memory_.bytes()),
        windows_(arena_, window_bytes_),
        kept_(arena_, small_),
        chunks_(arena_, blocks),
        pool_(arena_, block_bytes, blocks),
        env_{options(), windows_, kept_, rng_, counters_},
        peers_(sessions) {
    kcp::Start begin;
    begin.opening = kcp::Opening::by_us;
    for (std::uint32_t i = 0; i < sessions; ++i) {
      sessions_.push_back(std::make_unique<kcp::Session>(env_, i, now_, begin));
    }
  }

  // A request and its reply for each session in turn.
  void round(Meter* meter) {
    for (std::uint32_t i = 0; i < sessions_.size(); ++i) {
      now_ = now_ + Duration::us(1);
      Segment request = Segment::adopt(pool_.allocate(), 0, block_bytes);
      request.trim_back(block_bytes - peers_[i].write_request(i, stamp(), request.writable()));
      if (meter != nullptr) meter->start();
      const Segment reply = serve(*sessions_[i], std::move(request));
      if (meter != nullptr) meter->stop();
      require(peers_[i].take_reply(reply.bytes()), "a request got no reply");
    }
  }

 private:
  static kcp::Options options() {
    kcp::Options options;
    options.nodelay = 1;
    options.interval_ms = 10;
    options.resend = 2;
    options.no_congestion_window = true;
    return options;
  }
  std::uint32_t stamp() const { return static_cast<std::uint32_t>(now_.count_ms()); }

  Segment serve(kcp::Session& session, Segment&& request) {
    require(session.on_datagram(std::move(request), now_) == kcp::Refusal::none, "a request was refused");
    auto received = session.poll_receive();
    require(received.has_value(), "a request brought no message");
    SegmentQueue message(chunks_);
    const bool sent =
        message.push_back(std::move(received->bytes)) && session.send(message, now_) == SendResult::accepted;
    require(sent, "a reply was refused");
    OutDatagram out(pool_.allocate(), net::headroom_bytes, env_.options.mtu, fold_all);
    require(session.poll_transmit(out, now_), "a reply was not written");
    static_cast<void>(session.next_deadline());
    return out.take_head();
  }

  SmallBlocks::Counts small_;
  std::size_t window_bytes_;
  HeapMemory memory_;
  Arena arena_;
  BuddyMemory windows_;
  SmallBlocks kept_;
  SegmentChunkPool chunks_;
  ArenaPool pool_;
  Rng rng_{1};
  kcp::Counters counters_;
  kcp::Environment env_;
  Instant now_ = Instant::at_us(1'000'000);
  std::vector<EchoPeer> peers_;
  std::vector<std::unique_ptr<kcp::Session>> sessions_;
};

}  // namespace

void run_kcp_echo(Meter& meter, const Scale&) {
  constexpr std::uint32_t echoes = 16'384;
  KcpEcho one(1);
  for (int i = 0; i < 100; ++i) one.round(nullptr);
  for (std::uint32_t i = 0; i < meter.repeats(); ++i) {
    meter.begin();
    for (std::uint32_t k = 0; k < echoes; ++k) one.round(&meter);
    meter.end("kcp-echo", echoes);
  }
}

void run_kcp_echo_100k(Meter& meter, const Scale&) {
  KcpEcho many(echo_sessions_cold);
  for (int i = 0; i < 3; ++i) many.round(nullptr);
  for (std::uint32_t i = 0; i < meter.repeats(); ++i) {
    meter.begin();
    many.round(&meter);
    meter.end("kcp-echo-100k", echo_sessions_cold);
  }
}

}  // namespace penstock::bench
