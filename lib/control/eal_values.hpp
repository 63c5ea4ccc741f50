// EAL values: what a value of an EAL option must look like, as far as its text alone can tell (DPDK 22.11).
//
// Each check returns nothing when the value will do, else the end of a sentence: "is no list of cores such as 0-3,5".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace penstock::control::eal {

using Complaint = std::optional<std::string>;

inline constexpr unsigned lcores_max = 128;  // RTE_MAX_LCORE of Debian's build

Complaint any(std::string_view value);            // not empty
Complaint core_list(std::string_view value);      // 0-3,5
Complaint core_mask(std::string_view value);      // 0x2f
Complaint core_map(std::string_view value);       // (0-1)@0,2@(4,5)
Complaint core(std::string_view value);           // 3
Complaint positive(std::string_view value);       // 1 … 2^31 − 1
Complaint ranks(std::string_view value);          // 1 … 16
Complaint megabyte_list(std::string_view value);  // 1024,0
Complaint hexadecimal(std::string_view value);
Complaint file_prefix(std::string_view value);     // a plain directory name of at most 64 bytes
Complaint device(std::string_view value);          // [domain:]bus:device.function or bus:name, then ,key=value…
Complaint virtual_device(std::string_view value);  // driver and number, then ,key=value…
Complaint iova_mode(std::string_view value);
Complaint huge_unlink(std::string_view value);
Complaint process_type(std::string_view value);  // primary: there is nothing that a second process could do
Complaint vfio_interrupt(std::string_view value);
Complaint simd_width(std::string_view value);  // 0, or a power of two from 64 on
Complaint trace_mode(std::string_view value);
Complaint log_level(std::string_view value);

// How many cores a list or a mask that is good names; one that is named twice counts once.
std::uint32_t core_list_count(std::string_view value);
std::uint32_t core_mask_count(std::string_view value);

// The part of a device that names it: "net_tap0" of "net_tap0,iface=x".
std::string_view device_name(std::string_view value);

}  // namespace penstock::control::eal
