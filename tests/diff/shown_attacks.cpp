// Shown: forged and hostile segments, after which ikcp has lost data, stands still or grows, and ours goes on.
#include "diff/shown.hpp"
#include "diff/stand.hpp"

namespace penstock::diff {

namespace {

using kcp::Refusal;

constexpr std::uint32_t messages = 50;

std::string message(std::uint32_t index) { return fmt::format("message {} of the transfer", index); }

// Lets a sender talk with an honest ikcp for so long, over a line without faults; tells how many messages arrived.
std::uint32_t deliver(Machine& sender, IkcpEnd& receiver, std::int64_t from_ms, std::int64_t end_ms,
                      std::int64_t* last_ms = nullptr) {
  std::uint32_t arrived = 0;
  for (std::int64_t ms = from_ms; ms < end_ms && arrived < messages; ++ms) {
    const Instant now = Stand::at(ms);
    for (const Bytes& one : sender.turn(now)) receiver.input(one, now);
    for (const Bytes& one : receiver.turn(now)) sender.input(one, now);
    while (const auto bytes = receiver.receive()) {
      require(*bytes == bytes_of(message(arrived)), "another message arrived");
      ++arrived;
      if (last_ms != nullptr) *last_ms = ms;
    }
  }
  return arrived;
}

// One forged segment of 24 bytes whose una is beyond what was sent: ikcp forgets all that is in flight, and tells nobody.
std::string una_beyond(const Bench& bench) {
  kcp::Options options = plain_options();
  options.snd_wnd = 64;
  const Bytes forged = datagram({{.command = Command::wins, .una = 200}});
  IkcpEnd ikcp(options);
  Ours ours(bench.memory, options, 1, Instant(), start_by_us());
  for (std::uint32_t i = 0; i < messages; ++i) {
    require(ikcp.send(bytes_of(message(i)), Instant()) && ours.send(bytes_of(message(i)), Instant()), "not taken");
  }
  // All are sent once, and lost.
  require(!ikcp.turn(Instant()).empty() && !ours.turn(Instant()).empty(), "nothing was sent");
  require(ikcp.core().look().in_flight_kept == messages, "not all messages are in flight");
  ikcp.input(forged, Stand::at(1));
  require(ours.take(forged, Stand::at(1)) == Refusal::una_ahead, "ours does not refuse una_ahead");
  bench.ledger.count(Divergence::una_ahead);
  IkcpEnd to_ikcp(options), to_ours(options);
  const std::uint32_t from_ikcp = deliver(ikcp, to_ikcp, 2, 119'000);
  const IkcpLook look = ikcp.core().look();
  require(from_ikcp == 0 && look.in_flight_kept == 0 && look.unsent == 0 && look.dead == 0,
          "ikcp did not fall: is it another version?");
  const std::uint32_t from_ours = deliver(ours, to_ours, 2, 119'000);
  require(from_ours == messages, fmt::format("only {} of {} messages arrived from ours", from_ours, messages));
  return fmt::format("ikcp forgot {} messages and reports no error; ours delivered all", messages);
}

// One ACK with a forged ts: ikcp takes a round trip of 24 days, and the next loss costs it a minute.
std::string forged_stamp(const Bench& bench) {
  Stand stand(bench.memory);
  stand.send("first");
  stand.ours_sends(0);
  stand.ikcp_sends(0);
  const Bytes forged = datagram({{.command = Command::ack, .sn = 0, .ts = 0x8000'0002, .una = 0}});
  const kcp::Stats before = stand.ours.session.stats();
  require(stand.hear(forged, 1) == Refusal::none, "the forged ACK was refused as a whole");
  bench.ledger.count(Divergence::forged_ack);
  const kcp::Stats after = stand.ours.session.stats();
  const IkcpLook look = stand.ikcp.look();
  require(look.rto == 60'000, "ikcp did not fall: is it another version?");
  require(after.rto_us == before.rto_us && after.srtt_us == 0, "ours took the forged round trip");
  require(stand.ours.counters().acks_forged == 1 && after.in_flight == 1, "ours took the forged ACK");
  require(look.in_flight_kept == 0, "ikcp did not take the forged ACK");
  // The next message is lost once.
  stand.send("second", 2);
  stand.ours_sends(2);
  stand.ikcp_sends(2);
  std::int64_t ours_ms = 0, ikcp_ms = 0;
  for (std::int64_t ms = 3; ours_ms == 0 || ikcp_ms == 0; ++ms) {
    require(ms < 100'000, "neither sends again");
    if (ours_ms == 0 && !stand.ours_sends(ms).empty()) ours_ms = ms;
    if (ikcp_ms == 0 && !stand.ikcp_sends(ms).empty()) ikcp_ms = ms;
  }
  require(ikcp_ms >= 60'000 && ours_ms < 1000, fmt::format("sent again after {} and {} ms", ours_ms, ikcp_ms));
  return fmt::format("a lost segment is sent again by ours after {} ms, by ikcp after {} ms", ours_ms, ikcp_ms);
}

// A whole window of first fragments: ikcp waits for a message that cannot complete, with its window shut for ever.
std::string impossible_fragments(const Bench& bench) {
  Stand stand(bench.memory);
  std::uint64_t refused = 0;
  for (std::uint32_t sn = 0; sn < 128; ++sn) {
    refused += stand.hear(datagram({{.sn = sn, .frg = 200, .payload = "x"}}), 1) == Refusal::bad_fragment;
  }
  bench.ledger.count(Divergence::fragment_checked, refused);
  require(refused == 128, "ours took an impossible fragment");
  const IkcpLook look = stand.ikcp.look();
  require(look.rcv_queue == 128 && !stand.ikcp.receive(), "ikcp did not fall: is it another version?");
  require(stand.ours.session.stats().receive_window == 128, "our window is not open");
  return "ikcp's window is shut for good; ours is open";
}

// A bad second segment: ikcp has applied the first by then.
std::string bad_second_segment(const Bench& bench) {
  Stand stand(bench.memory);
  const Bytes mixed = datagram({{.sn = 0, .payload = "good"}, {.command = static_cast<Command>(99)}});
  require(stand.hear(mixed, 1) == Refusal::bad_command, "ours did not refuse the datagram");
  bench.ledger.count(Divergence::whole_datagram);
  require(stand.ikcp.receive() == bytes_of("good") && !stand.ours.receive(), "both did the same");
  return "ikcp delivered the part before the bad segment; ours nothing";
}

// Nobody reads, and the peer goes on beyond the window that it was told.
std::string beyond_the_window(const Bench& bench) {
  Stand stand(bench.memory);
  for (std::uint32_t sn = 0; sn < 400; ++sn) {
    const Refusal refusal = stand.hear(datagram({{.sn = sn, .payload = "x"}}), 1);
    if (refusal == Refusal::beyond_window && sn < 256) bench.ledger.count(Divergence::window_accepted);
    stand.ours.turn(Stand::at(1));
  }
  const IkcpLook look = stand.ikcp.look();
  require(look.rcv_queue + look.rcv_buffer == 256, "ikcp does not hold twice its window");
  require(stand.ours.session.stats().undelivered == 128, "ours holds more than its window");
  return "ikcp holds 256 segments in a window of 128; ours 128";
}

std::string flood_of_duplicates(const Bench& bench) {
  Stand stand(bench.memory);
  constexpr std::uint32_t copies = 5000;
  for (std::uint32_t i = 0; i < copies; ++i) stand.hear(datagram({{.sn = 0, .ts = i, .payload = "x"}}), 1);
  const IkcpLook look = stand.ikcp.look();
  require(look.ack_count == copies && look.ack_capacity >= copies, "ikcp bounds its list of ACKs");
  const std::uint64_t acks = Stand::count(stand.ours_sends(1), Command::ack);
  require(acks == 512, fmt::format("ours owed {} ACKs", acks));
  bench.ledger.count(Divergence::ack_list_bounded, stand.ours.counters().acks_left_out);
  return fmt::format("{} duplicates: ikcp owes as many ACKs, ours {}", copies, acks);
}

std::string same_ack_twice(const Bench& bench) {
  Stand stand(bench.memory);
  for (int i = 0; i < 3; ++i) stand.hear(datagram({{.sn = 0, .ts = 7, .payload = "x"}}), 1);
  const std::uint64_t mine = Stand::count(stand.ours_sends(1), Command::ack);
  const std::uint64_t theirs = Stand::count(stand.ikcp_sends(1), Command::ack);
  require(mine == 1 && theirs == 3, fmt::format("{} ACKs of ours, {} of ikcp", mine, theirs));
  bench.ledger.count(Divergence::ack_once, 2);
  return "one datagram three times: one ACK of ours, three of ikcp";
}

// Before the peer has proven that it receives, ours acknowledges nothing; it asks.
std::string stranger(const Bench& bench) {
  Stand stand(bench.memory, plain_options(), kcp::Opening::by_peer);
  stand.hear(datagram({{.sn = 0, .ts = 5, .payload = "hello"}}), 1);
  const auto mine = stand.ours_sends(1);
  const auto theirs = stand.ikcp_sends(1);
  require(Stand::count(theirs, Command::ack) == 1, "ikcp does not acknowledge");
  require(mine.size() == 1 && mine[0].command == Command::push && mine[0].length == 0 && mine[0].una == Seq32(0),
          "ours does not send one ping that acknowledges nothing");
  bench.ledger.count(Divergence::proof);
  // An ikcp answers the ping, and delivers nothing of it.
  Ikcp peer(conv, plain_options());
  peer.flush(1);
  peer.input(datagram({{.sn = mine[0].sn.raw(), .ts = mine[0].stamp.raw()}}));
  require(!peer.receive(), "ikcp delivers a ping");
  peer.flush(2);
  const auto answers = peer.take();
  require(answers.size() == 1, "ikcp does not answer a ping");
  stand.ours.take(answers[0], Stand::at(3));
  require(stand.ours.session.proven(), "the answer proves nothing");
  require(Stand::count(stand.ours_sends(3), Command::ack) == 1, "ours does not acknowledge a proven peer");
  return "ikcp acknowledges a stranger; ours pings, an ikcp answers, and then ours acknowledges";
}

}  // namespace

std::vector<Shown> shown_attacks() {
  return {{"F1-una-beyond-what-was-sent", una_beyond},
          {"F2-forged-stamp", forged_stamp},
          {"impossible-fragments", impossible_fragments},
          {"bad-second-segment", bad_second_segment},
          {"beyond-the-window", beyond_the_window},
          {"flood-of-duplicates", flood_of_duplicates},
          {"same-ack-twice", same_ack_twice},
          {"stranger", stranger}};
}

}  // namespace penstock::diff
