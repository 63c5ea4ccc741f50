"""reserve.sh: pools by size and node, memory that is short or in pieces, and the way back."""

import shutil

from cases import case, expect, expect_done, expect_refused

RESERVE = "hugepages-setup/reserve.sh"


def two_nodes(machines, **more):
    machine = machines()
    for number in (0, 1):
        machine.add_node(number, **more)
    return machine


def without_numa(machines):
    """A kernel without CONFIG_NUMA: memory, and no directories of nodes."""
    machine = machines()
    machine.add_node(0)
    machine.kernel["numa"] = False
    shutil.rmtree(machine.path("sys/devices/system/node"))
    return machine


def refused(machine, *words, said=(), status=1):
    """Refused for a reason that holds these words, and as it was before."""
    picture = machine.picture()
    expect_refused(machine.run(RESERVE, *words), *said, status=status)
    expect(machine.picture() == picture, "is not as it was")


@case
def reserves_mounts_and_gives_back(machines):
    machine = two_nodes(machines)
    picture = machine.picture()
    expect_done(machine.run(RESERVE, "--megabytes", "100"), "got 50 more pages of 2M (100 MB): 50 in all, 50 free",
                "mounted a hugetlbfs with 2M pages on /dev/hugepages")
    expect(machine.read("run/penstock/hugepages.default") == "pages 2M - 50\nmade_dir /dev/hugepages\nmounted /dev/hugepages\n",
           "the note is wrong")
    again = machine.picture()
    expect_done(machine.run(RESERVE, "--megabytes", "100"), "are there already")
    expect(machine.picture() == again, "something was done again")
    expect_done(machine.run(RESERVE, "--release"), "unmounted /dev/hugepages", "gave back 50 pages of 2M: 0 left")
    expect(machine.picture() == picture, "is not as it was")
    expect_done(machine.run(RESERVE, "--release"), "nothing to give back for 'default'")


@case
def dry_run_of_reserve_changes_nothing(machines):
    machine = two_nodes(machines)
    picture = machine.picture()
    expect_done(machine.run(RESERVE, "--dry-run", "--megabytes", "100", "--node", "all"),
                "would raise 2M pages on node 0 from 0 to 25 (50 MB more)", "on node 1 from 0 to 25", "would mount")
    expect(machine.picture() == picture, "something was done")
    machine.run(RESERVE)
    picture = machine.picture()
    expect_done(machine.run(RESERVE, "--dry-run", "--release"), "would lower 2M pages from 512 to 0", "would unmount")
    expect(machine.picture() == picture, "something was done")


@case
def what_others_reserved_stays(machines):
    machine = two_nodes(machines)
    machine.run(RESERVE, "--tag", "other", "--megabytes", "20")
    machine.use_pages(0, 4)
    expect_done(machine.run(RESERVE, "--megabytes", "40"), "got 14 more pages of 2M")
    expect(machine.pages() == (24, 20), f"there are {machine.pages()}")
    expect_done(machine.run(RESERVE, "--release"), "gave back 14 pages", "10 left")
    expect(machine.path("run/penstock/hugepages.other").exists(), "the other's note is gone")


@case
def pages_of_ours_in_use_are_not_asked_for_twice(machines):
    machine = two_nodes(machines)
    machine.run(RESERVE, "--megabytes", "40", "--node", "1")
    machine.use_pages(1, 15)
    expect_done(machine.run(RESERVE, "--megabytes", "40", "--node", "1"), "are there already: node 1: 20 in all, 5 free")


@case
def pages_that_somebody_took_away_are_not_there(machines):
    machine = two_nodes(machines)
    picture = machine.picture()
    machine.run(RESERVE, "--megabytes", "40")
    machine.set_pages(0, 0)
    machine.set_pages(1, 0)
    before = machine.picture()
    expect_done(machine.run(RESERVE, "--dry-run", "--megabytes", "40"), "would raise 2M pages from 0 to 20")
    expect(machine.picture() == before, "something was done")
    expect_done(machine.run(RESERVE, "--megabytes", "40"), "got 20 more pages of 2M (40 MB): 20 in all")
    # What is gone is not given back: others have added as many since.
    machine.set_pages(1, machine.pages(1)[0] + 20)
    expect_done(machine.run(RESERVE, "--release"), "gave back 20 pages of 2M: 20 left")
    machine.set_pages(0, 0)
    machine.set_pages(1, 0)
    expect(machine.picture() == picture, "is not as it was")


@case
def a_part_that_somebody_took_away_is_raised_again(machines):
    machine = two_nodes(machines)
    machine.run(RESERVE, "--megabytes", "40", "--node", "1")
    machine.run(RESERVE, "--megabytes", "60", "--node", "1")
    machine.set_pages(1, 25)
    expect_done(machine.run(RESERVE, "--megabytes", "60", "--node", "1"), "got 5 more pages of 2M (10 MB): node 1: 30 in all")
    notes = machine.read("run/penstock/hugepages.default")
    expect(notes.endswith("pages 2M 1 5\npages 2M 1 5\n") and notes.startswith("pages 2M 1 20\n"), f"the notes are {notes}")
    expect_done(machine.run(RESERVE, "--release"), "node 1: 0 left")


@case
def one_node_several_and_all(machines):
    for words, expected in ((["--node", "1"], (0, 100)), (["--node", "0,1"], (50, 50)), (["--node", "all"], (50, 50))):
        machine = two_nodes(machines)
        machine.write("sys/devices/system/node/node2/meminfo", "Node 2 MemTotal: 0 kB\n")
        expect_done(machine.run(RESERVE, "--megabytes", "200", *words), "got 100 more pages of 2M (200 MB)", "node 1: ")
        got = machine.pages(0)[0], machine.pages(1)[0]
        expect(got == expected, f"{words}: got {got}")
        expect_done(machine.run(RESERVE, "--release"), "on node 1: 0 left")
        expect(machine.pages() == (0, 0), "pages are left")


@case
def a_kernel_without_numa_has_one_pool(machines):
    machine = without_numa(machines)
    picture = machine.picture()
    expect_done(machine.run(RESERVE, "--kernel-line", "--megabytes", "200", "--node", "all"), "hugepagesz=2M hugepages=100\n")
    expect_done(machine.run(RESERVE, "--megabytes", "200", "--node", "all"), "got 100 more pages of 2M (200 MB): 100 in all")
    expect_done(machine.run(RESERVE, "--release"), "gave back 100 pages of 2M: 0 left")
    expect(machine.picture() == picture, "is not as it was")
    refused(machine, "--node", "0", said=["no 2M hugepages on node 0"])


@case
def a_node_named_twice_is_one(machines):
    machine = two_nodes(machines)
    expect_done(machine.run(RESERVE, "--megabytes", "200", "--node", "1,0,1"), "node 0: 50 in all", "node 1: 50 in all")
    machine = two_nodes(machines, obtainable=(60, 0))
    machine.write("fake/compacted", "")
    refused(machine, "--megabytes", "400", "--node", "0,0", said=["got 60 pages of 2M (120 MB)", "was put back", "hugepages=0:200"])


@case
def an_uneven_amount_is_rounded_up_on_each_node(machines):
    machine = two_nodes(machines)
    machine.add_node(2)
    expect_done(machine.run(RESERVE, "--megabytes", "200", "--node", "all"))
    expect([machine.pages(n)[0] for n in (0, 1, 2)] == [34, 34, 34], "is not even")


@case
def pages_of_1_gib_have_a_mount_of_their_own(machines):
    machine = two_nodes(machines)
    machine.write("proc/mounts", "hugetlbfs /dev/hugepages hugetlbfs rw,relatime,pagesize=2M 0 0\n")
    expect_done(machine.run(RESERVE, "--size", "1G", "--megabytes", "1500", "--node", "0"), "got 2 more pages of 1G (2048 MB)",
                "with 1G pages on /dev/hugepages-1G")
    expect(machine.pages(0, 1048576) == (2, 2) and machine.pages(0) == (0, 0), "are others")
    expect_done(machine.run(RESERVE, "--size", "1G", "--megabytes", "1500", "--node", "0"), "are there already")
    expect_done(machine.run(RESERVE, "--release"), "unmounted /dev/hugepages-1G")
    expect("pagesize=2M" in machine.read("proc/mounts"), "the other mount is gone")


@case
def a_size_or_node_that_is_not_there_is_told(machines):
    machine = machines()
    machine.add_node(0, sizes=(2048,))
    refused(machine, "--size", "1G", said=["no 1G hugepages"])
    refused(machine, "--node", "3", said=["no 2M hugepages on node 3"])


@case
def short_memory_is_refused_with_the_sum_and_the_kernel_line(machines):
    machine = machines()
    machine.add_node(0, free_mb=600)
    refused(machine, "--megabytes", "400", said=["200 pages of 2M (400 MB) more are wanted", "only 600 MB", "256 MB of them stay",
                                                 "'hugepagesz=2M hugepages=200'", "--take-what-is-there"])
    machine.add_node(1, free_mb=4000)
    refused(machine, "--megabytes", "1000", "--node", "all",
            said=["250 pages of 2M (500 MB) more are wanted on node 0, but only 600 MB", "hugepages=0:250,1:250"])


@case
def what_short_memory_has_is_taken_when_asked_for(machines):
    machine = machines()
    machine.add_node(0, free_mb=600)
    done = machine.run(RESERVE, "--megabytes", "400", "--take-what-is-there")
    expect_done(done, "wanted 200 pages of 2M (400 MB) more, got 172 pages of 2M (344 MB)", "memory is short", "is kept")
    expect(machine.read("run/penstock/hugepages.default").startswith("pages 2M - 172\n"), "the note is wrong")
    expect_done(machine.run(RESERVE, "--release"), "gave back 172 pages", "0 left")


@case
def memory_in_pieces_gives_all_or_nothing(machines):
    machine = two_nodes(machines, obtainable=(60, 0))
    machine.write("fake/compacted", "")
    refused(machine, "--megabytes", "400", "--node", "all",
            said=["wanted 200 pages of 2M (400 MB) more, got 120 pages of 2M (240 MB)", "node 0: 8192 MB available",
                  "with 10 free pieces of 2 MiB; node 1", "memory is in pieces", "was put back", "hugepages=0:100,1:100"])
    expect("tell 1 proc/sys/vm/compact_memory" in machine.told(), "was not compacted")
    expect(machine.pages() == (0, 0) and not machine.path("run/penstock").exists(), "something is left")


@case
def memory_in_pieces_gives_what_is_there_when_asked_for(machines):
    machine = two_nodes(machines, obtainable=(60, 1))
    done = machine.run(RESERVE, "--megabytes", "400", "--node", "all", "--take-what-is-there")
    expect_done(done, "WARNING: wanted 200 pages", "got 120 pages of 2M (240 MB)", "is kept", "got 120 more pages of 2M (240 MB)")
    notes = machine.read("run/penstock/hugepages.default")
    expect(notes.startswith("pages 2M 0 60\npages 2M 1 60\n"), f"the notes are {notes}")
    done = machine.run(RESERVE, "--megabytes", "4096", "--size", "1G", "--take-what-is-there")
    expect_done(done, "got 2 pages of 1G", "a piece of 1 GiB is hardly found after boot")
    expect_done(machine.run(RESERVE, "--release"))
    expect(machine.pages() == (0, 0) and machine.pages(0, 1048576) == (0, 0), "pages are left")


@case
def nothing_at_all_is_a_failure_even_then(machines):
    machine = two_nodes(machines, obtainable=(0, 0))
    machine.write("fake/compacted", "")
    refused(machine, "--megabytes", "400", "--take-what-is-there", said=["got 0 pages of 2M (0 MB)", "memory is in pieces"])


@case
def compaction_is_tried(machines):
    machine = machines()
    machine.add_node(0, obtainable=(60, 0))
    machine.kernel["after_compaction"] = 100
    expect_done(machine.run(RESERVE, "--megabytes", "200"), "got 100 more pages")


@case
def a_mount_that_fails_is_told_and_the_pages_can_be_given_back(machines):
    machine = two_nodes(machines)
    machine.kernel["faults"] = ["mount"]
    expect_refused(machine.run(RESERVE), "cannot mount a hugetlbfs")
    expect_done(machine.run(RESERVE, "--release"), "0 left")


@case
def a_mount_in_use_stays(machines):
    machine = two_nodes(machines)
    machine.run(RESERVE)
    machine.kernel["faults"] = ["busy"]
    expect_done(machine.run(RESERVE, "--release"), "left /dev/hugepages mounted", "0 left")


@case
def wrong_use_of_reserve_ends_with_2(machines):
    machine = two_nodes(machines)
    for words, said in ((["--size", "4M"], "--size: '4M'"), (["--megabytes", "0"], "--megabytes: '0'"), (["--node", "x"], "--node: 'x'"),
                        (["--node", "0,"], "--node"), (["--tag", "a/b"], "--tag"), (["--tag"], "--tag needs a value"),
                        (["--config", "nowhere.toml"], "'nowhere.toml' cannot be read"), (["--workers", "2"], "--workers needs --config"),
                        (["--workers", "0"], "--workers: '0'"), (["--pages", "3"], "unknown option '--pages'"),
                        (["--config", "/dev/null", "--megabytes", "4"], "leave out --megabytes"),
                        (["--config", "/dev/null", "--penstock", "/dev/null"], "is no program")):
        refused(machine, *words, said=[said, "see --help"], status=2)
    expect_done(machine.run(RESERVE, "--help"), "Usage: reserve.sh", "Exit: 0 done")
