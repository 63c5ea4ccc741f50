// ikcp_shim: what a server of the original KCP needs beside its published calls. Compiled with the fetched ikcp.c.
#include "ikcp.h"

// Sends what is due, as of `now_ms`. ikcp_flush() alone goes by the time of the last ikcp_update().
void ikcp_shim_flush_at(ikcpcb* kcp, unsigned now_ms) {
  kcp->current = now_ms;
  ikcp_flush(kcp);
}
