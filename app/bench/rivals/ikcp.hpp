// Ikcp: the original KCP, loaded at run time from the shared object that build_ikcp.sh makes of the fetched source.
//
// Nothing of it is in this repository, so its calls are declared here by hand. One thread.
#pragma once

#include <cstdint>
#include <memory>

namespace penstock::bench {

// ikcpcb, of which only pointers are seen.
struct IkcpControl;

struct IkcpCalls {
  using Output = int (*)(const char* bytes, int count, IkcpControl* kcp, void* user);
  IkcpControl* (*create)(std::uint32_t conv, void* user);
  void (*release)(IkcpControl* kcp);
  void (*setoutput)(IkcpControl* kcp, Output output);
  int (*recv)(IkcpControl* kcp, char* bytes, int room);
  int (*send)(IkcpControl* kcp, const char* bytes, int count);
  void (*update)(IkcpControl* kcp, std::uint32_t now_ms);
  std::uint32_t (*check)(const IkcpControl* kcp, std::uint32_t now_ms);
  int (*input)(IkcpControl* kcp, const char* bytes, long count);
  int (*wndsize)(IkcpControl* kcp, int send, int receive);
  int (*nodelay)(IkcpControl* kcp, int nodelay, int interval_ms, int resend, int no_congestion);
  void (*flush_at)(IkcpControl* kcp, std::uint32_t now_ms);  // of ikcp_shim.c
};

// Loads it on first use. Throws BenchError when it is not there, with how to make it.
const IkcpCalls& ikcp();

struct IkcpRelease {
  void operator()(IkcpControl* kcp) const { ikcp().release(kcp); }
};
using IkcpPointer = std::unique_ptr<IkcpControl, IkcpRelease>;

// A session with the options that our side has in the same measurement: nodelay 1, interval 10, resend 2, nc 1.
IkcpPointer make_ikcp(std::uint32_t conv, int window, IkcpCalls::Output output, void* user);

}  // namespace penstock::bench
