// Ikcp: the original KCP, loaded at run time from the shared object that build_ikcp.sh makes of the fetched source.
//
// Nothing of it is in this repository, so its published calls are declared here by hand; the others are ikcp_shim.h's. ikcp
// knows no unit of time: IkcpEnd runs it in ms as everybody does, the lock-step of D2 in µs, where it has no rounding that
// ours lacks. One thread.
#pragma once

#include <memory>
#include <string>

#include "diff/ikcp_shim.h"
#include "diff/machine.hpp"

namespace penstock::diff {

// Where build_ikcp.sh leaves it, as seen from an executable in a folder of the build directory's tests.
std::string ikcp_library();
// Loads the shared object; throws Broken when it is not there. Before anything else here.
void load_ikcp(const std::string& path);

struct IkcpRelease {
  void operator()(IKCPCB* kcp) const;
};

class Ikcp {
 public:
  Ikcp(std::uint32_t conversation, const kcp::Options& options);
  Ikcp(const Ikcp&) = delete;
  Ikcp& operator=(const Ikcp&) = delete;

  // As the published calls of the same names; 0 or more is success.
  int send(std::span<const std::uint8_t> message);
  int input(std::span<const std::uint8_t> datagram);
  std::optional<Bytes> receive();
  void update(std::uint32_t now);
  std::uint32_t check(std::uint32_t now) const;
  // What was output since the last call.
  std::vector<Bytes> take() { return std::move(output_); }

  // As the shim's calls.
  IkcpLook look() const;
  void begin(std::uint32_t send_first, std::uint32_t receive_first);
  void tune(std::uint32_t interval, std::uint32_t minrto, std::uint32_t rto, std::uint32_t dead_link, bool stream);
  void set_clock(std::uint32_t now);
  void flush(std::uint32_t now);
  void set_congestion(std::uint32_t cwnd, std::uint32_t incr);
  void set_question(std::uint32_t now, bool due);
  std::uint32_t forget_skips(std::uint32_t now);

 private:
  static int gather(const char* bytes, int count, IKCPCB* kcp, void* user);

  std::unique_ptr<IKCPCB, IkcpRelease> kcp_;
  std::vector<Bytes> output_;
};

Bytes encode_by_ikcp(const IkcpFields& fields);
IkcpFields decode_by_ikcp(const std::uint8_t* bytes);

// ikcp as a program uses it: update() when check() says so, and input as it comes.
class IkcpEnd final : public Machine {
 public:
  explicit IkcpEnd(const kcp::Options& options) : kcp_(conv, options) {}
  bool send(std::span<const std::uint8_t> message, Instant now) override;
  void input(std::span<const std::uint8_t> datagram, Instant now) override;
  std::vector<Bytes> turn(Instant now) override;
  std::optional<Bytes> receive() override { return kcp_.receive(); }
  Instant next_deadline(Instant now) override;
  bool drained() override;
  Ikcp& core() { return kcp_; }

 private:
  Ikcp kcp_;
};

}  // namespace penstock::diff
