"""verify.sh: whether the pages are there, the mount is open to its user, and which files nobody uses any more."""

import fcntl

from cases import case, expect, expect_done, expect_refused
from reserve_cases import RESERVE, two_nodes, without_numa

VERIFY = "hugepages-setup/verify.sh"


def reserved(machines, *words):
    machine = two_nodes(machines)
    expect_done(machine.run(RESERVE, "--megabytes", "200", *words))
    return machine


@case
def all_fits_after_reserve(machines):
    machine = reserved(machines, "--node", "all")
    machine.kernel["capacity_mib"] = 100
    machine.write("etc/edge.toml", "")
    picture = machine.picture()
    for words in (["--megabytes", "200"], ["--megabytes", "200", "--node", "all"], ["--config", machine.path("etc/edge.toml")], []):
        expect_done(machine.run(VERIFY, *words), "mounted on /dev/hugepages", "gone: 0", "verify: all fits")
    expect(machine.picture() == picture, "something was changed")


@case
def too_few_pages_name_the_command_that_mends_it(machines):
    machine = reserved(machines, "--node", "0")
    machine.use_pages(0, 30)
    done = machine.run(VERIFY, "--megabytes", "200")
    expect_refused(done, "not all fits")
    expect("100 free pages (200 MB) are needed, 70 are there" in done.err, "was not told", done)
    expect("reserve.sh --megabytes 200\n" in done.err, "nothing mends it", done)
    done = machine.run(VERIFY, "--megabytes", "200", "--node", "0,1")
    expect("50 free pages (100 MB) are needed on node 1, 0 are there" in done.err, "was not told", done)
    expect("on node 0" not in done.err and "--node 0,1\n" in done.err, "was told of node 0", done)
    done = machine.run(VERIFY, "--size", "1G", "--node", "5")
    expect("no 1G hugepages on node 5" in done.err and "no hugetlbfs with 1G pages" in done.err, "was not told", done)


@case
def what_mends_it_mends_it(machines):
    machine = two_nodes(machines)
    machine.kernel["capacity_mib"] = 100
    machine.write("etc/edge.toml", "")
    config = ["--config", machine.path("etc/edge.toml"), "--workers", "2", "--node", "all"]
    done = machine.run(VERIFY, *config)
    expect_refused(done, "not all fits")
    command = done.err.split("mend it: sudo ")[1].split("\n")[0].split()
    expect_done(machine.run(*command))
    expect_done(machine.run(VERIFY, *config), "all fits")


@case
def a_mount_that_the_user_may_not_write_is_told(machines):
    machine = reserved(machines)
    machine.path("dev/hugepages").chmod(0o755)
    done = machine.run(VERIFY, "--user", "nobody")
    expect_refused(done, "not all fits")
    expect("nobody may not write there" in done.err and "chown nobody /dev/hugepages" in done.err, "was not told", done)
    machine.path("dev/hugepages").chmod(0o1777)
    expect_done(machine.run(VERIFY, "--user", "nobody"), "all fits")


@case
def stale_files_are_listed_and_cleaned_and_no_others(machines):
    machine = reserved(machines)
    place = machine.path("dev/hugepages")
    for name in ("edgemap_0", "edgemap_1", "mappedmap_0", "openmap_0", "lockedmap_0", "notes"):
        (place / name).write_bytes(bytes(1 << 20))
    machine.write("proc/55/maps", "7f00-7f20 rw-s 00000000 00:0f 123   /dev/hugepages/mappedmap_0\n")
    machine.hold("/dev/hugepages/openmap_0", pid=56)
    with open(place / "lockedmap_0", "rb") as held:
        fcntl.flock(held, fcntl.LOCK_SH)
        done = machine.run(VERIFY)
        expect_refused(done, "not all fits")
        expect("gone: 2\n  /dev/hugepages/edgemap_0\n  /dev/hugepages/edgemap_1\n" in done.out, "are others", done)
        expect("2 MB of hugepages" in done.err and "verify.sh --clean" in done.err, "was not told", done)
        expect(len(list(place.iterdir())) == 6, "was removed without --clean", done)
        expect_done(machine.run(VERIFY, "--clean"), "removed /dev/hugepages/edgemap_0", "all fits")
        left = sorted(path.name for path in place.iterdir())
        expect(left == ["lockedmap_0", "mappedmap_0", "notes", "openmap_0"], f"left are {left}")


@case
def wrong_use_of_verify_ends_with_2(machines):
    machine = reserved(machines)
    for words, said in ((["--user", "no-such-user"], "no user 'no-such-user'"), (["--size", "3M"], "--size"), (["--fix"], "'--fix'"),
                        (["--node"], "--node needs a value")):
        expect_refused(machine.run(VERIFY, *words), said, "see --help", status=2)
    expect_done(machine.run(VERIFY, "--help"), "Usage: verify.sh")


@case
def all_fits_on_a_kernel_without_numa(machines):
    machine = without_numa(machines)
    expect_done(machine.run(RESERVE, "--megabytes", "200", "--node", "all"))
    expect_done(machine.run(VERIFY, "--megabytes", "200", "--node", "all"), "reserved: 100 pages (200 MB)", "verify: all fits")


@case
def a_node_named_twice_is_verified_once(machines):
    machine = reserved(machines, "--node", "0")
    done = machine.run(VERIFY, "--megabytes", "200", "--node", "0,0")
    expect_done(done, "verify: all fits")
    expect(done.out.count("reserved on node 0") == 1, "is told twice", done)
