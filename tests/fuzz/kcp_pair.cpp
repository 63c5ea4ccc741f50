// Fuzzes two KCP sessions over a link that the input drives: what is sent, lost, copied, held back and read, and when.
//
// PairSide compares each byte. When the input is over the link heals: then everything must arrive, or a session must have
// ended for a reason that it names.
#include <array>
#include <utility>

#include "pair_side.hpp"
#include "records.hpp"

using namespace penstock;
using namespace penstock::fuzz;

namespace {

enum Step : std::uint8_t { send, arrive, lose, again, wait, receive, transmit, turn, close, shortage, step_count };
constexpr std::uint8_t other_side = 0x80;
constexpr int steps_max = 150;
// By time two turns repeat one segment where the pace is slow, and each of a window of 255 as often as dead_link says.
constexpr int heal_turns_max = 200'000;
constexpr std::size_t on_wire_max = 64;

using Datagram = std::vector<std::uint8_t>;

class Run {
 public:
  Run(KcpGround& ground, Feed scene)
      : ground_(ground), options_{options_of(scene), options_of(scene)}, sides_(make(scene)) {}
  ~Run() {
    ground_.pool.keep_back(0);
    for (PairSide& side : sides_) side.release();
  }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  void take(const Record& record) {
    Feed feed(record.bytes);
    const unsigned at = (record.kind & other_side) != 0 ? 1 : 0;
    switch ((record.kind & 0x7f) % step_count) {
      case send: send_at(at, feed); break;
      case arrive: deliver(1 - at, feed.u8()); break;
      case lose: drop(at, feed.u8()); break;
      case again: repeat(at, feed.u8()); break;
      case wait: pass(feed); break;
      case receive: sides_[at].receive(1 + feed.u8(), sides_[1 - at]); break;
      case transmit: write_out(at, 1 + feed.u8() % 4, feed.u16()); break;
      case turn: natural_turn(); break;
      case close: sides_[at].close(feed.u8() % 2 == 0 ? CloseReason::service : CloseReason::drained, now_); break;
      default: ground_.pool.keep_back(feed.u8() % 2 == 0 ? 0 : ground_.pool.capacity());
    }
  }
  void heal() {
    ground_.pool.keep_back(0);
    // Who was never spoken to may not speak.
    sides_[0].send(1, 1, now_);
    for (int turns = 0; !settled(); ++turns) {
      FUZZ_CLAIM(turns < heal_turns_max);
      natural_turn();
      if (wire_[0].empty() && wire_[1].empty()) now_ = later(now_, next_deadline());
      now_ = now_ + Duration::ms(5);
    }
    for (unsigned at = 0; at < 2; ++at) {
      const PairSide& peer = sides_[1 - at];
      const bool must_have_all = peer.ended() ? peer.ended_acknowledged() : true;
      const bool reads = !sides_[at].was_told_to_end() && !sides_[at].ended();
      FUZZ_CLAIM(!must_have_all || !reads || sides_[at].complete(peer));
    }
  }

 private:
  std::array<PairSide, 2> make(Feed& scene) {
    // Both speak alike; what else they are set to may differ.
    options_[1].stream = options_[0].stream;
    const Seq32 first[2] = {Seq32(0u - scene.u8()), Seq32(0u - scene.u8())};
    return {PairSide(ground_, options_[0], true, first[0], first[1]),
            PairSide(ground_, options_[1], false, first[1], first[0])};
  }
  void send_at(unsigned at, Feed& feed) {
    // Any message of at most 100 fragments of the smaller kind may be sent.
    const std::uint32_t bytes = feed.u16() % 2048u + (options_[0].stream ? 1 : 0);
    sides_[at].send(bytes, 1 + feed.u16() % datagram_bytes_max, now_);
  }
  // Gives `to` one of the datagrams on their way to it.
  void deliver(unsigned to, std::uint8_t which) {
    auto& wire = wire_[1 - to];
    if (wire.empty()) return;
    const auto place = wire.begin() + which % static_cast<std::ptrdiff_t>(wire.size());
    const Datagram datagram = std::move(*place);
    wire.erase(place);
    sides_[to].arrive(datagram, now_);
    past_[1 - to] = datagram;
  }
  void drop(unsigned from, std::uint8_t which) {
    auto& wire = wire_[from];
    if (!wire.empty()) wire.erase(wire.begin() + which % static_cast<std::ptrdiff_t>(wire.size()));
  }
  // A copy of one on its way, or of the last that arrived.
  void repeat(unsigned from, std::uint8_t which) {
    auto& wire = wire_[from];
    if (wire.size() >= on_wire_max) return;
    const bool old = wire.empty() || which % 2 == 0;
    wire.push_back(old ? past_[from] : Datagram(wire[which % wire.size()]));
    if (wire.back().empty()) wire.pop_back();
  }
  void pass(Feed& feed) {
    const std::uint8_t unit = feed.u8();
    const std::uint16_t count = feed.u16();
    if (unit % 4 == 0) now_ = later(now_, earlier(next_deadline(), now_ + Duration::seconds(60)));
    else now_ = now_ + Duration::us(std::int64_t{count} * (unit % 4 == 1 ? 1 : unit % 4 == 2 ? 100 : 10'000));
    for (PairSide& side : sides_) side.time_passed(now_);
  }
  void write_out(unsigned at, std::uint32_t count, std::uint32_t room) {
    for (; count > 0; --count) {
      auto datagram = sides_[at].transmit(now_, room == 0 ? datagram_bytes_max : room);
      if (!datagram) return;
      // What does not fit the wire is lost.
      if (wire_[at].size() < on_wire_max) wire_[at].push_back(std::move(*datagram));
    }
  }
  void natural_turn() {
    for (unsigned at = 0; at < 2; ++at) {
      while (!wire_[1 - at].empty()) deliver(at, 0);
      sides_[at].time_passed(now_);
      sides_[at].receive(1000, sides_[1 - at]);
      write_out(at, on_wire_max, 0);
    }
  }
  Instant next_deadline() const { return earlier(sides_[0].deadline(), sides_[1].deadline()); }
  bool settled() const {
    const bool quiet = wire_[0].empty() && wire_[1].empty();
    for (unsigned at = 0; at < 2; ++at) {
      if (sides_[at].ended()) continue;
      // What comes no more is not waited for: the rest of a message, or payment by a peer that proved nothing.
      const bool alone = sides_[1 - at].ended();
      const bool hopes = !sides_[at].idle() && !alone;
      const bool unpaid = !sides_[at].proven() && alone;
      if (hopes || (!sides_[at].deadline().is_never() && !unpaid)) return false;
    }
    return quiet;
  }

  KcpGround& ground_;
  Instant now_ = Instant::at_us(1'000);
  kcp::Options options_[2];
  std::array<PairSide, 2> sides_;
  std::vector<Datagram> wire_[2];  // by sender
  Datagram past_[2];               // by sender: the last that arrived
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static KcpGround ground;
  Feed feed({data, size});
  {
    Run run(ground, Feed(next_record(feed).bytes));
    for (int left = steps_max; left > 0 && !feed.empty(); --left) run.take(next_record(feed));
    run.heal();
  }
  ground.check_whole();
  return 0;
}
