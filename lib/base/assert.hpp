// PENSTOCK_ASSERT: a check of our own mistakes, kept on in release builds.
//
// It states one fact per line. Input from a peer, from the network or from the operator never reaches it: those are
// counted drop reasons and error sentences. May be used in every room, on every core.
#pragma once

namespace penstock {

// Prints the fact that did not hold with its place and aborts. Never returns, allocates nothing.
[[noreturn, gnu::cold]] void assertion_failed(const char* fact, const char* file, int line) noexcept;

}  // namespace penstock

#define PENSTOCK_ASSERT(fact) \
  (__builtin_expect(static_cast<bool>(fact), 1) ? static_cast<void>(0) \
                                                : ::penstock::assertion_failed(#fact, __FILE__, __LINE__))
