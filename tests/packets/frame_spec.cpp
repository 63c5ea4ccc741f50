// The half of FrameSpec that makes frames; frame_match.cpp compares them.
#include "packets/frame_spec.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace penstock::packets {

namespace {

using sim::Bytes;

constexpr std::array layers = {"kcp", "udp", "icmp4", "icmp6", "arp", "ip4", "ip6", "eth", "none"};
constexpr std::array fields = {"from",    "to",    "dmac",  "smac", "vlan", "type", "code",   "ttl",
                               "options", "ext",   "proto", "poke", "cut",  "pad",  "sum",    "op",
                               "times",   "queue", "frame", "len",  "conv", "cmd",  "frg",    "wnd",
                               "ts",      "sn",    "una",   "size", "run",  "same", "target", "sender"};
constexpr std::array commands = {"push", "ack", "wask", "wins"};
constexpr std::uint8_t command_first = 81;
constexpr std::uint32_t conv_default = 7;
constexpr std::uint32_t window_default = 128;
constexpr std::size_t ip4_header = 20;
constexpr std::size_t udp_header = 8;
constexpr std::uint32_t pad_max = 9'000;

void put32_little(Bytes& out, std::uint32_t v) {
  for (int i = 0; i < 4; ++i) out.push_back(static_cast<std::uint8_t>(v >> (8 * i)));
}

template <class T>
T must(std::optional<T> value, std::string_view what, const std::string& text) {
  if (!value) throw ScriptError(fmt::format("'{}' is not {}", text, what));
  return *value;
}

net::MacAddress mac(const std::string& text) { return must(net::parse_mac(text), "a MAC address", text); }

}  // namespace

FrameSpec::FrameSpec(std::span<const Word> words, const Variables& variables) : variables_(variables) {
  if (words.empty() || words[0].data) throw ScriptError("a layer is missing behind the arrow");
  layer_ = words[0].key;
  if (std::ranges::find(layers, layer_) == layers.end())
    throw ScriptError(fmt::format("there is no layer '{}'", layer_));
  parts_.push_back({layer_, {}, {}, false});
  bool command_due = layer_ == "kcp";
  for (const Word& word : words.subspan(1)) {
    if (command_due) {
      if (word.data || !word.value.empty()) throw ScriptError("a KCP segment begins with its command");
      if (parts_.back().name != "kcp") parts_.push_back({});
      parts_.back().name = word.key;
      command_due = false;
    } else if (layer_ == "kcp" && word.is("+")) {
      command_due = true;
    } else {
      take(word);
    }
  }
  if (command_due) throw ScriptError("a KCP segment lacks its command");
  spread_runs();
}

// A segment with run=N stands for N of them, each with the next sn.
void FrameSpec::spread_runs() {
  constexpr std::uint32_t run_max = 1000;
  std::vector<Part> spread;
  for (const Part& part : parts_) {
    const std::uint32_t count = get(part, "run", 1);
    if (count == 0 || count > run_max) throw ScriptError("a run has 1 to 1000 segments");
    const std::uint32_t first = count > 1 ? get(part, "sn", 0) : 0;
    for (std::uint32_t i = 0; i < count; ++i) {
      spread.push_back(part);
      if (count > 1) spread.back().fields["sn"] = std::to_string(first + i);
    }
  }
  parts_ = spread;
}

void FrameSpec::take(const Word& word) {
  Part& part = parts_.back();
  if (word.data) {
    sim::append(part.data, *word.data);
    part.has_data = true;
    return;
  }
  const bool known = std::ranges::find(fields, word.key) != fields.end() && !word.value.empty();
  if (!known) throw ScriptError(fmt::format("'{}' is no field of a frame", word.key));
  part.fields[word.key] = word.value;
}

std::uint32_t FrameSpec::get(const Part& part, const std::string& field, std::uint32_t otherwise) const {
  const auto found = part.fields.find(field);
  return found == part.fields.end() ? otherwise : number(found->second, variables_);
}

std::string FrameSpec::text(const std::string& field, const std::string& otherwise) const {
  const auto found = outer().fields.find(field);
  return found == outer().fields.end() ? otherwise : found->second;
}

// By what the line names, else IPv4.
bool FrameSpec::is_v4() const {
  if (layer_ == "icmp6" || layer_ == "ip6") return false;
  const std::string to = text("to", text("from", ""));
  return std::ranges::count(to, ':') <= 1;
}

// "address:port", "[address]:port", or an address alone.
net::Endpoint FrameSpec::endpoint(const std::string& field, const char* v4, const char* v6) const {
  const std::string all = text(field, is_v4() ? v4 : v6);
  std::string host = all;
  std::uint32_t port = 4000;
  const std::size_t colon = all.rfind(':');
  const bool bracket = all.starts_with("[");
  if (bracket ? colon > all.find(']') : std::ranges::count(all, ':') == 1) {
    host = all.substr(0, colon);
    port = number(all.substr(colon + 1), variables_);
  }
  if (bracket) host = host.substr(1, host.find(']') - 1);
  return {must(net::parse_ip(host), "an address", host), static_cast<std::uint16_t>(port)};
}

net::Endpoint FrameSpec::source(std::uint32_t copy) const {
  net::Endpoint from = endpoint("from", "192.0.2.1:5000", "[2001:db8::1]:5000");
  from.port = static_cast<std::uint16_t>(from.port + copy);
  return from;
}

Bytes FrameSpec::kcp_payload() const {
  Bytes out;
  for (const Part& part : parts_) {
    const auto place = std::ranges::find(commands, part.name);
    const auto named = static_cast<std::uint32_t>(command_first + (place - commands.begin()));
    const std::uint32_t command = get(part, "cmd", named);
    if (place == commands.end() && !part.fields.contains("cmd")) {
      throw ScriptError(fmt::format("'{}' is no command of KCP", part.name));
    }
    put32_little(out, get(part, "conv", conv_default));
    out.push_back(static_cast<std::uint8_t>(command));
    out.push_back(static_cast<std::uint8_t>(get(part, "frg", 0)));
    const std::uint32_t window = get(part, "wnd", window_default);
    out.push_back(static_cast<std::uint8_t>(window));
    out.push_back(static_cast<std::uint8_t>(window >> 8));
    put32_little(out, get(part, "ts", 0));
    put32_little(out, get(part, "sn", 0));
    put32_little(out, get(part, "una", 0));
    put32_little(out, get(part, "len", static_cast<std::uint32_t>(part.data.size())));
    sim::append(out, part.data);
  }
  return out;
}

Bytes FrameSpec::icmp_message(std::uint32_t copy) const {
  Bytes message{static_cast<std::uint8_t>(get("type", 8)), static_cast<std::uint8_t>(get("code", 0)), 0, 0};
  sim::append(message, outer().data);
  std::uint32_t sum = 0;
  if (layer_ == "icmp6") {
    sum = sim::pseudo_sum(source(copy).address, destination().address, 58, static_cast<std::uint32_t>(message.size()));
  }
  sim::write_checksum(message, 0, 2, sum);
  return message;
}

// What the IP packet carries.
Bytes FrameSpec::transport(std::uint32_t copy) const {
  if (layer_ == "kcp") return sim::udp(source(copy), destination(), kcp_payload());
  if (layer_ == "udp") return sim::udp(source(copy), destination(), outer().data);
  if (layer_ == "icmp4" || layer_ == "icmp6") return icmp_message(copy);
  return outer().data;
}

Bytes FrameSpec::packet(const Bytes& inner, std::uint32_t copy) const {
  const std::uint32_t usual = layer_ == "icmp4" ? 1 : layer_ == "icmp6" ? 58 : 17;
  auto proto = static_cast<std::uint8_t>(get("proto", usual));
  const bool neighbor = layer_ == "icmp6" && get("type", 0) >= 133 && get("type", 0) <= 137;
  const auto ttl = static_cast<std::uint8_t>(get("ttl", neighbor ? 255 : 64));
  Bytes body = inner;
  if (has("ext")) {
    // PROTOCOL:HEX, the first extension header's number and all of them as bytes.
    const std::string ext = text("ext", "");
    const std::size_t colon = ext.find(':');
    if (colon == std::string::npos) throw ScriptError("ext is PROTOCOL:HEX");
    proto = static_cast<std::uint8_t>(number(ext.substr(0, colon), variables_));
    body = parse_hex(std::string_view(ext).substr(colon + 1));
    sim::append(body, inner);
  }
  Bytes made = sim::ip(source(copy).address, destination().address, proto, body, ttl);
  if (!has("options")) return made;
  const Bytes options = parse_hex(text("options", ""));
  if (options.size() % 4 != 0 || options.size() > 40) throw ScriptError("options are up to ten times four bytes");
  made.insert(made.begin() + ip4_header, options.begin(), options.end());
  made[0] = static_cast<std::uint8_t>(0x45 + options.size() / 4);
  const std::size_t total = made.size();
  made[2] = static_cast<std::uint8_t>(total >> 8);
  made[3] = static_cast<std::uint8_t>(total);
  Bytes header(made.begin(), made.begin() + static_cast<std::ptrdiff_t>(ip4_header + options.size()));
  sim::write_checksum(header, 0, 10, 0);
  std::ranges::copy(header, made.begin());
  return made;
}

Bytes FrameSpec::arp_packet() const {
  const std::string sender = text("sender", "10.0.0.9");
  const std::string target = text("target", "10.0.0.1");
  Bytes made = sim::arp(static_cast<std::uint16_t>(get("op", 1)), mac(text("smac", "02:00:00:00:00:09")),
                        must(net::parse_ip(sender), "an address", sender), mac(text("dmac", "02:00:00:00:00:01")),
                        must(net::parse_ip(target), "an address", target));
  return made;
}

Bytes FrameSpec::make(std::uint32_t copy) const {
  const bool bare = layer_ == "eth";
  const bool is_arp = layer_ == "arp";
  const Bytes inner = bare || is_arp ? Bytes() : transport(copy);
  const Bytes l3 = bare ? outer().data : is_arp ? arp_packet() : packet(inner, copy);
  std::uint32_t type = is_arp ? 0x0806 : is_v4() ? 0x0800 : 0x86dd;
  if (bare) type = get("type", 0x88b5);
  net::TagStack tags;
  if (has("vlan")) tags = {.count = 1, .vlan = {static_cast<std::uint16_t>(get("vlan", 0)), 0}};
  const std::string sender = is_arp ? "02:00:00:00:00:09" : "02:00:00:00:00:fe";
  Bytes frame = sim::ethernet(mac(text("dmac", "02:00:00:00:00:01")), mac(text("smac", sender)), tags,
                              static_cast<std::uint16_t>(type), l3);
  change(frame, {.ip = frame.size() - l3.size(), .l4 = frame.size() - inner.size()});
  return frame;
}

// What the line breaks on purpose, and the sums that shall hold all the same.
void FrameSpec::change(Bytes& frame, const Places& places) const {
  const std::string orders = text("poke", "");
  for (std::size_t at = 0; at < orders.size();) {
    const std::size_t end = std::min(orders.find(',', at), orders.size());
    poke(frame, places, std::string_view(orders).substr(at, end - at));
    at = end + 1;
  }
  const std::string sum = text("sum", "");
  const bool has_them = layer_ != "eth" && layer_ != "arp";
  if (sum == "ip" && is_v4() && has_them) {
    Bytes header(frame.begin() + static_cast<std::ptrdiff_t>(places.ip),
                 frame.begin() + static_cast<std::ptrdiff_t>(places.l4));
    sim::write_checksum(header, 0, 10, 0);
    std::ranges::copy(header, frame.begin() + static_cast<std::ptrdiff_t>(places.ip));
  } else if (sum == "udp" && has_them && frame.size() >= places.l4 + udp_header) {
    const auto length = static_cast<std::uint32_t>(frame[places.l4 + 4] << 8 | frame[places.l4 + 5]);
    // Over as much as the length says, whatever lies behind.
    const auto first = frame.begin() + static_cast<std::ptrdiff_t>(places.l4);
    const std::size_t covered = std::min(std::max<std::size_t>(length, udp_header), frame.size() - places.l4);
    Bytes datagram(first, first + static_cast<std::ptrdiff_t>(covered));
    sim::write_checksum(datagram, 0, 6, sim::pseudo_sum(source(0).address, destination().address, 17, length));
    std::ranges::copy(datagram, first);
  } else if (!sum.empty()) {
    throw ScriptError("sum= is ip or udp, of a frame that has it");
  }
  if (has("cut")) frame.resize(std::min<std::size_t>(frame.size(), get("cut", 0)));
  if (get("pad", 0) > pad_max) throw ScriptError(fmt::format("a frame is padded to {} B at most", pad_max));
  if (has("pad")) frame.resize(std::max<std::size_t>(frame.size(), get("pad", 0)), 0xee);
}

// LAYER+OFFSET:HEX
void FrameSpec::poke(Bytes& frame, const Places& places, std::string_view order) const {
  const std::size_t plus = order.find('+');
  const std::size_t colon = order.find(':');
  if (plus == std::string_view::npos || colon == std::string_view::npos || colon < plus) {
    throw ScriptError("poke is LAYER+OFFSET:HEX");
  }
  const std::string_view layer = order.substr(0, plus);
  std::size_t at = number(std::string(order.substr(plus + 1, colon - plus - 1)), variables_);
  if (layer == "ip") at += places.ip;
  else if (layer == "l4") at += places.l4;
  else if (layer != "eth") throw ScriptError(fmt::format("poke knows eth, ip and l4, not '{}'", layer));
  const Bytes bytes = parse_hex(order.substr(colon + 1));
  if (at + bytes.size() > frame.size()) throw ScriptError("poke reaches behind the frame");
  std::ranges::copy(bytes, frame.begin() + static_cast<std::ptrdiff_t>(at));
}

}  // namespace penstock::packets
