// ikcp_shim.c: see ikcp_shim.h. Compiled with the fetched ikcp.c inside, so that its static functions can be called.
#include "ikcp_shim.h"

#include "ikcp.c"

void shim_look(const ikcpcb* kcp, struct IkcpLook* look) {
  const struct IQUEUEHEAD* at;
  memset(look, 0, sizeof *look);
  look->mtu = kcp->mtu;
  look->mss = kcp->mss;
  look->interval = kcp->interval;
  look->minrto = (uint32_t)kcp->rx_minrto;
  look->dead_link = kcp->dead_link;
  look->fastlimit = (uint32_t)kcp->fastlimit;
  look->snd_una = kcp->snd_una;
  look->snd_nxt = kcp->snd_nxt;
  look->snd_wnd = kcp->snd_wnd;
  look->rmt_wnd = kcp->rmt_wnd;
  look->unsent = kcp->nsnd_que;
  look->in_flight_kept = kcp->nsnd_buf;
  look->rcv_nxt = kcp->rcv_nxt;
  look->rcv_wnd = kcp->rcv_wnd;
  look->rcv_queue = kcp->nrcv_que;
  look->rcv_buffer = kcp->nrcv_buf;
  look->ack_count = kcp->ackcount;
  look->ack_capacity = kcp->ackblock;
  look->cwnd = kcp->cwnd;
  look->ssthresh = kcp->ssthresh;
  look->incr = kcp->incr;
  look->rto = (uint32_t)kcp->rx_rto;
  look->probe_wait = kcp->probe_wait;
  look->srtt = kcp->rx_srtt;
  look->rttvar = kcp->rx_rttval;
  look->dead = kcp->state != 0;
  if (!iqueue_is_empty(&kcp->snd_queue)) look->last_unsent = iqueue_entry(kcp->snd_queue.prev, IKCPSEG, node)->len;
  for (at = kcp->snd_buf.next; at != &kcp->snd_buf; at = at->next) {
    const IKCPSEG* segment = iqueue_entry(at, const IKCPSEG, node);
    const int first = at == kcp->snd_buf.next;
    if (first || _itimediff(segment->resendts, look->resend_at_min) < 0) look->resend_at_min = segment->resendts;
  }
}

void shim_begin(ikcpcb* kcp, uint32_t send_first, uint32_t receive_first) {
  kcp->snd_una = kcp->snd_nxt = send_first;
  kcp->rcv_nxt = receive_first;
}

void shim_tune(ikcpcb* kcp, uint32_t interval, uint32_t minrto, uint32_t rto, uint32_t dead_link, int stream) {
  kcp->interval = interval;
  kcp->rx_minrto = (IINT32)minrto;
  kcp->rx_rto = (IINT32)rto;
  kcp->dead_link = dead_link;
  kcp->stream = stream;
}

void shim_set_clock(ikcpcb* kcp, uint32_t now) {
  kcp->current = now;
  kcp->updated = 1;
}

void shim_flush(ikcpcb* kcp, uint32_t now) {
  shim_set_clock(kcp, now);
  ikcp_flush(kcp);
}

void shim_set_congestion(ikcpcb* kcp, uint32_t cwnd, uint32_t incr) {
  kcp->cwnd = cwnd;
  kcp->incr = incr;
}

void shim_set_question(ikcpcb* kcp, uint32_t now, int due) {
  kcp->probe_wait = IKCP_PROBE_INIT;
  kcp->ts_probe = due ? now : now + 1;
}

uint32_t shim_forget_skips(ikcpcb* kcp, uint32_t now) {
  struct IQUEUEHEAD* at;
  uint32_t count = 0;
  for (at = kcp->snd_buf.next; at != &kcp->snd_buf; at = at->next) {
    IKCPSEG* segment = iqueue_entry(at, IKCPSEG, node);
    if (segment->xmit == 0 || _itimediff(now, segment->resendts) < 0 || segment->fastack == 0) continue;
    segment->fastack = 0;
    ++count;
  }
  return count;
}

void shim_encode(const struct IkcpFields* fields, char* bytes) {
  IKCPSEG segment;
  memset(&segment, 0, sizeof segment);
  segment.conv = fields->conv;
  segment.cmd = fields->cmd;
  segment.frg = fields->frg;
  segment.wnd = fields->wnd;
  segment.ts = fields->ts;
  segment.sn = fields->sn;
  segment.una = fields->una;
  segment.len = fields->len;
  ikcp_encode_seg(bytes, &segment);
}

void shim_decode(const char* bytes, struct IkcpFields* fields) {
  IUINT8 cmd, frg;
  IUINT16 wnd;
  IUINT32 conv, ts, sn, una, len;
  bytes = ikcp_decode32u(bytes, &conv);
  bytes = ikcp_decode8u(bytes, &cmd);
  bytes = ikcp_decode8u(bytes, &frg);
  bytes = ikcp_decode16u(bytes, &wnd);
  bytes = ikcp_decode32u(bytes, &ts);
  bytes = ikcp_decode32u(bytes, &sn);
  bytes = ikcp_decode32u(bytes, &una);
  ikcp_decode32u(bytes, &len);
  const struct IkcpFields all = {conv, cmd, frg, wnd, ts, sn, una, len};
  *fields = all;
}
