// ikcp-echo: the rival's server and its load, two processes over loopback: `ikcp-echo server`, `ikcp-echo client`.
#include <fmt/format.h>
#include <sched.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>

#include "bench/part.hpp"
#include "bench/rivals/ikcp_server.hpp"
#include "bench/rivals/udp_echo_client.hpp"

namespace {

using namespace penstock::bench;

volatile std::sig_atomic_t stop = 0;
void on_signal(int) { stop = 1; }

void stay_on(int cpu) {
  if (cpu < 0) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<unsigned>(cpu), &set);
  require(sched_setaffinity(0, sizeof(set), &set) == 0, "there is no such CPU");
}

int serve(std::uint16_t port, bool check, std::size_t quiet_until) {
  IkcpServer server(port, check ? IkcpTimers::check : IkcpTimers::update_all, quiet_until);
  std::signal(SIGTERM, on_signal);
  std::signal(SIGINT, on_signal);
  fmt::print("ready\n");
  std::fflush(stdout);
  server.run(stop);
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  fmt::print(R"({{"sessions":{},"rss_kib":{},"user_s":{}.{:06},"system_s":{}.{:06},"passes":{},"pass_ms":{:.1f}}})"
             "\n",
             server.sessions(), used.ru_maxrss, used.ru_utime.tv_sec, used.ru_utime.tv_usec, used.ru_stime.tv_sec,
             used.ru_stime.tv_usec, server.passes(), server.pass_ms());
  // Freeing a million sessions one by one takes a second that nobody needs.
  std::fflush(stdout);
  std::quick_exit(0);
}

int load(const EchoLoad& asked) {
  UdpEchoClient client(asked);
  const EchoReport report = client.run();
  const auto us = [&](std::uint32_t per_mille) {
    return static_cast<double>(report.rtt_ns.percentile(per_mille)) / 1000;
  };
  const double requests = static_cast<double>(report.requests);
  fmt::print(R"({{"requests":{},"seconds":{:.3f},"rate":{:.0f},"p50_us":{:.1f},"p99_us":{:.1f},"max_us":{:.1f},)"
             R"("server_cpu_s":{:.3f},"waited_s":{:.3f},"datagrams_per_request":{:.3f},"sent_again":{}}})"
             "\n",
             report.requests, report.seconds, requests / report.seconds, us(500), us(990),
             static_cast<double>(report.rtt_ns.max()) / 1000, report.server_cpu_seconds, report.waited_seconds,
             static_cast<double>(report.datagrams) / requests, report.sent_again);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("An echo server with the original KCP over kernel UDP, and its load.");
  EchoLoad asked;
  std::uint16_t port = 0;
  int cpu = -1;
  bool check = false;
  std::size_t quiet_until = 0;
  app.require_subcommand(1);
  app.add_option("--cpu", cpu, "stay on this CPU");
  CLI::App* server = app.add_subcommand("server", "serves until SIGTERM, then tells what it used");
  CLI::App* client = app.add_subcommand("client", "a closed loop of 64 B requests");
  for (CLI::App* one : {server, client}) {
    one->fallthrough();
    one->add_option("--port", port, "UDP port on 127.0.0.1")->required();
  }
  server->add_flag("--check", check, "timers by ikcp_check() instead of ikcp_update() for all");
  server->add_option("--quiet-until", quiet_until, "timers begin when so many sessions are there");
  client->add_option("--sessions", asked.sessions)->check(CLI::PositiveNumber);
  client->add_option("--in-flight", asked.in_flight)->check(CLI::PositiveNumber);
  client->add_option("--warm", asked.warm_seconds, "seconds before the measurement");
  client->add_option("--seconds", asked.seconds);
  client->add_option("--server-pid", asked.server_pid);
  try {
    app.parse(argc, argv);
    asked.port = port;
    stay_on(cpu);
    return *server ? serve(port, check, quiet_until) : load(asked);
  } catch (const CLI::ParseError& error) {
    return error.get_exit_code() == 0 ? app.exit(error) : (fmt::print(stderr, "ikcp-echo: {}\n", error.what()), 2);
  } catch (const BenchError& error) {
    fmt::print(stderr, "ikcp-echo: {}\n", error.what());
    return 1;
  }
}
