// Shows that the statistics commands answer over DPDK's own telemetry socket: registered, listed, every kind of value as
// JSON, errors as sentences, and "stopping" once the object is gone. EAL runs in this process, without hugepages.
#define CATCH_CONFIG_RUNNER
#include "control/telemetry.hpp"

#include <fmt/format.h>
#include <rte_eal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <filesystem>

namespace {

using namespace penstock;
using namespace penstock::control;

// One client of the socket: a message out, a message in.
class Client {
 public:
  Client() : fd_(::socket(AF_UNIX, SOCK_SEQPACKET, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = fmt::format("{}/dpdk_telemetry.v2", rte_eal_get_runtime_dir());
    REQUIRE(path.size() < sizeof(address.sun_path));
    path.copy(address.sun_path, path.size());
    REQUIRE(::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
    REQUIRE(receive().find("\"version\"") != std::string::npos);
  }
  ~Client() { ::close(fd_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  std::string ask(const std::string& command) {
    REQUIRE(::send(fd_, command.data(), command.size(), 0) == static_cast<ssize_t>(command.size()));
    return receive();
  }

 private:
  std::string receive() {
    std::string reply(1 << 17, '\0');
    const ssize_t got = ::recv(fd_, reply.data(), reply.size(), 0);
    REQUIRE(got > 0);
    reply.resize(static_cast<std::size_t>(got));
    return reply;
  }
  int fd_;
};

NodeInfo one_worker_info() {
  NodeInfo info;
  info.version = "1.2.3";
  info.ports = {{.name = "net_null0", .driver = "net_null", .health = {}},
                {.name = "net_\"odd\"\n", .driver = "", .health = {}}};
  info.listeners = {"echo"};
  info.workers = 1;
  return info;
}

bool holds(const std::string& text, std::string_view part) {
  INFO(text);
  CHECK(text.find(part) != std::string::npos);
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("the socket tells what the worker published") {
  auto published = std::make_unique<Published<StatsSnapshot>>();
  auto mailbox = std::make_unique<Mailbox>();
  auto snapshot = std::make_unique<StatsSnapshot>();
  snapshot->worker.rx_packets = 18'446'744'073'709'551'615u;
  snapshot->drops.fill(7);
  for (std::uint32_t i = 0; i < Histogram::bucket_count; ++i) {
    snapshot->histograms[0].record(Histogram::upper_end(i));
  }
  published->publish(*snapshot);
  const std::array views = {WorkerView{published.get(), mailbox.get()}};
  auto telemetry = Telemetry::start(one_worker_info(), views, [](const std::string&) {});
  REQUIRE(telemetry);

  Client client;
  const std::string list = client.ask("/");
  for (const CommandName& command : command_names) holds(list, fmt::format("\"{}\"", command.name));
  holds(client.ask("/help,/penstock/histogram"), "rtt_us");
  holds(client.ask("/penstock/info"), "{\"/penstock/info\":{\"version\":\"1.2.3\"");
  holds(client.ask("/penstock/info"), "\"ports\":[\"net_null0\",\"net_?odd??\"]");
  holds(client.ask("/penstock/worker,0"), "\"rx_packets\":18446744073709551615,");
  holds(client.ask("/penstock/drops"), "\"udp_bad_checksum\":7,");
  holds(client.ask("/penstock/listener,0"), "\"name\":\"echo\"");
  const std::string histogram = client.ask("/penstock/histogram,0,rtt_us");
  holds(histogram, "\"count\":592,");
  holds(histogram, "\"counts\":[");
  CHECK(histogram.ends_with("]}}"));

  holds(client.ask("/penstock/worker"), "{\"error\":\"missing parameter, see /help\"}");
  holds(client.ask("/penstock/worker,1"), "\"error\":\"worker is out of range, below 1 expected\"");
  holds(client.ask("/penstock/worker,0,0"), "\"error\":\"too many parameters");
  holds(client.ask("/penstock/worker,,"), "\"error\":");
  // Nobody serves the mailbox.
  holds(client.ask("/penstock/sessions,0,0"), "\"error\":\"busy: ");

  // DPDK's own commands come through, and more than its ten clients have a place.
  holds(client.ask("/eal/params"), "telemetry_test");
  std::vector<std::unique_ptr<Client>> crowd;
  for (int i = 0; i < 30; ++i) crowd.push_back(std::make_unique<Client>());
  for (const auto& one : crowd) holds(one->ask("/penstock/listener,0"), "\"name\":\"echo\"");

  telemetry->reset();
  // DPDK's socket is at its place again.
  Client between;
  holds(between.ask("/penstock/worker,0"), "{\"/penstock/worker\":{\"error\":\"stopping\"}}");

  // A second node of the same process finds the commands registered.
  auto again = Telemetry::start(one_worker_info(), views, [](const std::string&) {});
  REQUIRE(again);
  Client late;
  holds(late.ask("/penstock/info"), "\"version\":\"1.2.3\"");
}

int main(int argc, char** argv) {
  std::string prefix = fmt::format("--file-prefix=telemetry_test_{}", ::getpid());
  std::array<std::string, 8> words = {"telemetry_test", prefix, "--no-huge", "--no-pci",
                                      "--no-shconf",    "-m64", "-l0",       "--log-level=4"};
  std::vector<char*> eal_argv;
  for (std::string& word : words) eal_argv.push_back(word.data());
  if (rte_eal_init(static_cast<int>(eal_argv.size()), eal_argv.data()) < 0) return 1;
  const std::filesystem::path runtime_dir = rte_eal_get_runtime_dir();
  const int failed = Catch::Session().run(argc, argv);
  rte_eal_cleanup();
  std::filesystem::remove_all(runtime_dir);  // EAL leaves it behind
  return failed;
}
