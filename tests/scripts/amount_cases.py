"""reserve.sh: the amount that a configuration needs, the kernel's command line, and the unit that reserves at boot."""

import re
import shutil

from cases import case, expect, expect_done, expect_refused
from machine import ROOT
from reserve_cases import RESERVE, two_nodes

UNIT = ROOT / "hugepages-setup/penstock-hugepages.service.in"


@case
def a_configuration_tells_the_amount(machines):
    machine = two_nodes(machines)
    machine.kernel["capacity_mib"] = 100.4
    config = machine.path("etc/edge.toml")
    machine.write("etc/edge.toml", "")
    # 101 MiB, 2 % and 24 MB beside them, 8 MB for each worker.
    done = machine.run(RESERVE, "--config", config)
    expect_done(done, "payload that sessions hold", "and DPDK: 34 MB", "needs 135 MB for 1 worker\n", "got 68 more pages")
    done = machine.run(RESERVE, "--config", config, "--workers", "4", "--tag", "four")
    expect_done(done, "and DPDK: 64 MB", "needs 466 MB for 4 workers\n")
    expect(f"penstock -l 0-3 --capacity {config}" in machine.told(), "penstock was asked otherwise", machine.told())


@case
def penstock_is_found_beside_the_scripts(machines):
    machine = two_nodes(machines)
    machine.kernel["capacity_mib"] = 10
    machine.write("etc/edge.toml", "")
    prefix = machine.root / "usr"
    shutil.copytree(ROOT / "hugepages-setup", prefix / "share/penstock/hugepages-setup")
    (prefix / "bin").mkdir()
    (machine.bin / "penstock").rename(prefix / "bin/penstock")
    reserve = prefix / "share/penstock/hugepages-setup/reserve.sh"
    expect_done(machine.run(reserve, "--config", machine.path("etc/edge.toml")), "needs 43 MB")
    (prefix / "bin/penstock").rename(machine.root / "elsewhere")
    expect_refused(machine.run(reserve, "--config", machine.path("etc/edge.toml")), "not in PATH", "--penstock")
    expect_done(machine.run(reserve, "--config", machine.path("etc/edge.toml"), "--penstock", machine.root / "elsewhere"), "needs 43 MB")


@case
def a_configuration_that_will_not_do_is_told(machines):
    machine = two_nodes(machines)
    machine.kernel["faults"] = ["penstock"]
    machine.write("etc/edge.toml", "")
    done = machine.run(RESERVE, "--config", machine.path("etc/edge.toml"))
    expect_refused(done, "cannot use", "see above")
    expect("listener.mtu" in done.err and machine.pages() == (0, 0), "was not told", done)


@case
def the_kernel_line_is_only_words(machines):
    machine = two_nodes(machines)
    machine.kernel["capacity_mib"] = 3000
    machine.write("etc/edge.toml", "")
    picture = machine.picture()
    for words, expected in ((["--megabytes", "2000"], "hugepagesz=2M hugepages=1000\n"),
                            (["--megabytes", "2000", "--node", "all"], "hugepagesz=2M hugepages=0:500,1:500\n"),
                            (["--config", machine.path("etc/edge.toml"), "--size", "1G"],
                             "default_hugepagesz=1G hugepagesz=1G hugepages=4\n")):
        done = machine.run(RESERVE, "--kernel-line", *words)
        expect_done(done, "update-grub")
        expect(done.out == expected, "are other words", done)
    expect("pdpe1gb" in done.err, "the missing flag was not told", done)
    expect(machine.picture() == picture, "something was done")


@case
def the_unit_calls_what_the_script_knows(machines):
    machine = two_nodes(machines)
    unit = UNIT.read_text()
    values = dict(pair.split("=") for pair in re.search(r"^Environment=(.*)$", unit, re.M).group(1).split())
    for key, words in re.findall(r"^(ExecStart|ExecStop)=\S+/reserve\.sh (.*)$", unit, re.M):
        words = re.sub(r"\$\{?(\w+)\}?", lambda name: values[name.group(1)], words).split()
        expect_done(machine.run(RESERVE, *words), "got 512 more" if key == "ExecStart" else "0 left")
    given = set(re.findall(r"^(\w+)=", (UNIT.parent / "penstock-hugepages.default").read_text(), re.M))
    expect(given == set(values), f"the environment file has {given}, the unit {set(values)}")
