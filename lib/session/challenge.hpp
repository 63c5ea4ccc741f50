// Challenge: a question to an address that costs no memory: what it asks is a MAC, and its answer is checked by making it anew.
//
// Every KCP acknowledges a PUSH of a number that it has had, delivers nothing of it, and echoes (sn, ts). So these two fields
// carry 62 bits that only who receives at the asked address can send back: 30 in the distance of sn from what the peer
// expects, 32 in ts. They are cut from a SipHash under a secret of the boot over the path, the conversation, a salt and an
// epoch of four seconds; an answer counts in the epoch of its question and in the next, so for 4 to 8 s. Nothing is stored,
// so an answer may be given twice: whoever asks must bear that.
//
// The sn must lie in (rcv_nxt + rcv_wnd − 2^31, rcv_nxt) of the peer, or KCP takes it for one to come. It is counted back from
// `base`, a number that the peer's rcv_nxt has reached and is not 2^30 beyond: our own una toward a session, 0 toward a
// stranger. Pure after construction; all workers of a node compute the same.
#pragma once

#include <array>
#include <cstdint>

#include "base/seq.hpp"
#include "base/siphash.hpp"
#include "base/time.hpp"
#include "net/path.hpp"

namespace penstock {

class Challenge {
 public:
  static constexpr Duration epoch = Duration::seconds(4);
  // Numbers before `base` among which the question's sn is chosen.
  static constexpr std::uint32_t reach = std::uint32_t{1} << 30;

  // What a question asks about. `salt` tells questions of different purpose apart, and those about different sessions: an
  // answer to one is none to another.
  struct Subject {
    net::Path path;  // its hint does not count
    std::uint32_t conv = 0;
    std::uint64_t salt = 0;
  };
  // What the zero-length PUSH carries and an ACK echoes.
  struct Cookie {
    Seq32 sn;
    Stamp32 stamp;
    constexpr bool operator==(const Cookie&) const = default;
  };

  // `boot` is the node's secret.
  explicit Challenge(SipKey boot) : key_{boot.k0 ^ domain, boot.k1} {}

  Cookie make(const Subject& subject, Seq32 base, Instant now) const;
  // What make() gives for one subject in the present epoch and in the one before: for who compares several answers with it.
  class Expected {
   public:
    // True when the cookie was made with a base in [first, last].
    bool meets(Seq32 first, Seq32 last, Cookie answer) const;

   private:
    friend class Challenge;
    std::array<std::uint64_t, 2> codes_;
  };
  Expected expect(const Subject& subject, Instant now) const;
  // The same for one answer: true when make() gave this cookie for the subject in one of the two epochs.
  bool verify(const Subject& subject, Seq32 first, Seq32 last, Cookie answer, Instant now) const;

 private:
  // Keeps the MAC apart from the hashes that tables make under the node's key.
  static constexpr std::uint64_t domain = 0x65676e656c6c6168;

  static std::uint64_t epoch_of(Instant now) { return static_cast<std::uint64_t>(now.count_us() / epoch.count_us()); }
  std::uint64_t mac(const Subject& subject, std::uint64_t epoch_number) const;

  SipKey key_;
};

}  // namespace penstock
