// Stand: one of our sessions and one of ikcp's, spoken to by hand with datagrams written here.
//
// The clock of both counts ms and begins at 0; the stamp origin is 0, so that stamps are those of the clock.
#pragma once

#include <initializer_list>
#include <string_view>

#include "diff/ikcp.hpp"
#include "diff/ours.hpp"

namespace penstock::diff {

using kcp::Command;
using kcp::Header;

inline kcp::Options plain_options() {
  kcp::Options options;
  options.nodelay = 1;
  options.interval_ms = 10;
  options.resend = 2;
  options.no_congestion_window = true;
  options.dead_link = 255;
  options.stall_timeout_ms = 3'600'000;
  return options;
}

inline kcp::Start start_by_us() {
  return {.opening = kcp::Opening::by_us, .send_first = {}, .receive_first = {}, .stamp_origin = Stamp32(0)};
}

struct Piece {
  Command command = Command::push;
  std::uint32_t sn = 0;
  std::uint32_t ts = 0;
  std::uint32_t una = 0;
  std::uint8_t frg = 0;
  std::uint16_t wnd = 128;
  std::string_view payload = {};
};

inline Bytes bytes_of(std::string_view text) { return Bytes(text.begin(), text.end()); }

inline Bytes datagram(std::initializer_list<Piece> pieces) {
  Bytes bytes;
  for (const Piece& piece : pieces) {
    Header header;
    header.conv = conv;
    header.command = piece.command;
    header.fragment = piece.frg;
    header.window = piece.wnd;
    header.stamp = Stamp32(piece.ts);
    header.sn = Seq32(piece.sn);
    header.una = Seq32(piece.una);
    put(bytes, header, bytes_of(piece.payload));
  }
  return bytes;
}

struct Stand {
  explicit Stand(Memory& memory, const kcp::Options& options = plain_options(),
                 kcp::Opening opening = kcp::Opening::by_us)
      : ours(memory, options, 1, Instant(),
             {.opening = opening, .send_first = {}, .receive_first = {}, .stamp_origin = Stamp32(0)}),
        ikcp(conv, options) {
    ikcp.flush(0);
  }

  static Instant at(std::int64_t ms) { return Instant::at_us(ms * 1000); }
  void send(std::string_view text, std::int64_t ms = 0) {
    require(ours.send(bytes_of(text), at(ms)) && ikcp.send(bytes_of(text)) >= 0, "a message was not taken");
  }
  // What each sends at this moment, segment by segment.
  std::vector<Header> ours_sends(std::int64_t ms) { return headers(ours.turn(at(ms))); }
  std::vector<Header> ikcp_sends(std::int64_t ms) {
    ikcp.flush(static_cast<std::uint32_t>(ms));
    return headers(ikcp.take());
  }
  // Gives the datagram to both; what ours said of it.
  kcp::Refusal hear(const Bytes& bytes, std::int64_t ms) {
    ikcp.set_clock(static_cast<std::uint32_t>(ms));
    ikcp.input(bytes);
    return ours.take(bytes, at(ms));
  }
  static std::vector<Header> headers(const std::vector<Bytes>& datagrams) {
    std::vector<Header> all;
    for (const Bytes& one : datagrams) {
      for (const SegmentView& segment : take_apart(one)) all.push_back(segment.header);
    }
    return all;
  }
  static std::uint64_t count(const std::vector<Header>& headers, Command command) {
    std::uint64_t found = 0;
    for (const Header& header : headers) found += header.command == command;
    return found;
  }

  Ours ours;
  Ikcp ikcp;
};

// The reason by which our session has ended, if it has.
inline std::optional<CloseReason> end_of(kcp::Session& session) {
  while (const auto event = session.poll_event()) {
    if (event->kind == SessionEvent::Kind::closed) return event->reason;
  }
  return std::nullopt;
}

}  // namespace penstock::diff
