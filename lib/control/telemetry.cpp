#include "control/telemetry.hpp"

#include <fmt/format.h>
#include <rte_telemetry.h>

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

}  // namespace

std::expected<std::unique_ptr<Telemetry>, std::string> Telemetry::start(NodeInfo info,
                                                                        std::span<const WorkerView> workers) {
  std::unique_ptr<Telemetry> telemetry(new Telemetry(std::move(info), workers));
  {
    const std::scoped_lock lock(serving_mutex);
    PENSTOCK_ASSERT(serving == nullptr);
    serving = &telemetry->commands_;
  }
  // What was registered before stays so; a second object in one process finds its commands there.
  static bool registered = false;
  if (registered) return telemetry;
  for (const CommandName& command : command_names) {
    if (const int failed = rte_telemetry_register_cmd(command.name, on_command, command.help))
      return std::unexpected(
          fmt::format("telemetry: DPDK refused the command {}: {}", command.name, std::strerror(-failed)));
  }
  registered = true;
  return telemetry;
}

Telemetry::~Telemetry() {
  const std::scoped_lock lock(serving_mutex);
  serving = nullptr;
}

}  // namespace penstock::control
