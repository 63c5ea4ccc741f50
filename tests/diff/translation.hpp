// Translation: what ikcp must be told instead of a datagram, so that it does what ours does with the datagram itself.
//
// This is the ledger as code: each rule by which ours judges a segment differently is one rewriting, counted under its name.
// A segment that ours does not act upon becomes a WINS with the same una and a window that is known already, which means
// nothing. What was sent and acknowledged is kept here a third time, from the datagrams alone, so that neither machine is
// asked. Times are µs since the start of the run; ikcp's stamps count µs, ours ms.
#pragma once

#include <deque>
#include <vector>

#include "diff/ikcp_shim.h"
#include "diff/ledger.hpp"
#include "diff/segments.hpp"
#include "proto/kcp/options.hpp"

namespace penstock::diff {

// Where the clocks and the numbers of a run begin.
struct Origins {
  std::uint32_t twin_clock = 0;   // of ikcp, at the start
  std::int64_t our_clock_us = 0;  // of ours, whole ms
  Stamp32 stamp;                  // the secret of our session
  Seq32 send_first;
  Seq32 receive_first;
};

class Translation {
 public:
  Translation(const kcp::Options& options, const Origins& origins, Ledger& ledger);

  // A datagram of the peer, which speaks to ikcp, as ours and as ikcp are to see it. `before` is ikcp as it is.
  Bytes for_ours(const Bytes& datagram) const;
  Bytes for_twin(const Bytes& datagram, const IkcpLook& before, std::int64_t now_us);
  // The last datagram acknowledged something that was news.
  bool proven() const { return proven_; }
  // What ikcp sent at a flush, as ours would send it. Notes the transmissions.
  std::vector<Bytes> of_twin(const std::vector<Bytes>& datagrams, std::int64_t now_us);

  Seq32 peer_una() const { return peer_una_; }
  std::uint16_t peer_window() const { return window_; }
  std::size_t owed() const { return owed_.size(); }
  Stamp32 our_stamp(std::int64_t us) const;

 private:
  struct Sent {
    std::vector<std::int64_t> at_us;
    bool acked = false;
  };
  struct Owed {
    Seq32 sn;
    Stamp32 stamp;
  };
  void note_window(kcp::Header& header);
  void judge_ack(kcp::Header& header, std::int64_t now_us);
  void judge_push(kcp::Header& header, const IkcpLook& before);
  std::int64_t us_of(Stamp32 twin_stamp) const;
  void acknowledge_before(Seq32 una);
  void note_sent(const kcp::Header& header, std::int64_t now_us);

  const kcp::Options& options_;
  Origins origins_;
  Ledger& ledger_;
  std::deque<Sent> sent_;  // from una_ on
  Seq32 una_;
  Seq32 peer_una_;
  std::uint16_t window_ = 128;
  bool window_known_ = false;
  bool proven_ = false;
  std::vector<Owed> owed_;  // ACKs since the last flush
};

}  // namespace penstock::diff
