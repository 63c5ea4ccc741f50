// The half of FrameSpec that compares what left with what a line expects.
#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "packets/frame_spec.hpp"

namespace penstock::packets {

namespace {

using View = std::span<const std::uint8_t>;

constexpr std::size_t kcp_header = 24;
constexpr std::array commands = {"push", "ack", "wask", "wins"};
constexpr std::uint32_t command_first = 81;
constexpr std::uint32_t conv_default = 7;

std::uint16_t get16(View b, std::size_t at) { return static_cast<std::uint16_t>(b[at] << 8 | b[at + 1]); }
std::uint32_t get32_little(View b, std::size_t at) {
  return static_cast<std::uint32_t>(b[at]) | static_cast<std::uint32_t>(b[at + 1]) << 8 |
         static_cast<std::uint32_t>(b[at + 2]) << 16 | static_cast<std::uint32_t>(b[at + 3]) << 24;
}

// What a frame is, by its outermost layers: the layer's name and where its header begins.
struct Kind {
  std::string layer = "eth";
  std::size_t at = 14;
};
Kind kind_of(View f) {
  if (f.size() < 34) return {};
  const std::uint16_t type = get16(f, 12);
  if (type == 0x0806) return {"arp", 14};
  if (type == 0x0800 && f[23] == 1) return {"icmp4", 34};
  if (type == 0x86dd && f.size() >= 58 && f[20] == 58) return {"icmp6", 54};
  return {};
}

net::MacAddress mac_of(const std::string& text) {
  const auto mac = net::parse_mac(text);
  if (!mac) throw ScriptError(fmt::format("'{}' is not a MAC address", text));
  return *mac;
}

std::string compare_all(const std::map<std::string, std::string>& expected,
                        const std::map<std::string, std::uint32_t>& actual, Variables& variables) {
  for (const auto& [field, value] : expected) {
    const auto found = actual.find(field);
    if (found == actual.end()) continue;  // of the frame, not of this layer
    const std::string difference = compare(field, value, found->second, variables);
    if (!difference.empty()) return difference;
  }
  return "";
}

}  // namespace

std::string FrameSpec::differs(View frame, Variables& variables) const {
  const std::string size = compare_all(outer().fields, {{"size", static_cast<std::uint32_t>(frame.size())}}, variables);
  if (!size.empty()) return size;
  if (has("dmac") && !std::ranges::equal(frame.first(6), mac_of(text("dmac", "")).bytes)) {
    return "it goes to another MAC address";
  }
  const auto datagram = sim::peek(frame);
  if (layer_ != "kcp" && layer_ != "udp") {
    if (datagram) return "it is a UDP datagram";
    return differs_other(frame, variables);
  }
  if (!datagram) return "it is no UDP datagram";
  // From the node to whom the script speaks for, unless the line says otherwise.
  const net::Endpoint from = endpoint("from", "10.0.0.1:4000", "[fd77::1]:4000");
  const net::Endpoint to = endpoint("to", "192.0.2.1:5000", "[2001:db8::1]:5000");
  if (has("from") && !(datagram->source == from)) return "it comes from " + to_string(datagram->source);
  if (!(datagram->destination == to)) return "it goes to " + to_string(datagram->destination);
  if (layer_ == "kcp") return differs_kcp(datagram->payload, variables);
  if (outer().has_data && !std::ranges::equal(datagram->payload, outer().data)) return "its payload is another one";
  return "";
}

std::string FrameSpec::differs_kcp(View payload, Variables& variables) const {
  std::size_t at = 0;
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    const Part& part = parts_[i];
    if (payload.size() < at + kcp_header) return fmt::format("it has {} segments only", i);
    const View b = payload.subspan(at);
    const std::uint32_t length = get32_little(b, 20);
    if (length > b.size() - kcp_header) return "a segment of it is longer than the datagram";
    const std::uint32_t command = b[4] - command_first;
    if (command >= commands.size() || part.name != commands[command]) {
      return fmt::format("segment {} is no {}", i, part.name);
    }
    auto expected = part.fields;
    if (!expected.contains("conv")) expected["conv"] = std::to_string(conv_default);
    const std::map<std::string, std::uint32_t> actual = {{"conv", get32_little(b, 0)},
                                                         {"frg", b[5]},
                                                         {"wnd", static_cast<std::uint32_t>(b[6] | b[7] << 8)},
                                                         {"ts", get32_little(b, 8)},
                                                         {"sn", get32_little(b, 12)},
                                                         {"una", get32_little(b, 16)},
                                                         {"len", length}};
    std::string difference = compare_all(expected, actual, variables);
    if (difference.empty() && part.has_data && !std::ranges::equal(b.subspan(kcp_header, length), part.data)) {
      difference = "the data is another one";
    }
    if (!difference.empty()) return fmt::format("in segment {} {}", i, difference);
    at += kcp_header + length;
  }
  return at == payload.size() ? "" : fmt::format("it has more than {} segments", parts_.size());
}

std::string FrameSpec::differs_other(View frame, Variables& variables) const {
  const Kind kind = kind_of(frame);
  if (kind.layer != layer_) return fmt::format("it is {}, not {}", kind.layer, layer_);
  std::map<std::string, std::uint32_t> actual;
  if (layer_ == "arp") actual = {{"op", get16(frame, kind.at + 6)}};
  else if (layer_ != "eth") actual = {{"type", frame[kind.at]}, {"code", frame[kind.at + 1]}};
  return compare_all(outer().fields, actual, variables);
}

std::string describe_frame(View frame) {
  const Kind kind = kind_of(frame);
  if (kind.layer == "icmp4" || kind.layer == "icmp6") {
    return fmt::format("{} type {} code {}, {} B", kind.layer, frame[kind.at], frame[kind.at + 1], frame.size());
  }
  return sim::describe(frame);
}

}  // namespace penstock::packets
