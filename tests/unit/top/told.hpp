// Told: a penstock made of replies, for the tests of penstock-top: what each command answers, as JSON.
#pragma once

#include <fmt/format.h>

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "top/collector.hpp"
#include "top/reply.hpp"

namespace penstock::top::test {

class Told {
 public:
  // Two workers, two listeners, some traffic; `seconds` after the start.
  explicit Told(unsigned seconds = 0) {
    say("/penstock/info", R"("version":"1.2.3","dpdk":"DPDK 22.11","config":"/etc/p.toml","workers":2,"sessions":30,)"
                          R"("sessions_max":2048,"ports":["net_null0"],"addresses":["10.0.0.1/24"],)"
                          R"("listeners":["echo","bulk"])");
    for (unsigned number = 0; number < 2; ++number) {
      say(fmt::format("/penstock/worker,{}", number),
          fmt::format(
              R"("taken_at_us":{},"cycles_busy":{},"cycles_idle":{},"rx_packets":{},"tx_packets":{},"rx_bytes":{},)"
              R"("tx_bytes":{},"sessions":{},"dropped":{},"dropped_tx":0,"retransmissions":{},"blocks_free":75,)"
              R"("blocks_total":100,"window_bytes_used":1,"window_bytes_total":4,"overload_level":{})",
              1'000'000 * (seconds + 1), 250 * seconds, 750 * seconds, 1000 * seconds * (number + 1), 900 * seconds,
              125'000 * seconds, 12'500 * seconds, 10 + 10 * number, 5 * seconds, 2 * seconds, number));
      for (const char* name : {"rtt_us", "burst_packets", "turn_gap_us"}) {
        say(fmt::format("/penstock/histogram,{},{}", number, name),
            fmt::format(R"("count":{0},"sum":9,"max":900,"p50":7,"upper":[7,1023],"counts":[{0},{1}])", 10 + seconds,
                        seconds));
      }
    }
    say("/penstock/port,0",
        R"("name":"net_null0","driver":"net_null","queues":2,"rss":1,"link_up":1,"link_mbps":10000,)"
        R"("link_changes":4,"mtu":1400,"mtu_configured":1500,"mtu_changes":1,"rx_missed":77,)"
        R"("rx_errors":0,"rx_no_block":5,"tx_errors":0)");
    say("/penstock/drops", fmt::format(R"("udp_bad_checksum":{},"no_route":3,"eth_too_short":0)", 10 * seconds));
    say("/penstock/listener,0", fmt::format(R"("name":"echo","opened":{},"refused":0,"sessions":20,"half_open":1,)"
                                            R"("closed_idle":{},"closed_stopped":{})",
                                            20 + 4 * seconds, seconds, 2 * seconds));
    say("/penstock/listener,1",
        fmt::format(R"("name":"bulk","opened":10,"refused":{},"sessions":10,"half_open":0)", seconds));
    say_top(0, R"("id":[4294967296,4294967297],"conv":[7,8],"listener":[0,1],"segments_per_s":[10,500],)"
               R"("retransmitted_per_s":[3,0],"srtt_us":[90000,20],"in_flight":[1,2],"retransmitted":[40,0],)"
               R"("silent_us":[5,6],"age_us":[1000,2000])");
    say_top(1, R"("id":[72057598332895232],"conv":[9],"listener":[0],"segments_per_s":[70],"retransmitted_per_s":[1],)"
               R"("srtt_us":[3000],"in_flight":[0],"retransmitted":[1],"silent_us":[0],"age_us":[3000])");
    const std::string session =
        fmt::format(R"("id":4294967296,"conv":7,"age_us":{},"segments_sent":{},"srtt_us":90000,"cwnd":4294967295)",
                    1'000'000 * (seconds + 1), 50 * seconds);
    say("/penstock/session,4294967296", session);
    say("/penstock/session,4294967296,addresses", session + R"(,"remote":"10.0.0.7:1","local":"10.0.0.1:9")");
  }

  // What stands between the braces of the command's answer.
  void say(const std::string& command, std::string_view inner) {
    answers[command] = fmt::format("{{\"{}\":{{{}}}}}", std::string_view(command).substr(0, command.find(',')), inner);
  }
  Ask ask() {
    return [this](std::string_view command) -> std::expected<Reply, Fault> {
      asked.emplace_back(command);
      const auto answer = answers.find(std::string(command));
      if (answer != answers.end()) return read_reply(command, answer->second);
      return read_reply(command, fmt::format("{{\"{}\":null}}", command.substr(0, command.find(','))));
    };
  }
  Sample sample(const Wish& wish = {}) {
    auto taken = collect(ask(), wish);
    return taken.value();
  }

  std::map<std::string, std::string> answers;
  std::vector<std::string> asked;

 private:
  void say_top(unsigned worker, std::string_view columns) {
    for (const char* by : by_names) {
      say(fmt::format("/penstock/top,{},{}", worker, by),
          fmt::format(R"("ready":1,"looked_at":{},"took_us":20000,"ended_us":{},{})", 10 + worker, 100 + worker,
                      columns));
      say(fmt::format("/penstock/top,{},{},addresses", worker, by),
          fmt::format(R"("ready":1,"looked_at":10,"took_us":20000,"ended_us":100,{},"remote":[{}])", columns,
                      worker == 0 ? R"("10.0.0.7:1","10.0.0.8:2")" : R"("[fd00::9]:3")"));
    }
  }
};

}  // namespace penstock::top::test
