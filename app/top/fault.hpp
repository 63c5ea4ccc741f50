// Fault: why a penstock could not be asked, as a kind to act upon and a sentence to show.
#pragma once

#include <cstdint>
#include <string>

namespace penstock::top {

struct Fault {
  enum class Kind : std::uint8_t {
    no_socket,   // there is no such file
    ended,       // the file is there and nobody listens, or the connection broke
    hung_up,     // the other end closed the connection
    permission,  // the socket may not be opened
    full,        // all places for clients are taken
    silent,      // no answer in time
    strange,     // an answer that no penstock gives
    refused,     // the answer is an error, told in a sentence
    unknown,     // penstock has no such command: it is older than we are
  } kind = Kind::strange;
  std::string sentence;  // without a full stop
};

}  // namespace penstock::top
