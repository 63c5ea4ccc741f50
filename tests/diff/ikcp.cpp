#include "diff/ikcp.hpp"

#include <dlfcn.h>

#include <filesystem>
#include <utility>

namespace penstock::diff {

namespace {

struct Calls {
  IKCPCB* (*create)(std::uint32_t conv, void* user);
  void (*release)(IKCPCB* kcp);
  void (*setoutput)(IKCPCB* kcp, int (*output)(const char*, int, IKCPCB*, void*));
  int (*recv)(IKCPCB* kcp, char* bytes, int room);
  int (*peeksize)(const IKCPCB* kcp);
  int (*send)(IKCPCB* kcp, const char* bytes, int count);
  void (*update)(IKCPCB* kcp, std::uint32_t now);
  std::uint32_t (*check)(const IKCPCB* kcp, std::uint32_t now);
  int (*input)(IKCPCB* kcp, const char* bytes, long count);
  int (*wndsize)(IKCPCB* kcp, int send, int receive);
  int (*setmtu)(IKCPCB* kcp, int mtu);
  int (*nodelay)(IKCPCB* kcp, int nodelay, int interval, int resend, int no_congestion);
  decltype(&shim_look) look;
  decltype(&shim_begin) begin;
  decltype(&shim_tune) tune;
  decltype(&shim_set_clock) set_clock;
  decltype(&shim_flush) flush;
  decltype(&shim_set_congestion) set_congestion;
  decltype(&shim_set_question) set_question;
  decltype(&shim_forget_skips) forget_skips;
  decltype(&shim_encode) encode;
  decltype(&shim_decode) decode;
};
Calls calls;

template <class Function>
void find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  require(function != nullptr, std::string("libikcp.so has no ") + name);
}

std::uint32_t ms_of(Instant now) { return static_cast<std::uint32_t>(now.count_ms()); }

}  // namespace

std::string ikcp_library() {
  const auto self = std::filesystem::read_symlink("/proc/self/exe");
  return (self.parent_path().parent_path().parent_path() / "diff" / "libikcp.so").string();
}

void load_ikcp(const std::string& path) {
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  require(library != nullptr, path + " cannot be loaded; tests/diff/build_ikcp.sh makes it");
  find(library, "ikcp_create", calls.create);
  find(library, "ikcp_release", calls.release);
  find(library, "ikcp_setoutput", calls.setoutput);
  find(library, "ikcp_recv", calls.recv);
  find(library, "ikcp_peeksize", calls.peeksize);
  find(library, "ikcp_send", calls.send);
  find(library, "ikcp_update", calls.update);
  find(library, "ikcp_check", calls.check);
  find(library, "ikcp_input", calls.input);
  find(library, "ikcp_wndsize", calls.wndsize);
  find(library, "ikcp_setmtu", calls.setmtu);
  find(library, "ikcp_nodelay", calls.nodelay);
  find(library, "shim_look", calls.look);
  find(library, "shim_begin", calls.begin);
  find(library, "shim_tune", calls.tune);
  find(library, "shim_set_clock", calls.set_clock);
  find(library, "shim_flush", calls.flush);
  find(library, "shim_set_congestion", calls.set_congestion);
  find(library, "shim_set_question", calls.set_question);
  find(library, "shim_forget_skips", calls.forget_skips);
  find(library, "shim_encode", calls.encode);
  find(library, "shim_decode", calls.decode);
}

void IkcpRelease::operator()(IKCPCB* kcp) const { calls.release(kcp); }

Ikcp::Ikcp(std::uint32_t conversation, const kcp::Options& options) : kcp_(calls.create(conversation, this)) {
  require(kcp_ != nullptr, "ikcp_create() failed");
  calls.setoutput(kcp_.get(), &Ikcp::gather);
  calls.nodelay(kcp_.get(), options.nodelay, static_cast<int>(options.interval_ms), options.resend,
                options.no_congestion_window);
  calls.wndsize(kcp_.get(), static_cast<int>(options.snd_wnd), static_cast<int>(options.rcv_wnd));
  require(calls.setmtu(kcp_.get(), options.mtu) == 0, "ikcp refuses the mtu");
  const IkcpLook now = look();
  tune(now.interval, now.minrto, now.rto, options.dead_link, options.stream);
}

int Ikcp::gather(const char* bytes, int count, IKCPCB*, void* user) {
  static_cast<Ikcp*>(user)->output_.emplace_back(bytes, bytes + count);
  return 0;
}

int Ikcp::send(std::span<const std::uint8_t> message) {
  return calls.send(kcp_.get(), reinterpret_cast<const char*>(message.data()), static_cast<int>(message.size()));
}
int Ikcp::input(std::span<const std::uint8_t> datagram) {
  return calls.input(kcp_.get(), reinterpret_cast<const char*>(datagram.data()), static_cast<long>(datagram.size()));
}

std::optional<Bytes> Ikcp::receive() {
  const int size = calls.peeksize(kcp_.get());
  if (size < 0) return std::nullopt;
  // A room of nothing would be a peek to ikcp as well.
  Bytes bytes(static_cast<std::size_t>(size) + 1);
  require(calls.recv(kcp_.get(), reinterpret_cast<char*>(bytes.data()), size + 1) == size, "ikcp_recv() failed");
  bytes.resize(static_cast<std::size_t>(size));
  return bytes;
}

void Ikcp::update(std::uint32_t now) { calls.update(kcp_.get(), now); }
std::uint32_t Ikcp::check(std::uint32_t now) const { return calls.check(kcp_.get(), now); }

IkcpLook Ikcp::look() const {
  IkcpLook look;
  calls.look(kcp_.get(), &look);
  return look;
}
void Ikcp::begin(std::uint32_t send_first, std::uint32_t receive_first) {
  calls.begin(kcp_.get(), send_first, receive_first);
}
void Ikcp::tune(std::uint32_t interval, std::uint32_t minrto, std::uint32_t rto, std::uint32_t dead_link, bool stream) {
  calls.tune(kcp_.get(), interval, minrto, rto, dead_link, stream);
}
void Ikcp::set_clock(std::uint32_t now) { calls.set_clock(kcp_.get(), now); }
void Ikcp::flush(std::uint32_t now) { calls.flush(kcp_.get(), now); }
void Ikcp::set_congestion(std::uint32_t cwnd, std::uint32_t incr) { calls.set_congestion(kcp_.get(), cwnd, incr); }
void Ikcp::set_question(std::uint32_t now, bool due) { calls.set_question(kcp_.get(), now, due); }
std::uint32_t Ikcp::forget_skips(std::uint32_t now) { return calls.forget_skips(kcp_.get(), now); }

Bytes encode_by_ikcp(const IkcpFields& fields) {
  Bytes bytes(kcp::header_bytes);
  calls.encode(&fields, reinterpret_cast<char*>(bytes.data()));
  return bytes;
}
IkcpFields decode_by_ikcp(const std::uint8_t* bytes) {
  IkcpFields fields;
  calls.decode(reinterpret_cast<const char*>(bytes), &fields);
  return fields;
}

bool IkcpEnd::send(std::span<const std::uint8_t> message, Instant) { return kcp_.send(message) >= 0; }
void IkcpEnd::input(std::span<const std::uint8_t> datagram, Instant) {
  require(kcp_.input(datagram) == 0, "ikcp refuses a datagram:" + tell({Bytes(datagram.begin(), datagram.end())}));
}
std::vector<Bytes> IkcpEnd::turn(Instant now) {
  kcp_.update(ms_of(now));
  return kcp_.take();
}
Instant IkcpEnd::next_deadline(Instant now) {
  const std::uint32_t wait_ms = kcp_.check(ms_of(now)) - ms_of(now);
  return Instant::at_us((now.count_ms() + (wait_ms == 0 ? 1 : wait_ms)) * 1000);
}
bool IkcpEnd::drained() {
  const IkcpLook look = kcp_.look();
  return look.unsent == 0 && look.in_flight_kept == 0 && look.ack_count == 0;
}

}  // namespace penstock::diff
