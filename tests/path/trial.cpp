#include "path/trial.hpp"

#include <algorithm>
#include <cstring>
#include <memory>

#include "path/oracle_sender.hpp"
#include "path/our_sender.hpp"
#include "path/ticked_ikcp.hpp"

namespace penstock::path {

using diff::require;

namespace {

constexpr std::int64_t ns_per_second = 1'000'000'000;
constexpr double us_per_second = 1e6;
constexpr Duration patience = Duration::seconds(3600);
// Beside four windows of data: ACKs, questions, and small windows.
constexpr std::uint32_t datagrams_spare = 4096;

LaneOptions lane_of(LaneOptions lane, const kcp::Options& options) {
  lane.datagram_bytes_max = options.mtu;
  lane.datagrams_max = 4 * options.snd_wnd + datagrams_spare;
  return lane;
}

kcp::Options receiver_of(const kcp::Options& sender) {
  kcp::Options options = turbo(std::max(sender.snd_wnd, kcp::Options::receive_window_min));
  options.mtu = sender.mtu;
  return options;
}

// The trial while it runs. Watches the lane from the sender on.
class Run final : public FateWatch {
 public:
  Run(const Trial& trial, diff::Memory& memory)
      : trial_(trial),
        tally_(trial.messages()),
        next_sample_(trial.sample_every > Duration() ? Instant() : Instant::never()),
        there_(lane_of(trial.there, trial.options), Rng(trial.seed).child(1), this),
        back_(lane_of(trial.back, trial.options), Rng(trial.seed).child(2), nullptr),
        receiver_(receiver_of(trial.options), trial.receiver_phase),
        message_(trial.message_bytes(), 0x5a) {
    make_sender(memory);
    tell_window();
  }

  Outcome finish() {
    const Instant end = Instant() + trial_.game_time + patience;
    Instant now;
    for (; !turn(now); now = next(now)) {
      require(now < end, "the trial does not come to an end");
      if (now >= next_sample_) sample(now);
    }
    return {.tally = std::move(tally_),
            .took = now - Instant(),
            .queue_refused = there_.refused(),
            .queue_bytes_most = there_.queued_bytes_most(),
            .spares = ours_ == nullptr ? 0 : ours_->counters().retransmit_spare,
            .seen = ours_ == nullptr ? 0 : ours_->counters().retransmit_spurious,
            .samples = std::move(samples_)};
  }

  void on_fate(std::span<const std::uint8_t> datagram, bool lost, Instant now) override {
    kcp::SegmentReader reader(datagram);
    while (reader.next()) {
      const kcp::Header header = reader.header();
      if (!is_data(header)) continue;
      tally_.on_fate(header.sn.raw(), header.length, lost);
      if (oracle_ != nullptr) oracle_->on_fate(header.sn.raw(), lost, told(now + trial_.there.delay));
    }
  }

 private:
  // A question is a PUSH without bytes.
  static bool is_data(const kcp::Header& header) { return header.command == kcp::Command::push && header.length > 0; }

  // When the oracle knows of what arrived, or should have, at `arrival`.
  Instant told(Instant arrival) const {
    if (trial_.sender == SenderKind::oracle) return arrival + trial_.back.delay;
    const Duration flush = Duration::ms(turbo(1).interval_ms);
    const Duration since = arrival - (Instant() + trial_.receiver_phase);
    const std::int64_t flushes = (since.count_us() + flush.count_us() - 1) / flush.count_us();
    return Instant() + trial_.receiver_phase + flush * flushes + trial_.back.delay;
  }

  void make_sender(diff::Memory& memory) {
    const std::uint64_t rate = trial_.there.rate_bits_per_second;
    switch (trial_.sender) {
      case SenderKind::ours: {
        auto ours = std::make_unique<OurSender>(memory, trial_.options, Rng(trial_.seed).child(3).next());
        ours_ = ours.get();
        sender_ = std::move(ours);
        return;
      }
      case SenderKind::ikcp: sender_ = std::make_unique<TickedIkcp>(trial_.options, Duration()); return;
      case SenderKind::oracle:
      case SenderKind::ticked_oracle:
      case SenderKind::spare_oracle: {
        const std::int64_t bits = 8 * std::int64_t{trial_.message_bytes() + kcp::header_bytes};
        const std::int64_t segment_ns = rate == 0 ? 0 : bits * ns_per_second / static_cast<std::int64_t>(rate);
        const std::uint32_t spare_from = trial_.sender == SenderKind::spare_oracle ? 2 : 0;
        auto oracle = std::make_unique<OracleSender>(trial_.options, segment_ns, spare_from);
        oracle_ = oracle.get();
        sender_ = std::move(oracle);
      }
    }
  }

  // A server hears of its client before it has anything to send to it: the receiver's window is known, and no round trip yet.
  void tell_window() {
    diff::Bytes datagram(kcp::header_bytes);
    const auto window = static_cast<std::uint16_t>(receiver_of(trial_.options).receive_window());
    kcp::encode(kcp::Heading(diff::conv, window, Seq32()), kcp::Command::wins, 0, Stamp32(), Seq32(), 0,
                datagram.data());
    sender_->input(datagram, Instant());
  }

  void sample(Instant now) {
    next_sample_ = now + trial_.sample_every;
    Sample made{.at = now, .delivered = tally_.delivered(), .queued_bytes = there_.queued_bytes()};
    if (ours_ != nullptr) {
      const kcp::Stats stats = ours_->stats();
      made.in_flight = stats.in_flight;
      made.window = stats.cwnd == Congestion::unbounded ? 0 : stats.cwnd;
    }
    samples_.push_back(made);
  }

  // Everything that is to be done at `now`, input first; true when all is over.
  bool turn(Instant now) {
    while (const auto datagram = there_.poll(now)) receive(datagram->bytes(), now);
    for (const diff::Bytes& datagram : receiver_.turn(now)) back_.offer(datagram, now);
    while (const auto datagram = back_.poll(now)) sender_->input(datagram->bytes(), now);
    sender_->wake(now);
    // What leaves may make room for more to be handed in.
    for (bool more = true; more;) {
      more = hand_in(now);
      transmit(now);
    }
    return tally_.delivered() == tally_.messages() && sender_->drained();
  }

  void receive(std::span<const std::uint8_t> datagram, Instant now) {
    receiver_.input(datagram, now);
    while (const auto bytes = receiver_.receive()) {
      require(*bytes == message(tally_.delivered()), "a message arrived with other bytes");
      tally_.on_delivered(now);
    }
  }

  void transmit(Instant now) {
    for (const diff::Bytes& datagram : sender_->turn(now)) {
      for (const diff::SegmentView& segment : diff::take_apart(datagram)) {
        if (is_data(segment.header)) tally_.on_sent(segment.header.sn.raw(), segment.header.length, now);
      }
      there_.offer(datagram, now);
    }
  }

  bool hand_in(Instant now) {
    const std::uint64_t before = tally_.handed();
    while (tally_.handed() < tally_.messages() && next_due() <= now) {
      if (!sender_->send(message(tally_.handed()), now)) break;
      tally_.on_handed(trial_.work == Work::bulk ? now : next_due());
    }
    return tally_.handed() != before;
  }

  // When the next message is due to be handed in.
  Instant next_due() const {
    if (tally_.handed() == tally_.messages()) return Instant::never();
    if (trial_.work == Work::bulk) return Instant();
    return Instant() + Trial::game_period * static_cast<std::int64_t>(tally_.handed());
  }

  const diff::Bytes& message(std::uint64_t number) {
    std::memcpy(message_.data(), &number, sizeof(number));
    return message_;
  }

  Instant next(Instant now) {
    Instant next = earlier(there_.next_deadline(), back_.next_deadline());
    next = earlier(next, earlier(sender_->next_deadline(now), receiver_.next_deadline(now)));
    // A message of bulk that found no room waits for another event.
    if (trial_.work == Work::game) next = earlier(next, next_due());
    return later(next, now + Duration::us(1));
  }

  const Trial& trial_;
  Tally tally_;
  Instant next_sample_;
  std::vector<Sample> samples_;
  Lane there_;
  Lane back_;
  TickedIkcp receiver_;
  std::unique_ptr<diff::Machine> sender_;
  OurSender* ours_ = nullptr;       // the sender, when it is that one
  OracleSender* oracle_ = nullptr;  // the same
  diff::Bytes message_;
};

}  // namespace

std::string_view name_of(SenderKind kind) {
  switch (kind) {
    case SenderKind::ours: return "ours";
    case SenderKind::ikcp: return "ikcp";
    case SenderKind::oracle: return "oracle";
    case SenderKind::ticked_oracle: return "ticked-oracle";
    default: return "spare-oracle";
  }
}

std::string_view name_of(Work work) { return work == Work::bulk ? "bulk" : "game"; }

std::uint64_t Trial::messages() const {
  if (work == Work::bulk) return (bulk_bytes + message_bytes() - 1) / message_bytes();
  return static_cast<std::uint64_t>(game_time.count_us() / game_period.count_us());
}

double Outcome::goodput() const {
  const double bits = 8.0 * static_cast<double>(tally.first().bytes);
  return took > Duration() ? bits * us_per_second / static_cast<double>(took.count_us()) : 0;
}

kcp::Options turbo(std::uint32_t window) {
  kcp::Options options;
  options.nodelay = 1;
  options.interval_ms = 10;
  options.resend = 2;
  options.no_congestion_window = true;
  options.snd_wnd = window;
  options.rcv_wnd = window;
  options.send_queue_segments_max = std::clamp(window, 256u, kcp::Options::window_max);
  return options;
}

Outcome run(const Trial& trial, diff::Memory& memory) {
  require(trial.messages() > 0, "the trial has no message");
  return Run(trial, memory).finish();
}

}  // namespace penstock::path
