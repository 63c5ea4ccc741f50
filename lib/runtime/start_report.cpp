#include "runtime/start_report.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace penstock::runtime {

namespace {

using Sentences = std::vector<std::string>;

std::string_view told(nic::KernelUse use) {
  switch (use) {
    case nic::KernelUse::none: return "none";
    case nic::KernelUse::wakes_peer: return "none while the peer polls, one to wake it while it sleeps";
    case nic::KernelUse::every_burst: break;
  }
  return "yes, by its driver";
}

std::string_view yes_or_no(bool yes) { return yes ? "yes" : "no"; }

std::string joined(const std::vector<std::string>& parts, std::string_view between) {
  std::string text;
  for (const std::string& part : parts) text.append(text.empty() ? "" : between).append(part);
  return text;
}

std::string listed(const std::vector<std::string>& names) { return names.empty() ? "none" : joined(names, " "); }

void add_port(Sentences& say, const nic::DpdkPort& port, bool shared) {
  const nic::PortReport& r = port.report();
  say.push_back(fmt::format(
      "port {}: driver {}, MAC {}, NUMA node {}, {} of {} queues, {}/{} descriptors, MTU {}, link {}", r.device,
      r.driver, net::to_string(port.info().mac), r.numa_node < 0 ? "unknown" : std::to_string(r.numa_node), r.queues,
      r.queues_max, r.rx_descriptors, r.tx_descriptors, r.mtu, port.link_up() ? "up" : "down"));
  say.push_back(fmt::format("port {}: checksums by the port: receive IPv4 {} UDP {}, send IPv4 {} UDP {}; RSS {}",
                            r.device, yes_or_no(r.rx_ip_checksum), yes_or_no(r.rx_udp_checksum),
                            yes_or_no(r.tx_ip_checksum), yes_or_no(r.tx_udp_checksum), yes_or_no(r.rss)));
  say.push_back(fmt::format(
      "port {}: offloads in use: receive {}, send {}; offered and left alone: receive {}, send {}", r.device,
      listed(r.rx_offloads), listed(r.tx_offloads), listed(r.rx_offloads_unused), listed(r.tx_offloads_unused)));
  say.push_back(fmt::format("port {}: system calls to receive and to send: {}", r.device, told(r.kernel_use)));
  for (const std::string& note : r.notes) say.push_back(fmt::format("port {}: {}", r.device, note));
  if (shared && !r.rss) {
    say.push_back(
        fmt::format("port {}: does not say how it steers; flows that reach another worker than their owner are handed "
                    "over (steered_wrong)",
                    r.device));
  }
}

void add_interface(Sentences& say, const net::InterfaceConfig& interface, const std::string& port) {
  std::string tags;
  for (std::uint16_t i = 0; i < interface.tags.count; ++i) tags += fmt::format(" VLAN {}", interface.tags.vlan[i]);
  for (const net::Prefix& address : interface.addresses) {
    say.push_back(fmt::format("address {} on {}{}", net::to_string(address), port, tags));
  }
  for (const net::Prefix& prefix : interface.local_prefixes) {
    say.push_back(fmt::format("local prefix {} on {}{}", net::to_string(prefix), port, tags));
  }
}

std::string workers_line(const control::Config& config, const Plan& plan, std::span<const nic::Lcore> lcores) {
  const Capacity sum = capacity_of(plan.node, plan.buffers);
  std::string cores;
  for (const nic::Lcore& lcore : lcores) {
    cores += fmt::format("{}{} (node {})", cores.empty() ? "" : ", ", lcore.id, lcore.numa_node);
  }
  return fmt::format("{} worker{} on lcore{} {}, polling {}, {} sessions each, {:.1f} MiB in all", lcores.size(),
                     lcores.size() == 1 ? "" : "s", lcores.size() == 1 ? "" : "s", cores,
                     config.workers.poll == control::Poll::busy ? "all the time" : "while there is work",
                     plan.node.sessions_max, static_cast<double>(sum.node_bytes) / (1 << 20));
}

}  // namespace

std::string numa_warning(const nic::PortReport& port, std::span<const nic::Lcore> lcores) {
  if (port.numa_node < 0) return "";
  std::vector<std::string> far;
  for (std::size_t i = 0; i < lcores.size(); ++i) {
    if (static_cast<int>(lcores[i].numa_node) == port.numa_node) continue;
    far.push_back(fmt::format("worker {} (lcore {}, node {})", i, lcores[i].id, lcores[i].numa_node));
  }
  if (far.empty()) return "";
  return fmt::format(
      "warning: port {} is on NUMA node {}, and {} {} not: every frame crosses between the nodes; give -l the lcores "
      "of "
      "node {}, which /sys/devices/system/node/node{}/cpulist names",
      port.device, port.numa_node, joined(far, ", "), far.size() == 1 ? "is" : "are", port.numa_node, port.numa_node);
}

std::string challenge_warning(const ListenerConfig& listener) {
  if (listener.challenge) return "";
  return fmt::format(
      "warning: listener {} challenges nobody: whoever forges addresses fills its half-open sessions and shuts "
      "newcomers "
      "out; set challenge = true unless its peers cannot answer",
      listener.name);
}

Sentences start_report(const control::Config& config, const Plan& plan,
                       std::span<const std::unique_ptr<nic::DpdkPort>> ports,
                       std::span<const std::unique_ptr<Seat>> seats) {
  Sentences say;
  std::vector<nic::Lcore> lcores;
  for (const auto& seat : seats) lcores.push_back(seat->lcore());
  for (const auto& port : ports) add_port(say, *port, seats.size() > 1);
  for (const net::InterfaceConfig& interface : plan.node.stack.interfaces) {
    add_interface(say, interface, ports[interface.port]->info().name);
  }
  say.push_back(workers_line(config, plan, lcores));
  for (const nic::EalMemory& memory : nic::eal_memory()) {
    say.push_back(fmt::format("memory of NUMA node {}: {:.1f} MiB of EAL's, {:.1f} MiB in use, pages of {}",
                              memory.numa_node, static_cast<double>(memory.total_bytes) / (1 << 20),
                              static_cast<double>(memory.used_bytes) / (1 << 20), memory.pages));
  }
  for (const auto& port : ports) {
    if (std::string warning = numa_warning(port->report(), lcores); !warning.empty()) say.push_back(std::move(warning));
  }
  for (const ListenerSetup& listener : plan.node.listeners) {
    if (std::string warning = challenge_warning(listener.admission); !warning.empty())
      say.push_back(std::move(warning));
  }
  return say;
}

}  // namespace penstock::runtime
