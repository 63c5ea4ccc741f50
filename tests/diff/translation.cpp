#include "diff/translation.hpp"

#include <algorithm>

#include "proto/kcp/ack_list.hpp"
#include "proto/kcp/send_slot.hpp"

namespace penstock::diff {

using kcp::Command;
using kcp::Header;

Translation::Translation(const kcp::Options& options, const Origins& origins, Ledger& ledger)
    : options_(options), origins_(origins), ledger_(ledger), una_(origins.send_first), peer_una_(origins.send_first) {}

Stamp32 Translation::our_stamp(std::int64_t us) const {
  return origins_.stamp + static_cast<std::uint32_t>((origins_.our_clock_us + us) / 1000);
}

std::int64_t Translation::us_of(Stamp32 twin_stamp) const { return twin_stamp.raw() - origins_.twin_clock; }

Bytes Translation::for_ours(const Bytes& datagram) const {
  Bytes translated;
  for (const SegmentView& segment : take_apart(datagram)) {
    Header header = segment.header;
    if (header.command == Command::ack) header.stamp = our_stamp(us_of(header.stamp));
    put(translated, header, segment.payload);
  }
  return translated;
}

Bytes Translation::for_twin(const Bytes& datagram, const IkcpLook& before, std::int64_t now_us) {
  Bytes translated;
  proven_ = false;
  Seq32 una = una_;
  for (const SegmentView& segment : take_apart(datagram)) {
    Header header = segment.header;
    if (header.una.after(una)) una = header.una;
    note_window(header);
    if (header.command == Command::ack) judge_ack(header, now_us);
    else if (header.command == Command::push) judge_push(header, before);
    put(translated, header, segment.payload);
  }
  acknowledge_before(una);
  return translated;
}

// The peer's window is the newest by (una, wnd), not the last that came.
void Translation::note_window(Header& header) {
  const bool advances = header.una.after(peer_una_) || !window_known_;
  const bool grows = header.una == peer_una_ && header.window > window_;
  if (advances || grows) {
    window_ = header.window;
    window_known_ = true;
    if (header.una.after(peer_una_)) peer_una_ = header.una;
  } else if (header.window != window_) {
    ledger_.count(Divergence::window_newest);
  }
  header.window = window_;
}

void Translation::judge_ack(Header& header, std::int64_t now_us) {
  const std::int32_t place = header.sn.distance_from(una_);
  const auto ignore = [&](Divergence rule) {
    ledger_.count(rule);
    header.command = Command::wins;
  };
  if (place >= static_cast<std::int32_t>(sent_.size())) return ignore(Divergence::forged_ack);
  if (place < 0 || sent_[static_cast<std::size_t>(place)].acked) {
    if (place > 0 && options_.resend > 0) ledger_.count(Divergence::skips);
    return ignore(Divergence::rtt_sample);
  }
  Sent& sent = sent_[static_cast<std::size_t>(place)];
  const Stamp32 named = our_stamp(us_of(header.stamp));
  const auto found = std::find_if(sent.at_us.rbegin(), sent.at_us.rend(),
                                  [&](std::int64_t at_us) { return our_stamp(at_us) == named; });
  if (found == sent.at_us.rend()) return ignore(Divergence::forged_ack);
  const bool first = found + 1 == sent.at_us.rend();
  if (!first && found - sent.at_us.rbegin() >= kcp::IkcpRecord::stamps_kept - 1) {
    return ignore(Divergence::ack_remembered);
  }
  std::int64_t age_us = now_us - *found;
  const std::int64_t age_us_max = std::int64_t{options_.rto_max_ms} * 1000;
  if (age_us > age_us_max) {
    ledger_.count(Divergence::rtt_clamp);
    age_us = age_us_max;
  }
  header.stamp = Stamp32(origins_.twin_clock + static_cast<std::uint32_t>(now_us - age_us));
  sent.acked = true;
  proven_ = true;
}

// A PUSH that ours drops, or whose ACK is owed already.
void Translation::judge_push(Header& header, const IkcpLook& before) {
  const Seq32 deliver = Seq32(before.rcv_nxt) - before.rcv_queue;
  if (!header.sn.before(deliver + options_.receive_window())) {
    if (header.sn.before(Seq32(before.rcv_nxt) + before.rcv_wnd)) ledger_.count(Divergence::window_accepted);
    header.command = Command::wins;
    return;
  }
  const std::size_t looked = std::min<std::size_t>(owed_.size(), kcp::AckList::looked_back);
  for (std::size_t i = 1; i <= looked; ++i) {
    const Owed& owed = owed_[owed_.size() - i];
    if (owed.sn != header.sn || owed.stamp != header.stamp) continue;
    ledger_.count(Divergence::ack_once);
    header.command = Command::wins;
    return;
  }
  owed_.push_back({header.sn, header.stamp});
}

void Translation::acknowledge_before(Seq32 una) {
  while (!sent_.empty() && (una_.before(una) || sent_.front().acked)) {
    sent_.pop_front();
    ++una_;
  }
}

std::vector<Bytes> Translation::of_twin(const std::vector<Bytes>& datagrams, std::int64_t now_us) {
  std::vector<Bytes> translated;
  owed_.clear();
  for (const Bytes& datagram : datagrams) {
    Bytes& one = translated.emplace_back();
    for (const SegmentView& segment : take_apart(datagram)) {
      Header header = segment.header;
      if (header.command == Command::push) {
        note_sent(header, now_us);
        header.stamp = our_stamp(us_of(header.stamp));
        ledger_.count(Divergence::stamp_origin);
      } else if (header.command != Command::ack) {
        if (header.sn != Seq32() || header.stamp != Stamp32()) ledger_.count(Divergence::command_leftovers);
        header.sn = Seq32();
        header.stamp = Stamp32();
      }
      put(one, header, segment.payload);
    }
  }
  return translated;
}

void Translation::note_sent(const Header& header, std::int64_t now_us) {
  const std::int32_t place = header.sn.distance_from(una_);
  require(place >= 0 && place <= static_cast<std::int32_t>(sent_.size()), "ikcp sent a sn out of turn");
  if (place == static_cast<std::int32_t>(sent_.size())) sent_.emplace_back();
  sent_[static_cast<std::size_t>(place)].at_us.push_back(now_us);
}

}  // namespace penstock::diff
