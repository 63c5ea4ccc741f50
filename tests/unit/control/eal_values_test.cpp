// Shows for each form of value what passes and what does not; DPDK 22.11 itself was asked about the odd ones.
#include "control/eal_values.hpp"

#include <catch2/catch.hpp>
#include <vector>

namespace penstock::control::eal {

namespace {

using Check = Complaint (*)(std::string_view);

void expect(Check check, const std::vector<std::string_view>& good, const std::vector<std::string_view>& bad) {
  for (const std::string_view value : good) {
    INFO(value);
    CHECK_FALSE(check(value));
  }
  for (const std::string_view value : bad) {
    INFO(value);
    CHECK(check(value));
  }
}

}  // namespace

TEST_CASE("cores") {
  expect(core_list, {"0", "0-3", "0-3,5", "1,1", "127"},
         {"", "0-", "-0", "3-1", "0,", ",0", "0,,1", "128", "0x1", "0 1", "a"});
  expect(core_mask, {"1", "0x2f", "0XF", "00001", "ffffffffffffffffffffffffffffffff"},
         {"", "0", "0x", "0x0", "g", "0x1g", "1fffffffffffffffffffffffffffffffff"});
  expect(core_map, {"0", "0@1", "(0-1)@0,2@(4,5)", "0,2-3"}, {"", "(0", "0)", ")(", "((0))", "0;1", "a@1"});
  expect(core, {"0", "127"}, {"", "128", "-1", "x", "1 "});
}

TEST_CASE("cores of a list or a mask are counted once each") {
  CHECK(core_list_count("0") == 1);
  CHECK(core_list_count("0-3,5") == 5);
  CHECK(core_list_count("1,1,0-2") == 3);
  CHECK(core_list_count("0-127") == 128);
  CHECK(core_mask_count("0x2f") == 5);
  CHECK(core_mask_count("1") == 1);
  CHECK(core_mask_count("0XF0f") == 8);
}

TEST_CASE("numbers") {
  expect(positive, {"1", "4", "2147483647"}, {"", "0", "-1", "2147483648", "99999999999999999999", "4x", "0x4", " 4"});
  expect(ranks, {"1", "16"}, {"0", "17", ""});
  expect(megabyte_list, {"0", "1024", "1024,0", "0,0,512"}, {"", ",", "1024,", "1G", "-5", "a"});
  expect(hexadecimal, {"0", "0x100000000", "7f"}, {"", "0x", "zz", "0x10000000000000000"});
  expect(simd_width, {"0", "64", "256", "512"}, {"", "32", "100", "65536", "x"});
}

TEST_CASE("names and devices") {
  expect(any, {"x", "/a b"}, {""});
  expect(file_prefix, {"rte", "penstock-1", "a.b", "A_9"},
         {"", ".", "..", ".a", "a/b", "../x", "a%d", "a b", "a\n", "é"});
  CHECK_FALSE(file_prefix(std::string(64, 'a')));
  CHECK(file_prefix(std::string(65, 'a')));
  expect(device,
         {"3b:00.0", "0000:3b:00.7", "10000:3b:00.0", "0000:3b:00.0,class=eth", "vmbus:634cda72-0001",
          "auxiliary:mlx5_core.sf.4"},
         {"", "3b:00", "3b:00.8", "0000:3b:00.", "0:0:3b:00.0", "3b:000.0", ":00.0", ",class=eth", "."});
  expect(virtual_device, {"net_tap0", "net_tap0,iface=x", "crypto_openssl"},
         {"", ",iface=x", "0net", "net tap0", "net-tap0", "net_tap0;x", "net_tap0\n"});
  CHECK(virtual_device(std::string(64, 'a')));
}

TEST_CASE("words") {
  expect(iova_mode, {"pa", "va"}, {"", "PA", "auto"});
  expect(huge_unlink, {"existing", "always", "never"}, {"", "sometimes"});
  expect(process_type, {"primary"}, {"secondary", "auto", ""});
  expect(vfio_interrupt, {"legacy", "msi", "msix"}, {"", "intx"});
  expect(trace_mode, {"o", "overwrite", "d", "discard"}, {"", "x"});
  expect(log_level, {"debug", "lib.eal:debug", "8"}, {"", "help"});
}

TEST_CASE("a device is named by what stands before its first comma") {
  CHECK(device_name("net_tap0") == "net_tap0");
  CHECK(device_name("net_tap0,iface=a,b=c") == "net_tap0");
  CHECK(device_name("") == "");
}

}  // namespace penstock::control::eal
