// Shows what is read of the hugepages, on machines made of files.
#include "nic/hugepages.hpp"

#include <catch2/catch.hpp>

#include "nic/fake_machine.hpp"

using namespace penstock::nic;
using namespace penstock::nic::test;

TEST_CASE("hugepages: pools come by size, and what is free is summed") {
  FakeMachine machine;
  machine.write("/sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages", "4\n");
  machine.write("/sys/kernel/mm/hugepages/hugepages-1048576kB/free_hugepages", "1\n");
  machine.set_hugepages(512, 12);
  const auto pools = hugepage_pools(machine.tree);
  REQUIRE(pools.size() == 2);
  CHECK(pools[0].page_bytes == 2 << 20);
  CHECK(pools[0].total == 512);
  CHECK(pools[1].page_bytes == 1 << 30);
  CHECK(free_bytes(pools) == (std::uint64_t{1} << 30) + (24 << 20));
  CHECK(to_string(pools) == "2 MiB pages: 12 of 512 free, 1 GiB pages: 1 of 4 free");
}

TEST_CASE("hugepages: sizes of pages in words") {
  CHECK(page_size_text(4096) == "4 KiB");
  CHECK(page_size_text(64 << 10) == "64 KiB");
  CHECK(page_size_text(2 << 20) == "2 MiB");
  CHECK(page_size_text(std::uint64_t{16} << 30) == "16 GiB");
}

TEST_CASE("hugepages: a kernel without them has none") {
  FakeMachine machine;
  CHECK(hugepage_pools(machine.tree).empty());
  CHECK(free_bytes({}) == 0);
  CHECK(to_string(std::vector<HugepagePool>{}) == "this kernel has none");
}

TEST_CASE("hugepages: mounts are told with their page size") {
  FakeMachine machine;
  machine.write("/proc/mounts",
                "proc /proc proc rw 0 0\n"
                "none /dev/hugepages hugetlbfs rw,relatime,pagesize=2M 0 0\n"
                "none /mnt/huge hugetlbfs rw,pagesize=1024M,uid=7 0 0\n"
                "none /mnt/small hugetlbfs rw,pagesize=64K 0 0\n"
                "none /mnt/big hugetlbfs rw,pagesize=1G 0 0\n"
                "none /mnt/old hugetlbfs rw 0 0\n");
  const auto mounts = hugepage_mounts(machine.tree);
  REQUIRE(mounts.size() == 5);
  CHECK(mounts[0].path == "/dev/hugepages");
  CHECK(mounts[0].page_bytes == 2 << 20);
  CHECK(mounts[1].page_bytes == 1 << 30);
  CHECK(mounts[2].page_bytes == 64 << 10);
  CHECK(mounts[3].page_bytes == 1 << 30);
  CHECK(mounts[4].page_bytes == 0);
}
