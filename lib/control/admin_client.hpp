// Admin client: asks the admin socket of a running penstock one thing and gives back what it says: penstock --admin.
//
// Plain POSIX, without EAL; waits some seconds at the most. Main thread.
#pragma once

#include <expected>
#include <string>
#include <string_view>

namespace penstock::control {

// The reply to `command` from the socket at `path`. The error is one sentence: the socket cannot be reached, it does not
// answer, or the reply is an {"error": …}, which then is the sentence.
std::expected<std::string, std::string> ask_admin(const std::string& path, std::string_view command);

}  // namespace penstock::control
