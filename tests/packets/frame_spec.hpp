// FrameSpec: a frame as a line of a packet script describes it: made for `<`, compared for `>`.
//
// The layers are those of tests/sim/frames, which shares no code with lib/net. A description begins with the innermost
// layer (kcp, udp, icmp4, icmp6, arp, ip4, ip6, eth); what lies outside takes what a valid frame of a client behind the
// gateway has, and each field can be overridden. The fields are listed in README.md.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "net/address.hpp"
#include "packets/words.hpp"

namespace penstock::packets {

class FrameSpec {
 public:
  // `words` behind the arrow; variables as they are now. Throws ScriptError for a layer or a field that there is not.
  FrameSpec(std::span<const Word> words, const Variables& variables);

  // The frame, valid but for what the line changes. The `copy`-th one has a source port so much higher.
  sim::Bytes make(std::uint32_t copy = 0) const;
  // How many copies `times=` asks for, and on which queue they arrive.
  std::uint32_t times() const { return get("times", 1); }
  // Copies that are the same frame again.
  std::uint32_t same() const { return get("same", 1); }
  std::uint16_t queue() const { return static_cast<std::uint16_t>(get("queue", 0)); }

  // Empty when `frame` is what the line expects; else a sentence. Sets variables.
  std::string differs(std::span<const std::uint8_t> frame, Variables& variables) const;

 private:
  // One KCP segment, or what any other layer says.
  struct Part {
    std::string name;  // the layer; of a KCP segment the command
    std::map<std::string, std::string> fields;
    sim::Bytes data;
    bool has_data = false;
  };
  // Where the layers of a frame that was made begin.
  struct Places {
    std::size_t ip = 0;
    std::size_t l4 = 0;
  };
  const Part& outer() const { return parts_.front(); }
  bool has(const std::string& field) const { return outer().fields.contains(field); }
  std::uint32_t get(const Part& part, const std::string& field, std::uint32_t otherwise) const;
  std::uint32_t get(const std::string& field, std::uint32_t otherwise) const { return get(outer(), field, otherwise); }
  std::string text(const std::string& field, const std::string& otherwise) const;
  void take(const Word& word);
  void spread_runs();
  bool is_v4() const;
  net::Endpoint endpoint(const std::string& field, const char* v4, const char* v6) const;
  net::Endpoint source(std::uint32_t copy) const;
  net::Endpoint destination() const { return endpoint("to", "10.0.0.1:4000", "[fd77::1]:4000"); }
  sim::Bytes kcp_payload() const;
  sim::Bytes icmp_message(std::uint32_t copy) const;
  sim::Bytes transport(std::uint32_t copy) const;
  sim::Bytes packet(const sim::Bytes& transport, std::uint32_t copy) const;
  sim::Bytes arp_packet() const;
  void change(sim::Bytes& frame, const Places& places) const;
  void poke(sim::Bytes& frame, const Places& places, std::string_view order) const;
  std::string differs_kcp(std::span<const std::uint8_t> payload, Variables& variables) const;
  std::string differs_other(std::span<const std::uint8_t> frame, Variables& variables) const;

  std::string layer_;
  std::vector<Part> parts_;  // one, or the segments of a KCP datagram
  Variables variables_;
};

// One line about a frame, for what was not expected.
std::string describe_frame(std::span<const std::uint8_t> frame);

}  // namespace penstock::packets
