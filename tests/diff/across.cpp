// D4: ours and ikcp talk to each other over links of lib/impair that lose, double, delay and reorder; both directions, either
// of them opening, both modes, and every byte compared as it arrives.
#include <algorithm>
#include <memory>

#include "diff/ikcp.hpp"
#include "diff/levels.hpp"
#include "impair/link.hpp"

namespace penstock::diff {

namespace {

using Link = impair::Link<net::RxFrame>;

constexpr std::int64_t end_us = 3'600'000'000;
constexpr std::uint32_t queue_frames = 4096;

struct Conversation {
  explicit Conversation(std::uint64_t number);
  Bytes message(int side, std::uint32_t index) const;
  std::string tell() const;

  std::uint64_t seed;
  kcp::Options options[2];  // of ours, of ikcp
  impair::Impairment line;
  bool we_open = false;
  std::uint32_t messages = 0, message_bytes = 0;
};

kcp::Options draw_options(Rng& rng, bool stream) {
  kcp::Options options;
  options.nodelay = static_cast<std::uint8_t>(rng.below(3));
  options.resend = static_cast<std::uint8_t>(2 * rng.below(2));
  options.no_congestion_window = rng.below(2) == 0;
  options.stream = stream;
  options.interval_ms = static_cast<std::uint32_t>(rng.between(10, 60));
  options.mtu = static_cast<std::uint16_t>(rng.below(4) == 0 ? 50 + rng.below(60) : 110 + rng.below(1291));
  options.snd_wnd = static_cast<std::uint32_t>(1 + rng.below(rng.below(2) == 0 ? 64 : 1024));
  options.rcv_wnd = static_cast<std::uint32_t>(1 + rng.below(1024));
  options.dead_link = 255;
  options.send_queue_segments_max = 1024;
  return options;
}

Conversation::Conversation(std::uint64_t number) : seed(number) {
  Rng rng(seed);
  const bool stream = rng.below(2) == 0;
  for (kcp::Options& one : options) one = draw_options(rng, stream);
  line.loss_ppm = static_cast<std::uint32_t>(rng.below(4) == 0 ? 0 : rng.below(200'000));
  line.duplicate_ppm = static_cast<std::uint32_t>(rng.below(2) == 0 ? 0 : rng.below(100'000));
  line.reorder_ppm = static_cast<std::uint32_t>(rng.below(2) == 0 ? 0 : rng.below(250'000));
  line.delay = Duration::us(rng.between(0, 60'000));
  line.jitter = Duration::us(rng.below(2) == 0 ? 0 : rng.between(0, 30'000));
  line.queue_frames = queue_frames;
  we_open = rng.below(2) == 0;
  messages = static_cast<std::uint32_t>(5 + rng.below(60));
  const std::uint32_t mss = std::min(options[0].mss(), options[1].mss());
  message_bytes = static_cast<std::uint32_t>(1 + rng.below(std::min<std::uint32_t>(4000, 60 * mss)));
}

Bytes Conversation::message(int side, std::uint32_t index) const {
  Rng rng = Rng(seed).child(static_cast<std::uint64_t>(side + 1) << 32 | index);
  // An empty message would end a conversation of ikcp's in stream mode, where it is nothing.
  Bytes bytes(rng.below(message_bytes) + (options[0].stream ? 1 : 0));
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(rng.next());
  return bytes;
}

std::string Conversation::tell() const {
  return fmt::format("seed {} {} opens, stream {}, loss {} duplicate {} reorder {} ppm, delay {} us jitter {} us", seed,
                     we_open ? "ours" : "ikcp", options[0].stream, line.loss_ppm, line.duplicate_ppm, line.reorder_ppm,
                     line.delay.count_us(), line.jitter.count_us());
}

// What one side still has to send and to hear.
struct Side {
  Machine* machine = nullptr;
  std::uint32_t sent = 0;      // messages
  std::uint32_t received = 0;  // messages of which all has arrived
  Bytes expected;              // of the message that is arriving, in stream mode
  bool may_speak = false;      // it opened, or was spoken to
};

class Talk {
 public:
  Talk(const Conversation& talk, const Bench& bench)
      : talk_(talk),
        bench_(bench),
        heap_(2 * Link::cost(queue_frames)),
        arena_(heap_.bytes()),
        copies_(Memory::block_bytes, 512),
        ours_(bench.memory, talk.options[0], talk.seed, Instant(),
              {.opening = talk.we_open ? kcp::Opening::by_us : kcp::Opening::by_peer,
               .send_first = {},
               .receive_first = {},
               .stamp_origin = {}}),
        ikcp_(talk.options[1]) {
    for (std::uint64_t i = 0; i < 2; ++i) links_[i].emplace(arena_, talk.line, copies_, Rng(talk.seed).child(100 + i));
    sides_[0].machine = &ours_;
    sides_[1].machine = &ikcp_;
    sides_[talk.we_open ? 0 : 1].may_speak = true;
  }
  void finish() {
    while (!finished()) {
      require(now_us_ < end_us, "did not finish: " + talk_.tell());
      for (int i = 0; i < 2; ++i) turn(i);
      advance();
    }
    bench_.ledger.count(Divergence::proof, ours_.counters().proof_pings_sent);
  }
  std::uint64_t bytes() const { return bytes_; }

 private:
  Instant now() const { return Instant::at_us(now_us_); }
  bool finished() {
    return std::ranges::all_of(
        sides_, [this](Side& side) { return side.received == talk_.messages && side.machine->drained(); });
  }
  void turn(int number) {
    Side& side = sides_[number];
    while (auto frame = links_[1 - number]->poll(now())) {
      side.machine->input(frame->bytes.bytes(), now());
      side.may_speak = true;
    }
    while (auto bytes = side.machine->receive()) compare(number, *bytes);
    while (side.may_speak && side.sent < talk_.messages && room(number)) {
      if (!side.machine->send(talk_.message(number, side.sent), now())) break;
      ++side.sent;
    }
    for (const Bytes& datagram : side.machine->turn(now())) {
      links_[number]->offer(net::RxFrame{.bytes = bench_.memory.segment(datagram)}, now());
    }
  }
  // ikcp's queue has no bound of its own.
  bool room(int number) { return number == 0 || ikcp_.core().look().unsent < 400; }
  void compare(int number, const Bytes& bytes) {
    Side& side = sides_[number];
    bytes_ += bytes.size();
    const std::string where = fmt::format("{} received other bytes in message {}: {}", number == 0 ? "ours" : "ikcp",
                                          side.received, talk_.tell());
    if (!talk_.options[0].stream) {
      require(side.received < talk_.messages && bytes == talk_.message(1 - number, side.received), where);
      ++side.received;
      return;
    }
    for (std::size_t at = 0; at < bytes.size();) {
      if (side.expected.empty()) {
        require(side.received < talk_.messages, where);
        side.expected = talk_.message(1 - number, side.received);
      }
      const std::size_t part = std::min(bytes.size() - at, side.expected.size());
      require(std::equal(side.expected.begin(), side.expected.begin() + static_cast<std::ptrdiff_t>(part),
                         bytes.begin() + static_cast<std::ptrdiff_t>(at)),
              where);
      side.expected.erase(side.expected.begin(), side.expected.begin() + static_cast<std::ptrdiff_t>(part));
      at += part;
      side.received += side.expected.empty();
    }
  }
  void advance() {
    Instant next = Instant::never();
    for (int i = 0; i < 2; ++i) {
      next = earlier(next, links_[i]->next_deadline());
      next = earlier(next, sides_[i].machine->next_deadline(now()));
    }
    now_us_ = std::max(next.count_us(), now_us_ + 1);
  }

  const Conversation& talk_;
  const Bench& bench_;
  HeapMemory heap_;
  Arena arena_;
  HeapPool copies_;
  std::optional<Link> links_[2];  // from ours, from ikcp
  Ours ours_;
  IkcpEnd ikcp_;
  Side sides_[2];
  std::int64_t now_us_ = 0;
  std::uint64_t bytes_ = 0;
};

}  // namespace

std::string talk_across(const Bench& bench) {
  std::uint64_t bytes = 0;
  for (std::uint64_t i = 0; i < bench.order.conversations; ++i) {
    const Conversation conversation(bench.order.seed + i);
    const auto talk = std::make_unique<Talk>(conversation, bench);
    talk->finish();
    bytes += talk->bytes();
  }
  return fmt::format("{} conversations, {} bytes compared", bench.order.conversations, bytes);
}

}  // namespace penstock::diff
