// ikcp_shim: what the differential tests look at and set in the original KCP beside its published calls.
//
// Included by C and C++. Every call works on the control block that ikcp_create() made; nothing here changes what ikcp does
// by itself. Times are of whatever unit the caller's clock counts: ikcp knows none.
#pragma once

#include <stdint.h>

struct IKCPCB;

// What one control block holds.
struct IkcpLook {
  uint32_t mtu, mss, interval, minrto, dead_link, fastlimit;
  uint32_t snd_una, snd_nxt, snd_wnd, rmt_wnd, unsent, in_flight_kept;
  uint32_t rcv_nxt, rcv_wnd, rcv_queue, rcv_buffer, ack_count, ack_capacity;
  uint32_t cwnd, ssthresh, incr, rto, probe_wait;
  int32_t srtt, rttvar;
  uint32_t dead;           // the flag that a dead link sets
  uint32_t last_unsent;    // bytes of the segment queued last; 0 when none waits
  uint32_t resend_at_min;  // the earliest resend, valid while in_flight_kept > 0
};

// A segment header, field by field.
struct IkcpFields {
  uint32_t conv, cmd, frg, wnd, ts, sn, una, len;
};

#ifdef __cplusplus
extern "C" {
#endif

void shim_look(const struct IKCPCB* kcp, struct IkcpLook* look);
// The numbers that both directions begin with.
void shim_begin(struct IKCPCB* kcp, uint32_t send_first, uint32_t receive_first);
// The constants whose unit is that of the clock, and the mode that has no published call.
void shim_tune(struct IKCPCB* kcp, uint32_t interval, uint32_t minrto, uint32_t rto, uint32_t dead_link, int stream);
// Tells the time, as ikcp_update() does, without sending; and sends what is due at that time.
void shim_set_clock(struct IKCPCB* kcp, uint32_t now);
void shim_flush(struct IKCPCB* kcp, uint32_t now);
void shim_set_congestion(struct IKCPCB* kcp, uint32_t cwnd, uint32_t incr);
// The next flush asks for a shut window, or does not.
void shim_set_question(struct IKCPCB* kcp, uint32_t now, int due);
// Forgets the skips of each segment whose timeout is due; tells how many had some.
uint32_t shim_forget_skips(struct IKCPCB* kcp, uint32_t now);
// ikcp's own encoder and decoder of a header.
void shim_encode(const struct IkcpFields* fields, char* bytes);
void shim_decode(const char* bytes, struct IkcpFields* fields);

#ifdef __cplusplus
}
#endif
