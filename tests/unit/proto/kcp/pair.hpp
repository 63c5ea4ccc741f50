// Pair: two KCP sessions over a lossy in-memory link in virtual time, with an oracle.
//
// Each side sends messages whose bytes are a function of (seed, side, index). What arrives is compared as it comes: every
// byte once, in order, and in message mode between the same borders. Time jumps from event to event. The side that did not
// open is held to the bytes it received until it is proven. Shortages (blocks, small blocks, ring memory) come and go.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "proto/kcp/world.hpp"

namespace penstock::kcp::test {

struct LinkModel {
  std::uint32_t loss_ppm = 0;
  std::uint32_t duplicate_ppm = 0;
  std::int64_t delay_us = 10'000;
  std::int64_t jitter_us = 0;  // more than the spacing of datagrams reorders them
  // From `pulse_begin_us` on, of each `pulse_every_us` the first `pulse_us` lose whatever is sent, both ways; 0: never.
  std::int64_t pulse_begin_us = 0;
  std::int64_t pulse_every_us = 0;
  std::int64_t pulse_us = 0;
};

struct Scenario {
  std::uint64_t seed = 1;
  Options options[2];
  LinkModel link;
  std::uint32_t messages = 50;         // that each side sends
  std::uint32_t message_bytes = 2000;  // at most
  std::uint32_t first_sn[2] = {0, 0};
  bool shortages = false;
  bool lazy_service = false;  // takes what arrived only now and then
  std::uint32_t copy_break = fold_all;
  WorldSize size = {};
};

class Side {
 public:
  Side(const Scenario& scenario, int index)
      : world(scenario.options[index], scenario.seed * 2 + static_cast<std::uint64_t>(index), scenario.size),
        session(world.env, conv, Instant(),
                {.opening = index == 0 ? Opening::by_us : Opening::by_peer,
                 .send_first = Seq32(scenario.first_sn[index]),
                 .receive_first = Seq32(scenario.first_sn[1 - index]),
                 .stamp_origin = std::nullopt}),
        scenario_(scenario),
        index_(index) {}

  std::string message_text(int side, std::uint32_t index) const {
    Rng rng = Rng(scenario_.seed).child(static_cast<std::uint64_t>(side) << 32 | index);
    const bool stream = scenario_.options[0].stream;
    std::string text(rng.below(scenario_.message_bytes) + (stream ? 1 : 0), '\0');
    for (char& c : text) c = static_cast<char>(rng.next());
    return text;
  }

  // Sends until the session takes no more.
  void send_messages(Instant now, Rng& rng) {
    while (sent < scenario_.messages) {
      const std::string text = message_text(index_, sent);
      SegmentQueue queue(world.chunks);
      if (!fill(queue, text, rng)) return;
      const SendResult result = session.send(queue, now);
      if (result == SendResult::full) return;
      REQUIRE(result == SendResult::accepted);
      ++sent;
    }
  }
  // Takes what can be taken, and compares it.
  void receive(Rng& rng) {
    while (const auto next = session.receivable()) {
      if (scenario_.lazy_service && rng.below(3) == 0) return;
      std::uint64_t bytes = 0;
      for (std::uint32_t i = 0; i < next->segments; ++i) {
        const auto part = session.poll_receive();
        REQUIRE(part);
        bytes += part->bytes.length();
        compare(part->bytes.bytes(), part->message_ends);
        REQUIRE(part->message_ends == (!stream() && i + 1 == next->segments));
        if (stream() && bytes == next->bytes) break;
      }
      REQUIRE(bytes == next->bytes);
    }
  }
  bool complete() const { return received == scenario_.messages && expected_.empty(); }
  void check_events() {
    while (auto event = session.poll_event()) {
      if (event->kind == SessionEvent::Kind::closed)
        FAIL("seed " << scenario_.seed << " closed: " << name_of(event->reason));
      if (event->kind == SessionEvent::Kind::proven) REQUIRE(session.proven());
    }
  }

  World world;
  Session session;
  std::uint32_t sent = 0;      // messages accepted by send()
  std::uint32_t received = 0;  // messages whose bytes have all arrived
  std::int64_t credit = 0;     // bytes from the peer minus bytes to it

 private:
  bool stream() const { return scenario_.options[index_].stream; }
  bool fill(SegmentQueue& queue, const std::string& text, Rng& rng) {
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t part = std::min<std::size_t>(text.size() - at, 1 + rng.below(rng.below(4) == 0 ? 20 : 3000));
      Block* block = world.pool.allocate();
      if (block == nullptr) return false;
      std::copy_n(text.data() + at, part, block->data);
      if (!queue.push_back(Segment::adopt(block, 0, static_cast<std::uint32_t>(part)))) return false;
      at += part;
    }
    return true;
  }
  void compare(std::span<const std::uint8_t> bytes, bool ends) {
    std::string_view rest(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    while (!rest.empty() || ends) {
      if (!begun_) {
        REQUIRE(received < scenario_.messages);
        expected_ = message_text(1 - index_, received);
        begun_ = true;
      }
      const std::size_t part = stream() ? std::min(rest.size(), expected_.size()) : rest.size();
      if (part > expected_.size() || expected_.substr(0, part) != rest.substr(0, part)) {
        FAIL("seed " << scenario_.seed << ": side " << index_ << " received other bytes in message " << received);
      }
      expected_.erase(0, part);
      rest.remove_prefix(part);
      if (!stream() && !ends) return;
      if (!expected_.empty()) {
        if (!stream()) FAIL("seed " << scenario_.seed << ": message " << received << " was cut short");
        return;
      }
      ++received;
      begun_ = false;
      if (ends) return;
    }
  }

  const Scenario& scenario_;
  int index_;
  std::string expected_;  // what is still to come of message `received`
  bool begun_ = false;    // expected_ is filled
};

class Pair {
 public:
  explicit Pair(const Scenario& scenario)
      : scenario_(scenario), rng_(scenario.seed), sides_{{scenario_, 0}, {scenario_, 1}} {}
  ~Pair() {
    for (Side& side : sides_) {
      side.session.release();
      side.world.pool.keep_back(0);
      give_back_shortage(side);
      side.world.check_whole();
    }
  }

  // Runs until all has arrived and both are idle; fails the test after `limit`.
  void run(Duration limit = Duration::seconds(3600)) {
    const Instant end = now_ + limit;
    while (!finished()) {
      if (now_ > end) {
        const Stats a = sides_[0].session.stats();
        const Stats b = sides_[1].session.stats();
        FAIL("seed " << scenario_.seed << " did not finish: received " << sides_[0].received << " and "
                     << sides_[1].received << ", in flight " << a.in_flight << " and " << b.in_flight << ", unsent "
                     << a.unsent << " and " << b.unsent << ", proven " << sides_[1].session.proven());
      }
      turn();
      advance();
    }
  }
  // Runs until a moment, whatever has arrived by then.
  void run_until(Instant end) {
    while (now_ < end && !finished()) {
      turn();
      advance();
    }
  }
  Side& side(int index) { return sides_[index]; }
  Instant now() const { return now_; }

 private:
  bool finished() const {
    return std::ranges::all_of(sides_, [](const Side& side) { return side.complete() && side.session.idle(); }) &&
           wire_[0].empty() && wire_[1].empty();
  }
  void turn() {
    for (int to = 0; to < 2; ++to) {
      Side& side = sides_[to];
      if (scenario_.shortages) change_shortage(side);
      deliver(to);
      if (now_ >= side.session.next_deadline()) side.session.on_timeout(now_);
      side.check_events();
      if (!scenario_.lazy_service || rng_.below(3) == 0) side.receive(rng_);
      // The side that was called speaks when it was spoken to.
      if (to == 0 || side.session.receivable() || side.received > 0 || side.session.proven())
        side.send_messages(now_, rng_);
      transmit(to);
      if (side.session.holds_undelivered()) side.session.keep(rng_.below(2) == 0);
    }
  }
  void deliver(int to) {
    auto& wire = wire_[1 - to];
    while (!wire.empty() && wire.begin()->first <= now_.count_us()) {
      const Bytes bytes = std::move(wire.begin()->second);
      wire.erase(wire.begin());
      Side& side = sides_[to];
      side.credit += static_cast<std::int64_t>(bytes.size());
      Block* block = side.world.pool.allocate();
      if (block == nullptr) continue;
      std::ranges::copy(bytes, block->data);
      const Refusal refusal =
          side.session.on_datagram(Segment::adopt(block, 0, static_cast<std::uint32_t>(bytes.size())), now_);
      const bool short_of_memory = scenario_.shortages && refusal == Refusal::no_memory;
      if (refusal != Refusal::none && refusal != Refusal::beyond_window && !short_of_memory) {
        FAIL("seed " << scenario_.seed << " refused " << name_of(refusal));
      }
    }
  }
  void transmit(int from) {
    Side& side = sides_[from];
    for (;;) {
      const bool limited = !side.session.proven();
      const std::uint32_t room = limited ? static_cast<std::uint32_t>(std::min<std::int64_t>(side.credit, 9000)) : 9000;
      Block* head = side.world.pool.allocate();
      if (head == nullptr) return;
      OutDatagram out(head, 128, room, scenario_.copy_break);
      if (!side.session.poll_transmit(out, now_)) return;
      Bytes bytes = flat(out);
      REQUIRE(bytes.size() <= std::min<std::size_t>(room, scenario_.options[from].mtu));
      side.credit -= static_cast<std::int64_t>(bytes.size());
      put_on_wire(from, bytes);
    }
  }
  void put_on_wire(int from, const Bytes& bytes) {
    const int copies = 1 + rng_.chance_ppm(scenario_.link.duplicate_ppm);
    for (int copy = 0; copy < copies; ++copy) {
      if (rng_.chance_ppm(scenario_.link.loss_ppm)) continue;
      if (in_pulse()) continue;
      const std::int64_t jitter = rng_.between(0, scenario_.link.jitter_us);
      wire_[from].emplace(now_.count_us() + scenario_.link.delay_us + jitter, bytes);
    }
  }
  bool in_pulse() const {
    const LinkModel& link = scenario_.link;
    const std::int64_t since = now_.count_us() - link.pulse_begin_us;
    return link.pulse_every_us > 0 && since >= 0 && since % link.pulse_every_us < link.pulse_us;
  }
  void advance() {
    Instant next = Instant::never();
    for (int i = 0; i < 2; ++i) {
      if (!wire_[i].empty()) next = earlier(next, Instant::at_us(wire_[i].begin()->first));
      next = earlier(next, sides_[i].session.next_deadline());
    }
    // A service that is slow, and a shortage, end on their own.
    const bool scarce = scenario_.shortages && now_ < Instant::at_us(21'000'000);
    if (scenario_.lazy_service || scarce || next.is_never()) next = earlier(next, now_ + Duration::ms(3));
    now_ = later(next, now_ + Duration::us(1));
  }
  void change_shortage(Side& side) {
    if (rng_.below(8) != 0) return;
    const bool over = now_ > Instant::at_us(20'000'000);
    side.world.pool.keep_back(!over && rng_.below(3) == 0 ? side.world.pool.capacity() : 0);
    give_back_shortage(side);
    auto& held = held_[&side == &sides_[1]];
    if (over || rng_.below(3) != 0) return;
    while (void* block = side.world.memory.take(256)) held.memory.push_back(block);
    for (std::uint64_t i = rng_.below(800); i > 0; --i) held.blocks.push_back(side.world.blocks.allocate(1));
  }
  void give_back_shortage(Side& side) {
    auto& held = held_[&side == &sides_[1]];
    for (void* block : held.memory) side.world.memory.give(block, 256);
    held.memory.clear();
    held.blocks.clear();
  }

  struct Held {
    std::vector<void*> memory;
    std::vector<Segment> blocks;
  };
  const Scenario scenario_;  // before the sides, which refer to it
  Rng rng_;
  Instant now_ = Instant::at_us(1'000);
  Side sides_[2];
  Held held_[2];
  std::multimap<std::int64_t, Bytes> wire_[2];  // by sender: what is on its way, by time of arrival
};

}  // namespace penstock::kcp::test
