// Shown: what the two do differently by themselves, without anybody's ill will.
#include "diff/shown.hpp"
#include "diff/stand.hpp"

namespace penstock::diff {

namespace {

// ikcp's round trip ends at the last update before the ACK came, ours when it came.
std::string clock_of_the_last_update(const Bench& bench) {
  Stand stand(bench.memory);
  stand.send("x");
  stand.ours_sends(0);
  stand.ikcp_sends(0);
  // ikcp's clock stands at its last update.
  const Bytes ack = datagram({{.command = Command::ack, .sn = 0, .ts = 0, .una = 1}});
  stand.ikcp.input(ack);
  stand.ours.take(ack, Instant::at_us(30'250));
  const std::uint32_t ours_us = stand.ours.session.stats().srtt_us;
  require(stand.ikcp.look().srtt == 0 && ours_us == 30'250, "another round trip than expected");
  bench.ledger.count(Divergence::rtt_clock);
  return "after 30.25 ms ikcp measured 0 ms, ours 30.25";
}

std::string transmission_in_between(const Bench& bench) {
  Stand stand(bench.memory);
  stand.send("x");
  std::vector<std::uint32_t> stamps;
  for (std::int64_t ms = 0; stamps.size() < 6; ++ms) {
    require(ms < 100'000, "no six transmissions");
    stand.ikcp_sends(ms);
    for (const Header& header : stand.ours_sends(ms)) stamps.push_back(header.stamp.raw());
  }
  const std::int64_t ms = stamps.back() + 1;
  stand.hear(datagram({{.command = Command::ack, .sn = 0, .ts = stamps[1]}}), ms);
  require(stand.ours.session.stats().in_flight == 1 && stand.ikcp.look().in_flight_kept == 0, "both did the same");
  bench.ledger.count(Divergence::ack_remembered);
  return "the second of six transmissions: ikcp takes its ACK, ours does not";
}

// The gaps between the transmissions of a segment that nobody acknowledges, in ms.
std::string an_hour_at_most(const Bench& bench) {
  kcp::Options options = plain_options();
  options.nodelay = 0;
  Stand stand(bench.memory, options);
  stand.send("x");
  stand.ours_sends(0);
  stand.ikcp_sends(0);
  std::int64_t ours_ms = 0, ikcp_ms = 0, ours_gap = 0, ikcp_gap = 0;
  for (int i = 0; i < 18; ++i) {
    const Instant due = stand.ours.session.next_deadline();
    require(stand.ours.turn(due).size() == 1, "ours sends nothing at its deadline");
    ours_gap = due.count_ms() - ours_ms;
    ours_ms = due.count_ms();
    const std::int64_t next = stand.ikcp.look().resend_at_min;
    require(stand.ikcp_sends(next).size() == 1, "ikcp sends nothing at its deadline");
    ikcp_gap = next - ikcp_ms;
    ikcp_ms = next;
  }
  require(ours_gap == 3'600'000 && ikcp_gap > 2 * ours_gap, fmt::format("gaps of {} and {} ms", ours_gap, ikcp_gap));
  bench.ledger.count(Divergence::rto_ceiling);
  return fmt::format("the 18th timeout is {} s of ours, {} s of ikcp", ours_gap / 1000, ikcp_gap / 1000);
}

std::string often_in_vain(const Bench& bench) {
  kcp::Options options = plain_options();
  options.dead_link = 3;
  Stand stand(bench.memory, options);
  stand.send("x");
  std::uint64_t mine = 0, theirs = 0;
  std::optional<CloseReason> end;
  for (std::int64_t ms = 0; ms < 5000; ++ms) {
    if (!end) {
      // Not turn(), which takes an end for a fault.
      Instant now = Stand::at(ms);
      if (now >= stand.ours.session.next_deadline()) stand.ours.session.on_timeout(now);
      OutDatagram out(bench.memory.pool.allocate(), Memory::headroom, options.mtu, Memory::block_bytes);
      mine += stand.ours.session.poll_transmit(out, now);
      end = end_of(stand.ours.session);
    }
    theirs += Stand::count(stand.ikcp_sends(ms), Command::push);
  }
  require(end == CloseReason::dead_link && mine == 3, fmt::format("ours sent {} times and did not end", mine));
  require(stand.ikcp.look().dead == 1 && theirs > 3, "ikcp stopped as well");
  bench.ledger.count(Divergence::dead_link);
  return fmt::format("ours ended after 3 transmissions, ikcp raised a flag and sent {} in 5 s", theirs);
}

std::string window_shut_for_good(const Bench& bench) {
  kcp::Options options = plain_options();
  options.stall_timeout_ms = 20'000;
  Stand stand(bench.memory, options);
  stand.hear(datagram({{.command = Command::wins, .una = 0, .wnd = 0}}), 0);
  // The window told first counts; ours asks only while something waits.
  std::uint64_t asked_idle = 0, theirs_idle = 0;
  for (std::int64_t ms = 0; ms < 30'000; ms += 10) {
    asked_idle += Stand::count(stand.ours_sends(ms), Command::wask);
    theirs_idle += Stand::count(stand.ikcp_sends(ms), Command::wask);
  }
  require(asked_idle == 0 && theirs_idle > 0, "an idle session asks for a window");
  bench.ledger.count(Divergence::window_question, theirs_idle);
  stand.send("x", 30'000);
  std::uint64_t asked = 0;
  std::optional<CloseReason> end;
  for (std::int64_t ms = 30'000; ms <= 60'000 && !end; ms += 10) {
    const Instant now = Stand::at(ms);
    if (now >= stand.ours.session.next_deadline()) stand.ours.session.on_timeout(now);
    OutDatagram out(bench.memory.pool.allocate(), Memory::headroom, options.mtu, Memory::block_bytes);
    asked += stand.ours.session.poll_transmit(out, now);
    end = end_of(stand.ours.session);
    stand.ikcp_sends(ms);
  }
  require(end == CloseReason::stalled && asked > 0, "ours did not end as stalled");
  require(stand.ikcp.look().unsent == 1 && stand.ikcp.look().dead == 0, "ikcp gave up as well");
  bench.ledger.count(Divergence::stall);
  return fmt::format("idle, ikcp asked {} times and ours never; with data, ours asked {} times and ended", theirs_idle,
                     asked);
}

std::string nothing_in_a_stream(const Bench& bench) {
  kcp::Options options = plain_options();
  options.stream = true;
  Stand stand(bench.memory, options);
  stand.hear(datagram({{.sn = 0}, {.sn = 1, .payload = "a"}}), 1);
  require(stand.ikcp.receive() == Bytes() && stand.ikcp.receive() == bytes_of("a"), "ikcp skips nothing");
  require(stand.ours.receive() == bytes_of("a") && !stand.ours.receive(), "ours hands out nothing as something");
  bench.ledger.count(Divergence::empty_segment);
  return "ikcp hands out an empty read, ours does not";
}

std::string lengths_of_messages(const Bench& bench) {
  kcp::Options options = plain_options();
  options.mtu = 50;
  options.snd_wnd = 256;
  const std::string of_200(200 * 26, 'm'), of_100(100 * 26, 'm');
  {
    Stand stand(bench.memory, options);
    stand.hear(datagram({{.command = Command::wins, .wnd = 300}}), 0);
    require(stand.ikcp.send(bytes_of(of_200)) < 0 && stand.ours.send(bytes_of(of_200), Stand::at(0)),
            "200 fragments: both did the same");
    bench.ledger.count(Divergence::message_length);
  }
  Stand stand(bench.memory, options);
  stand.hear(datagram({{.command = Command::wins, .wnd = 40}}), 0);
  require(stand.ikcp.send(bytes_of(of_100)) == 0 &&
              stand.ours.send_cut(bytes_of(of_100), 26, Stand::at(0)) == SendResult::too_large,
          "100 fragments for a window of 40: both did the same");
  bench.ledger.count(Divergence::message_length);
  return "200 fragments: ours only; 100 for a peer that holds 40: ikcp only";
}

std::string borders_of_blocks(const Bench& bench) {
  Stand stand(bench.memory);
  const std::string text(1000, 'b');
  require(stand.ours.send_cut(bytes_of(text), 300, Stand::at(0)) == SendResult::accepted, "not taken");
  require(stand.ikcp.send(bytes_of(text)) == 0, "not taken by ikcp");
  Ikcp peer(conv, plain_options());
  peer.flush(0);
  const auto mine = stand.ours.turn(Stand::at(0));
  for (const Bytes& one : mine) peer.input(one);
  const auto theirs = stand.ikcp_sends(0);
  require(Stand::headers(mine).size() == 4 && theirs.size() == 1, "cut otherwise than expected");
  require(peer.receive() == bytes_of(text), "ikcp does not receive the message as it was");
  bench.ledger.count(Divergence::cut_at_blocks);
  return "1,000 bytes in blocks of 300: four segments of ours, one of ikcp; the same message";
}

// A write that does not fit behind the last one: ikcp fills that segment up, ours begins another.
std::string small_writes(const Bench& bench) {
  kcp::Options options = plain_options();
  options.stream = true;
  options.mtu = 124;
  Stand stand(bench.memory, options);
  stand.send(std::string(60, 'a'));
  stand.send(std::string(60, 'b'));
  const auto mine = stand.ours_sends(0), theirs = stand.ikcp_sends(0);
  require(mine.size() == 2 && mine[0].length == 60 && theirs.size() == 2 && theirs[0].length == 100,
          "packed otherwise than expected");
  bench.ledger.count(Divergence::stream_packing);
  return "two writes of 60 B and an mss of 100: 60 + 60 of ours, 100 + 20 of ikcp";
}

std::string full_queue(const Bench& bench) {
  Stand stand(bench.memory);
  std::uint64_t mine = 0, theirs = 0;
  for (int i = 0; i < 1000; ++i) {
    mine += stand.ours.send(bytes_of("x"), Stand::at(0));
    theirs += stand.ikcp.send(bytes_of("x")) == 0;
  }
  require(mine == 256 && theirs == 1000, fmt::format("{} and {} messages taken", mine, theirs));
  bench.ledger.count(Divergence::queue_bounded);
  return "of 1,000 messages at once ours took 256 and tells when more fit, ikcp all";
}

// A closing session delivers what it has, and takes nothing more.
std::string last_words(const Bench& bench) {
  Stand stand(bench.memory);
  stand.send("farewell");
  stand.ours.session.close(CloseReason::service, Stand::at(0));
  const auto mine = stand.ours_sends(0), theirs = stand.ikcp_sends(0);
  require(mine.size() == 1 && theirs.size() == 1 && mine[0].length == 8, "not one segment each");
  require(mine[0].window == 0 && theirs[0].window == 128, "windows otherwise than expected");
  bench.ledger.count(Divergence::closing);
  return "what was queued leaves with a window of 0";
}

}  // namespace

std::vector<Shown> shown_habits() {
  return {{"clock-of-the-last-update", clock_of_the_last_update},
          {"transmission-in-between", transmission_in_between},
          {"an-hour-at-most", an_hour_at_most},
          {"often-in-vain", often_in_vain},
          {"window-shut-for-good", window_shut_for_good},
          {"nothing-in-a-stream", nothing_in_a_stream},
          {"lengths-of-messages", lengths_of_messages},
          {"borders-of-blocks", borders_of_blocks},
          {"small-writes", small_writes},
          {"full-queue", full_queue},
          {"last-words", last_words}};
}

}  // namespace penstock::diff
