#include "bench/rivals/ikcp.hpp"

#include <dlfcn.h>

#include <filesystem>
#include <string>

#include "bench/part.hpp"

namespace penstock::bench {

namespace {

// Beside the build directory's app/bench, where the executable lies.
std::string library_path() {
  const auto self = std::filesystem::read_symlink("/proc/self/exe");
  return (self.parent_path().parent_path().parent_path() / "rivals" / "libikcp.so").string();
}

template <class Function>
void find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  if (function == nullptr) throw BenchError(std::string("libikcp.so has no ") + name);
}

IkcpCalls load() {
  const std::string path = library_path();
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) throw BenchError(path + " cannot be loaded; app/bench/rivals/build_ikcp.sh makes it");
  IkcpCalls calls{};
  find(library, "ikcp_create", calls.create);
  find(library, "ikcp_release", calls.release);
  find(library, "ikcp_setoutput", calls.setoutput);
  find(library, "ikcp_recv", calls.recv);
  find(library, "ikcp_send", calls.send);
  find(library, "ikcp_update", calls.update);
  find(library, "ikcp_check", calls.check);
  find(library, "ikcp_input", calls.input);
  find(library, "ikcp_wndsize", calls.wndsize);
  find(library, "ikcp_nodelay", calls.nodelay);
  find(library, "ikcp_shim_flush_at", calls.flush_at);
  return calls;
}

}  // namespace

const IkcpCalls& ikcp() {
  static const IkcpCalls calls = load();
  return calls;
}

IkcpPointer make_ikcp(std::uint32_t conv, int window, IkcpCalls::Output output, void* user) {
  IkcpPointer kcp(ikcp().create(conv, user));
  require(kcp != nullptr, "ikcp_create() failed");
  ikcp().setoutput(kcp.get(), output);
  ikcp().nodelay(kcp.get(), 1, 10, 2, 1);
  ikcp().wndsize(kcp.get(), window, window);
  return kcp;
}

}  // namespace penstock::bench
