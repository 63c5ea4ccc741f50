// D1: our headers and ikcp's, byte for byte, for the edges of every field; and the constants that both begin with.
#include <initializer_list>

#include "diff/ikcp.hpp"
#include "diff/levels.hpp"

namespace penstock::diff {

namespace {

using kcp::Header;

constexpr std::uint32_t words[] = {0, 1, 0x7f, 0x80, 0xff, 0x1234'5678, 0x7fff'ffff, 0x8000'0000, 0xffff'ffff};
constexpr std::uint32_t halves[] = {0, 1, 0xff, 0x100, 0x7fff, 0x8000, 0xffff};
constexpr std::uint32_t octets[] = {0, 1, 81, 82, 83, 84, 127, 128, 255};

Header header_of(const IkcpFields& fields) {
  return {.conv = fields.conv,
          .command = static_cast<kcp::Command>(fields.cmd),
          .fragment = static_cast<std::uint8_t>(fields.frg),
          .window = static_cast<std::uint16_t>(fields.wnd),
          .stamp = Stamp32(fields.ts),
          .sn = Seq32(fields.sn),
          .una = Seq32(fields.una),
          .length = fields.len};
}

void compare(const IkcpFields& fields) {
  const Header header = header_of(fields);
  Bytes ours(kcp::header_bytes);
  kcp::encode(header, ours.data());
  const Bytes theirs = encode_by_ikcp(fields);
  require(ours == theirs, "encoded otherwise: " + tell(header));
  // Either reads what the other wrote.
  const Header back = kcp::decode(theirs.data());
  const IkcpFields read = decode_by_ikcp(ours.data());
  require(tell(back) == tell(header) && back.conv == header.conv, "decoded otherwise by us: " + tell(header));
  const Header read_by_ikcp = header_of(read);
  require(tell(read_by_ikcp) == tell(header) && read.conv == fields.conv, "decoded otherwise by ikcp: " + tell(header));
}

void compare_pair(const char* what, std::uint32_t ours, std::uint32_t theirs) {
  require(ours == theirs, fmt::format("{} begins at {}, in ikcp at {}", what, ours, theirs));
}

}  // namespace

std::string compare_headers(const Bench& bench) {
  std::uint64_t count = 0;
  const auto each = [&](const IkcpFields& fields) {
    compare(fields);
    ++count;
  };
  // Every pair of edges of the words, with each of the small fields in turn, and then all by chance.
  for (const std::uint32_t a : words) {
    for (const std::uint32_t b : words) {
      for (const std::uint32_t cmd : octets) each({a, cmd, 0, 0, b, a, b, a});
      for (const std::uint32_t frg : octets) each({b, 81, frg, 1, a, b, a, b});
      for (const std::uint32_t wnd : halves) each({a, 82, 255, wnd, a, a, b, b});
    }
  }
  Rng rng(bench.order.seed);
  for (int i = 0; i < 50'000; ++i) {
    const auto octet = [&] { return static_cast<std::uint32_t>(rng.below(256)); };
    each({rng.next32(), octet(), octet(), static_cast<std::uint32_t>(rng.below(65'536)), rng.next32(), rng.next32(),
          rng.next32(), rng.next32()});
  }
  return fmt::format("{} headers", count);
}

std::string compare_defaults(const Bench&) {
  for (std::uint8_t nodelay = 0; nodelay <= 2; ++nodelay) {
    kcp::Options options;
    options.nodelay = nodelay;
    const IkcpLook look = Ikcp(conv, options).look();
    compare_pair("mtu", options.mtu, look.mtu);
    compare_pair("mss", options.mss(), look.mss);
    compare_pair("interval", options.interval_ms, look.interval);
    compare_pair("the RTO's floor", options.rto_floor_ms(), look.minrto);
    compare_pair("RTO", options.rto_initial_ms, look.rto);
    compare_pair("send window", options.snd_wnd, look.snd_wnd);
    compare_pair("receive window", options.receive_window(), look.rcv_wnd);
    compare_pair("dead_link", options.dead_link, look.dead_link);
    compare_pair("fastack_limit", options.fastack_limit, look.fastlimit);
    compare_pair("ssthresh", Congestion(Congestion::Kind::kcp, options.mss()).ssthresh(), look.ssthresh);
  }
  // What ikcp makes of a window below its smallest.
  kcp::Options small;
  small.rcv_wnd = 1;
  compare_pair("a small receive window", small.receive_window(), Ikcp(conv, small).look().rcv_wnd);
  return "11 constants";
}

}  // namespace penstock::diff
