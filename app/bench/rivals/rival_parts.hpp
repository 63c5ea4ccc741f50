// Rival parts: the original KCP and DPDK's own tables at the work of our parts, to be measured beside them.
#pragma once

#include "bench/part.hpp"

namespace penstock::bench {

// ikcp_parts.cpp
void run_ikcp_batch_1376(Meter& meter, const Scale& scale);
void run_ikcp_batch_64(Meter& meter, const Scale& scale);
void run_ikcp_trickle_1024(Meter& meter, const Scale& scale);
void run_ikcp_trickle_32(Meter& meter, const Scale& scale);
void run_ikcp_echo(Meter& meter, const Scale& scale);
void run_ikcp_echo_100k(Meter& meter, const Scale& scale);

// dpdk_parts.cpp
void run_rte_hash_1k(Meter& meter, const Scale& scale);
void run_rte_hash_1m(Meter& meter, const Scale& scale);
void run_rte_timer_1k(Meter& meter, const Scale& scale);
void run_rte_timer_1m(Meter& meter, const Scale& scale);

}  // namespace penstock::bench
