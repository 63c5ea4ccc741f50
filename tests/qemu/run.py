#!/usr/bin/env python3
"""run.py - penstock on really bound network cards: in a QEMU guest with an IOMMU
the project's own scripts bind the cards and reserve hugepages, penstock drives
them by their physical drivers, the original ikcp talks to it from outside over
IPv4 and IPv6 with every byte compared, and the kernel gets its cards back.

One line per case, `ok NAME ...` or `FAIL NAME: reason`, and a closing
`qemu: N passed, N failed`. Needs root. Consoles and transcripts stay in
build/qemu/NAME.
"""

import argparse
import dataclasses
import json
import re
import shutil
import sys
import time
import pathlib

HERE = pathlib.Path(__file__).resolve().parent
REPO = HERE.parent.parent
sys.path[:0] = [str(HERE), str(HERE.parent / "interop")]

import transcript  # noqa: E402
from cables import add_cables  # noqa: E402
from image import Image, tool  # noqa: E402
from lab import Interrupted, Lab, LabError, SERVER_V4, SERVER_V6, raise_on_signals  # noqa: E402
from peer import install_peer, run_client, targets  # noqa: E402
from vm import Card, Vm  # noqa: E402

KEEP_DIR = REPO / "build/qemu"
PORT = 4000
SIZES = "1,24,500,1375,1376,1377,2752,9000,40000"
SESSIONS = 24
MESSAGES, MESSAGES_LONG = 30, 300
WAIT_S_MAX = 180  # a guard against a hang


def require(condition, sentence):
    if not condition:
        raise LabError(sentence)


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    cards: tuple
    script: str = "deploy.sh"   # of guest/; service.sh wants a guest that systemd runs
    workers: int = 1
    poll: str = "busy"
    checksum: str = "verify"
    driver: str = ""           # what bind.sh is asked for; empty: it chooses
    iommu: bool = True
    wrong_steps: bool = False
    both_workers: bool = False  # sessions must land on both workers and stay there
    eal: str = ""               # more words for EAL
    bonded: bool = False        # active-backup over all cards, which end at one switch
    pull: str = ""              # whose cable is pulled under way: "and back", or "for good"

    @property
    def happens(self):
        """Whether something happens while the client runs, which then has to run for some seconds."""
        return self.both_workers or self.pull

    def settings(self):
        # Worker lcores leave CPU 0 to the shell; DPDK names a port by its card.
        ports = [card.address for card in self.cards]
        bond = "net_bonding0,mode=1," + ",".join(f"slave={address}" for address in ports)
        return {"PORTS": "net_bonding0" if self.bonded else " ".join(ports), "VDEV": bond if self.bonded else "",
                "DRIVER": self.driver, "EAL": self.eal, "LCORES": "1" if self.workers == 1 else f"1-{self.workers}",
                "WORKERS": str(self.workers), "CHECKSUM": self.checksum, "POLL": self.poll,
                "SAMPLES": "early late" if self.both_workers else "",
                "WRONG_STEPS": "yes" if self.wrong_steps else "", "MTU_MAX": str(self.cards[0].mtu_max or ""),
                "SYSTEMD": "yes" if self.script == "service.sh" else ""}


def two_cards(model):
    return (Card(model, "cable0"), Card(model, "cable1", slot=0x11))


def one_card(model, **more):
    return (Card(model, "cable0", **more),)


CASES = [
    # What a cloud or a hypervisor offers: two queues, RSS of the device's own, UDP checksums both ways.
    Case("virtio", one_card("virtio", queues=2, mtu_max=1500), workers=2, checksum="trust_local", both_workers=True),
    Case("e1000e-vfio", one_card("e1000e"), wrong_steps=True, pull="and back"),
]
# Their transcript and refusals stand in the documentation.
DOCUMENTED, DOCUMENTED_REFUSALS = CASES
LONG_CASES = [
    Case("service", one_card("e1000e"), script="service.sh"),
    # In the unit's fence, too, a worker is woken by the card.
    Case("service-virtio", one_card("virtio"), script="service.sh", poll="adaptive", checksum="trust_local"),
    Case("vmxnet3", one_card("vmxnet3")),
    Case("e1000", one_card("e1000")),
    Case("e1000e-uio", one_card("e1000e", iommu=False), driver="uio_pci_generic", iommu=False),
    Case("virtio-uio", one_card("virtio", iommu=False), driver="uio_pci_generic", iommu=False),
    Case("two-ports", two_cards("e1000e")),
    Case("bonding-e1000e", two_cards("e1000e"), bonded=True, pull="for good", eal="--vfio-intr=legacy"),
    Case("bonding-virtio", two_cards("virtio"), bonded=True, pull="for good", checksum="trust_local"),
    # Workers sleep until the card's interrupt comes through vfio.
    Case("virtio-interrupts", one_card("virtio"), poll="adaptive", checksum="trust_local"),
    # By MSI-X, which vfio takes otherwise, an e1000e gives none, though its driver says so.
    Case("e1000e-interrupts", one_card("e1000e"), poll="adaptive", eal="--vfio-intr=legacy"),
]


class Midway:
    """What happens once while the client runs: a sample is asked for, a cable pulled."""

    def __init__(self, vm, case):
        self.vm, self.case, self.done = vm, case, False

    def __call__(self, progress):
        # After the first messages, so that the sessions are there, and most are still to come.
        if self.done or progress["messages"] == 0:
            return
        self.done = True
        if self.case.both_workers:
            self.vm.tell("early")
        if self.case.pull:
            self.pull()

    def pull(self):
        card = busiest(self.vm) if self.case.bonded else self.case.cards[0]
        self.vm.pulled = card
        set_cable(self.vm, self.case, card, False)
        if self.case.pull == "and back":
            self.vm.wait_for_log(f"port {card.address}: link down")
            set_cable(self.vm, self.case, card, True)
            self.vm.wait_for_log(f"port {card.address}: link up")


def busiest(vm):
    """The card by which nearly all leaves the guest: the one that is active, of those that are one port."""
    sent = {}
    for card in vm.cards:
        link = json.loads(vm.lab.run_in(vm.lab.client_ns, ["ip", "-j", "-s", "link", "show", "dev", card.tap]))[0]
        sent[card] = link["stats64"]["rx"]["packets"]
    found = max(sent, key=sent.get)
    rest = sum(sent.values()) - sent[found]
    require(sent[found] > 10 * rest, f"no card is the active one: they sent {[sent[card] for card in vm.cards]} frames")
    return found


def set_cable(vm, case, card, is_in):
    """A switch at its other end sees that, and forgets whom it knew there."""
    vm.set_link(card, is_in)
    if case.bonded:
        vm.lab.run_in(vm.lab.client_ns, ["ip", "link", "set", card.tap, "up" if is_in else "down"])


def run_case(case, image):
    """Runs one case; gives back what to show behind `ok NAME`."""
    job = KEEP_DIR / case.name
    shutil.rmtree(job, ignore_errors=True)
    job.mkdir(parents=True)
    started = time.monotonic()
    with Lab() as lab:
        add_cables(lab, case.cards, bridged=case.bonded)
        vm = Vm(lab, image, job, REPO, script=case.script, cards=case.cards, cpus=case.workers + 1, iommu=case.iommu,
                settings=case.settings())
        shown = SCRIPTS[case.script](lab, vm, case)
        vm.wait_for("kernel")
        if case.pull == "for good":
            set_cable(vm, case, vm.pulled, True)
        ping(lab, case)
        vm.tell("pinged")
        vm.wait()
    if case is DOCUMENTED:
        transcript.check((job / "transcript").read_text())
    if case is DOCUMENTED_REFUSALS:
        transcript.check_refusals((job / "refusals").read_text())
    return f"{', '.join(shown)}, kernel again; {time.monotonic() - started:.0f} s"


def deploy(lab, vm, case):
    """The part of guest/deploy.sh that is outside, until the kernel has its cards again."""
    vm.start()
    vm.wait_for("serving")
    shown = [ask_clients(lab, vm, case)]
    if case.both_workers:
        shown.append(compare_samples(vm))
    vm.tell("clients")
    vm.wait_for("asked")
    return [*shown, check_answers(vm.job, case)]


def serve_installed(lab, vm, case):
    """The same of guest/service.sh: clients of the service, of the one that systemd started after a kill, and of a plain user's."""
    tool(["meson", "install", "-C", str(REPO / "build"), "--no-rebuild", "--quiet", "--destdir", str(vm.job / "stage")])
    vm.start()
    shown = []
    for time_served in ("serving", "restarted", "plain"):
        vm.wait_for(time_served)
        shown.append(f"{time_served}: {ask_clients(lab, vm, case)}")
        vm.tell(f"asked-{time_served}")
    vm.wait_for("kernel")
    return [*shown, check_answers(vm.job, case)]


SCRIPTS = {"deploy.sh": deploy, "service.sh": serve_installed}


def ask_clients(lab, vm, case):
    midway = Midway(vm, case)
    every = targets(PORT)
    if len(case.cards) > 1 and not case.bonded:
        every += [one.replace("77", "78") for one in every]
    result = run_client(lab, every, on_tick=midway, pin=False, log_name=f"qemu-{case.name}", sessions=SESSIONS,
                        messages=MESSAGES_LONG if case.happens else MESSAGES, sizes=SIZES, run_ms=200000)
    require(result["ok"] and result["mismatches"] == 0,
            f"{result['finished']} of {SESSIONS} sessions, {result['messages']} of {result['messages_wanted']} messages, "
            f"{result['mismatches']} mismatches: {result['errors_said']}\n{vm.tail()}")
    require(midway.done or not case.happens, "the client was through before anything could happen midway")
    with open(vm.job / "transcript", "a", encoding="utf-8") as transcript:
        transcript.write(f"\n# kcp_client.js --target {' --target '.join(every)}     (on another machine)\n"
                         f"{SESSIONS} sessions, {result['messages']} messages, {result['bytes']} bytes echoed, "
                         f"{result['mismatches']} mismatches\n")
    return f"{SESSIONS} sessions, {result['messages']} messages, {result['bytes']} B"


def sample(job, name):
    """Sessions by worker, as sets of conversations, and the steered-wrong count."""
    workers, *pages = [json.loads(line) for line in (job / f"sample.{name}").read_text().splitlines()]
    return [set(page["/penstock/sessions"].get("conv", [])) for page in pages], workers["/penstock/workers"]


def compare_samples(vm):
    """The port's own hash chose the workers, and each session stayed where it was."""
    vm.wait_for("sampled-early")
    vm.tell("late")
    vm.wait_for("sampled-late")
    early, _ = sample(vm.job, "early")
    late, workers = sample(vm.job, "late")
    require(all(early), f"not every worker had a session early: {[len(one) for one in early]}")
    require(all(late), f"not every worker has a session: {[len(one) for one in late]}")
    require(sum(map(len, late)) == SESSIONS, f"{sum(map(len, late))} of {SESSIONS} sessions are there")
    for number, convs in enumerate(early):
        require(convs <= late[number], f"sessions of worker {number} went elsewhere: {sorted(convs - late[number])}")
    for count in ("steered_wrong", "handed_out", "handed_in"):
        require(not any(workers[count]), f"{count} is {workers[count]}, though the port hashes")
    return f"on workers {[len(one) for one in late]}, none steered wrong"


def answer(text, command):
    """The last answer to a command in the transcript."""
    lines = [line for line in text.splitlines() if line.startswith(f'{{"{command}":')]
    require(lines, f"the transcript has no answer to {command}")
    return json.loads(lines[-1])[command]


def check_start(text, case):
    """What the start tells of each port, its addresses, the workers and the memory."""
    for number, port in enumerate(case.settings()["PORTS"].split()):
        told = (rf"port {port}: driver net_\w+, MAC [0-9a-f:]+, NUMA node \S+, {case.workers} of \d+ queues, "
                r"\d+/\d+ descriptors, MTU 1500, link (up|down)$",
                rf"port {port}: offloads in use: receive .+, send .+; offered and left alone: receive .+, send .+$",
                rf"port {port}: checksums by the port: receive .+; RSS (yes|no)$",
                rf"address 10\.{77 + number}\.0\.2/24 on {port}$", rf"address fd{77 + number}::2/64 on {port}$")
        for one in told:
            require(re.search(f"^penstock: {one}", text, re.M), f"the start does not tell of {port}: {one}")
    for one in (r"\d+ workers? on lcores? \d+ \(node \d+\)", r"memory of NUMA node \d+: [\d.]+ MiB of EAL's, .*pages of "):
        require(re.search(f"^penstock: {one}", text, re.M), f"the start does not tell: {one}")


def check_answers(job, case):
    """dpdk-telemetry.py got its answers, and the start said what the port does."""
    text = (job / "transcript").read_text()
    require('{"/penstock/info":' in text and '{"/penstock/workers":' in text, "dpdk-telemetry.py had no answer")
    check_start(text, case)
    require("sessions" in text.partition("# penstock-top")[2], "penstock-top shows no sessions")
    if case.bonded:
        require("--vfio-intr=legacy" in text, "the start does not tell what a bonded port needs")
    if case.pull == "and back":
        require(answer(text, "/penstock/port")["link_changes"] >= 2, "/penstock/port does not count the link's changes")
    if case.poll == "adaptive":
        require("wakes nobody" not in text, "the card has no receive interrupts")
        require(any(answer(text, "/penstock/workers")["sleeps"]), "no worker has slept")
    if case.both_workers:
        require("RSS yes" in text and "receive IPv4 no UDP yes" in text and "send IPv4 no UDP yes" in text,
                "RSS or checksum offload is not in use")
    refusals = (job / "refusals").read_text().count("# ") if case.wrong_steps else 0
    return f"{refusals} wrong steps refused" if refusals else "stats socket answered"


def ping(lab, case):
    """The kernel has its cards back, and they work there as soon as the link is up."""
    for number in range(1 if case.bonded else len(case.cards)):
        for family, address in (("-4", SERVER_V4), ("-6", SERVER_V6)):
            address = address.replace("77", str(77 + number))
            command = ["busybox", "ping", family, "-c", "1", "-W", "2", address]
            deadline = time.monotonic() + WAIT_S_MAX
            while "1 packets received" not in lab.run_in(lab.client_ns, command, check=False):
                require(time.monotonic() < deadline, f"the kernel does not answer on its card ({address})")


def run_cases(cases, image):
    passed = failed = 0
    for case in cases:
        try:
            print(f"ok {case.name} {run_case(case, image)}", flush=True)
            passed += 1
        except LabError as error:
            print(f"FAIL {case.name}: {error}", flush=True)
            failed += 1
    print(f"qemu: {passed} passed, {failed} failed", flush=True)
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--long", action="store_true", help="the other cards and drivers as well")
    parser.add_argument("--only", metavar="SUBSTR", default="", help="cases whose name has this in it, of all")
    parser.add_argument("--write-transcript", action="store_true",
                        help="put the transcript and the refusals of the documented cases into docs/ instead of comparing them")
    parser.add_argument("--list", action="store_true", help="name the cases")
    arguments = parser.parse_args()
    transcript.is_written = arguments.write_transcript
    every = CASES + LONG_CASES
    cases = [case for case in every if arguments.only in case.name] if arguments.only else \
        every if arguments.long else CASES
    if arguments.list or not cases:
        print("\n".join(case.name for case in every))
        return 0 if arguments.list else 2
    raise_on_signals()
    try:
        install_peer()
        image = Image(KEEP_DIR)
        image.prepare()
        return 1 if run_cases(cases, image) else 0
    except LabError as error:
        print(f"FAIL preparation: {error}\nqemu: 0 passed, 1 failed")
        return 1
    except Interrupted as stop:
        print(f"qemu: {stop}", file=sys.stderr)
        return stop.exit_code


if __name__ == "__main__":
    sys.exit(main())
