#include "control/telemetry.hpp"

#include <fmt/format.h>
#include <rte_eal.h>
#include <rte_lcore.h>
#include <rte_telemetry.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <mutex>
#include <type_traits>

#include "base/assert.hpp"

namespace penstock::control {

namespace {

// Guards `serving`, and by being held during a command keeps what it points to alive.
std::mutex serving_mutex;
Commands* serving = nullptr;

struct FreeData {
  void operator()(rte_tel_data* data) const { rte_tel_data_free(data); }
};
using TelData = std::unique_ptr<rte_tel_data, FreeData>;

int add_one(rte_tel_data* array, std::uint64_t value) { return rte_tel_data_add_array_u64(array, value); }
int add_one(rte_tel_data* array, const std::string& value) {
  return rte_tel_data_add_array_string(array, value.c_str());
}

template <class T>
int add(rte_tel_data* dict, const char* name, const std::vector<T>& values) {
  TelData array(rte_tel_data_alloc());
  if (array == nullptr) return -ENOMEM;
  constexpr auto type = std::is_same_v<T, std::string> ? RTE_TEL_STRING_VAL : RTE_TEL_U64_VAL;
  if (const int failed = rte_tel_data_start_array(array.get(), type)) return failed;
  for (const T& value : values) {
    if (const int failed = add_one(array.get(), value)) return failed;
  }
  const int failed = rte_tel_data_add_dict_container(dict, name, array.get(), 0);
  if (failed == 0) static_cast<void>(array.release());  // DPDK frees it with the reply
  return failed;
}
int add(rte_tel_data* dict, const char* name, std::uint64_t value) {
  return rte_tel_data_add_dict_u64(dict, name, value);
}
int add(rte_tel_data* dict, const char* name, const std::string& value) {
  return rte_tel_data_add_dict_string(dict, name, value.c_str());
}

int write(const Reply& reply, rte_tel_data* data) {
  if (const int failed = rte_tel_data_start_dict(data)) return failed;
  for (const Reply::Entry& entry : reply.entries()) {
    const int failed = std::visit([&](const auto& value) { return add(data, entry.name.c_str(), value); }, entry.value);
    if (failed != 0) return failed;
  }
  return 0;
}

// DPDK calls it in a thread of the client that asked; `parameters` is nullptr when there are none.
int on_command(const char* command, const char* parameters, rte_tel_data* data) {
  const std::scoped_lock lock(serving_mutex);
  const Reply reply =
      serving == nullptr ? Reply::error("stopping") : serving->run(command, parameters == nullptr ? "" : parameters);
  return write(reply, data);
}

std::expected<void, std::string> register_commands() {
  for (const CommandName& command : command_names) {
    if (const int failed = rte_telemetry_register_cmd(command.name, on_command, command.help))
      return std::unexpected(
          fmt::format("telemetry: DPDK refused the command {}: {}", command.name, std::strerror(-failed)));
  }
  return {};
}

void* run_socket(void* socket) {
  static_cast<StatsSocket*>(socket)->run();
  return nullptr;
}

}  // namespace

std::expected<std::unique_ptr<Telemetry>, std::string> Telemetry::start(NodeInfo info,
                                                                        std::span<const WorkerView> workers,
                                                                        Admin::Log log) {
  std::unique_ptr<Telemetry> telemetry(new Telemetry(std::move(info), workers, std::move(log)));
  {
    const std::scoped_lock lock(serving_mutex);
    PENSTOCK_ASSERT(serving == nullptr);
    serving = &telemetry->commands_;
  }
  // What was registered before stays so; a second object in one process finds its commands there.
  static bool registered = false;
  if (!registered) {
    if (auto done = register_commands(); !done) return std::unexpected(done.error());
    registered = true;
  }
  if (auto done = telemetry->serve_sockets(); !done) return std::unexpected(done.error());
  return telemetry;
}

std::expected<void, std::string> Telemetry::serve_sockets() {
  const std::string folder = rte_eal_get_runtime_dir();
  const std::string path = folder + "/dpdk_telemetry.v2";
  if (access(path.c_str(), F_OK) != 0) return {};
  auto relay = TelemetryRelay::take_over(path);
  if (!relay) return std::unexpected(relay.error());
  relay_ = std::move(*relay);
  const auto ask = [this](std::string_view command, const StatsSocket::Peer&) { return relay_->exchange(command); };
  auto stats = StatsSocket::open(path, relay_->greeting(), ask, {});
  if (!stats) return std::unexpected(stats.error());
  stats_socket_.socket = std::move(*stats);
  const auto carry_out = [this](std::string_view command, const StatsSocket::Peer& peer) {
    return admin_.exchange(command, peer);
  };
  StatsSocket::Limits limits;
  limits.name = "admin";
  limits.mode = S_IRUSR | S_IWUSR;
  limits.clients = 8;
  limits.command_bytes = 1000;
  const std::string greeting = fmt::format(R"({{"version":"penstock {}","pid":{},"max_output_len":{}}})", version_,
                                           getpid(), Reply::json_bytes_max);
  auto admin = StatsSocket::open(fmt::format("{}/{}", folder, admin_name), greeting, carry_out, limits);
  if (!admin) return std::unexpected(admin.error());
  admin_socket_.socket = std::move(*admin);
  if (auto started = stats_socket_.start("penstock-stats"); !started) return started;
  return admin_socket_.start("penstock-admin");
}

std::expected<void, std::string> Telemetry::Served::start(const char* thread_name) {
  // A control thread of EAL's, which keeps off the workers' CPUs where there are others.
  pthread_t made{};
  if (const int failed = rte_ctrl_thread_create(&made, thread_name, nullptr, run_socket, socket.get())) {
    return std::unexpected(fmt::format("telemetry: no thread for the socket: {}", std::strerror(-failed)));
  }
  thread = made;
  return {};
}

Telemetry::Served::~Served() {
  if (!thread) return;
  socket->stop();
  pthread_join(*thread, nullptr);
}

Telemetry::~Telemetry() {
  {
    const std::scoped_lock lock(serving_mutex);
    serving = nullptr;
  }
}

}  // namespace penstock::control
