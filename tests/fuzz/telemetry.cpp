// Fuzzes the statistics commands: a line `command,parameters` is answered from the snapshots and mailboxes of two workers.
//
// The bytes behind the line's end are what a worker answers with, so that reports are made of any numbers. The worker is
// played by nanosleep(), which is what the one who asks does while there is no answer.
#include <time.h>

#include <cstring>
#include <memory>
#include <string_view>

#include "claim.hpp"
#include "control/commands.hpp"
#include "feed.hpp"

using namespace penstock;
using namespace penstock::control;
using penstock::fuzz::Feed;

namespace {

struct Node {
  Node() {
    NodeInfo info;
    info.version = "1.2.3";
    info.listeners = {"echo", "sink"};
    info.workers = 2;
    info.ports = {
        {.name = "net_tap0", .driver = "net_tap", .health = [] { return PortHealth{.link_up = true, .mtu = 1400}; }}};
    info.memory.resize(2);
    info.memory[1].add_object("table", info.workers);
    for (std::size_t i = 0; i < 2; ++i) {
      StatsSnapshot snapshot;
      snapshot.worker.rx_packets = 100 + i;
      for (std::uint64_t value = 1; value < 1'000'000'000; value *= 3) snapshot.histograms[0].record(value);
      published[i].publish(snapshot);
      views[i] = {&published[i], &mailboxes[i]};
    }
    commands = std::make_unique<Commands>(std::move(info), views, std::chrono::milliseconds(5));
  }
  // Answers what was asked, out of the input.
  void serve() {
    for (Mailbox& mailbox : mailboxes) {
      for (Command command; mailbox.commands.pop(command);) mailbox.answers.push(answer_to(command));
    }
  }
  Answer answer_to(const Command& command) {
    Answer answer;
    answer.ticket = command.ticket;
    answer.count = feed.u8() % (Answer::sessions_per_page + 1);
    answer.more = feed.u8() % 2;
    answer.next_cursor = feed.u32();
    answer.survey = {.ready = feed.u8(), .looked_at = feed.u32(), .took_us = feed.step(), .ended_us = feed.step()};
    for (std::uint32_t i = 0; i < answer.count; ++i) {
      SessionReport& session = answer.sessions[i];
      session.id = command.argument + i;
      session.local = session.remote = {net::IpAddress::v4({10, feed.u8(), 0, 1}), feed.u16()};
      session.conv = feed.u32();
      session.age_us = std::int64_t{feed.step()} << (feed.u8() % 50);
      session.srtt_us = feed.u32();
      session.retransmitted = feed.u32();
    }
    return answer;
  }

  std::array<Published<StatsSnapshot>, 2> published;
  std::array<Mailbox, 2> mailboxes;
  std::array<WorkerView, 2> views;
  std::unique_ptr<Commands> commands;
  Feed feed;
};

// Whose turn it is when the thread that runs an input sleeps.
thread_local Node* asked = nullptr;

void check_reply(const Reply& reply) {
  FUZZ_CLAIM(!reply.entries().empty() && reply.entries().size() <= Reply::entries_max);
  FUZZ_CLAIM(reply.json_bytes() + Reply::frame_bytes <= Reply::json_bytes_max);
  const Reply::Value* error = reply.find("error");
  if (error == nullptr) return;
  FUZZ_CLAIM(reply.entries().size() == 1);
  FUZZ_CLAIM(!std::get<std::string>(*error).empty());
}

}  // namespace

extern "C" int nanosleep(const timespec* wanted, timespec* left) {
  if (asked == nullptr) return clock_nanosleep(CLOCK_MONOTONIC, 0, wanted, left);
  asked->serve();
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Node node;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::string_view line = input.substr(0, input.find('\n'));
  node.feed = Feed({data + std::min(size, line.size() + 1), size - std::min(size, line.size() + 1)});
  // As DPDK cuts it.
  const std::size_t comma = line.find(',');
  asked = &node;
  check_reply(node.commands->run(line.substr(0, comma),
                                 comma == std::string_view::npos ? std::string_view() : line.substr(comma + 1)));
  asked = nullptr;
  return 0;
}
