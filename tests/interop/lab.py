"""lab.py - a small network for one test: a client's namespace, and a port for
penstock that is the far end of a veth pair or a tap device.

    with Lab() as lab:
        lab.add_veth()                       # or lab.add_tap()
        lab.run_in(lab.client_ns, ["ip", "addr"])

Every name carries this process's pid. What is made is noted before it is made,
and leaving the block (or dying of an exception or a signal, see
`raise_on_signals`) takes back exactly that, newest first. Traffic never leaves
the namespaces. Root is needed. Only the standard library is used.
"""

import itertools
import os
import shutil
import signal
import subprocess
import sys

CLIENT_V4 = "10.77.0.1"
SERVER_V4 = "10.77.0.2"
CLIENT_V6 = "fd77::1"
SERVER_V6 = "fd77::2"
PREFIX_V4 = 24
PREFIX_V6 = 64

# The tap driver gives the kernel's side the very MAC of the DPDK port. Two ends
# of a link with one address is nothing that a real wire has, so the kernel's
# side gets this one (locally administered).
TAP_CLIENT_MAC = "02:77:00:00:00:01"

_lab_numbers = itertools.count()


class LabError(Exception):
    """A sentence for the person who runs the test."""


class Interrupted(BaseException):
    """SIGINT, SIGTERM or SIGHUP arrived. Not an Exception, so that no test
    case takes it for its own failure."""

    def __init__(self, number):
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.exit_code = 128 + number


def raise_on_signals():
    """Turns the signals that end a program into an exception, so that the
    clean-up of every `with` block runs. Set explicitly: a shell's background
    job starts with SIGINT ignored."""

    def handler(number, _frame):
        raise Interrupted(number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, handler)


class Undo:
    """A stack of things to take back. Steps run newest first, each at most
    once; one that fails is told on stderr and does not stop the others."""

    def __init__(self):
        self._steps = []

    def add(self, what, step):
        self._steps.append((what, step))

    def run(self):
        # A second Ctrl-C must not leave half of it standing.
        signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {number: signal.signal(number, signal.SIG_IGN) for number in signals}
        try:
            while self._steps:
                what, step = self._steps.pop()
                try:
                    step()
                except Exception as error:  # the next step must still run
                    print(f"clean-up: {what}: {error}", file=sys.stderr)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def run(command, *, check=True):
    """Runs a short command and gives back its stdout."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30,
                              start_new_session=True, check=False)
    except FileNotFoundError:
        raise LabError(f"'{command[0]}' is not installed") from None
    except subprocess.TimeoutExpired:
        raise LabError(f"'{' '.join(command)}' did not end within 30 s") from None
    if check and done.returncode != 0:
        said = (done.stderr or done.stdout).strip()
        raise LabError(f"'{' '.join(command)}' failed ({done.returncode}): {said}")
    return done.stdout


class Lab:
    """One client namespace and one port for penstock."""

    def __init__(self):
        if os.geteuid() != 0:
            raise LabError("network namespaces need root")
        for tool in ("ip", "ethtool"):
            if shutil.which(tool) is None:
                raise LabError(f"'{tool}' is not installed (apt-get install iproute2 ethtool)")
        self.name = f"penstock-{os.getpid()}-{next(_lab_numbers)}"
        self.undo = Undo()
        self.client_ns = f"{self.name}-client"
        # With a tap both ends live in one namespace, with a veth in two.
        self.server_ns = None
        self.client_interface = f"pa{os.getpid()}"
        self.server_interface = f"pb{os.getpid()}"
        self.kind = None
        self.vhost_socket = None  # penstock's port is vhost, and a bridge joins it to the veth pair

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.undo.run()

    def add_veth(self, *, partial_checksums=False):
        """The client's end of the pair has addresses, the server's end has
        none: the kernel must not answer where penstock does.

        A veth leaves the UDP checksum to a device that does not exist, so the
        client's transmit offload is switched off. `partial_checksums` keeps it
        on, to show what then happens.
        """
        self.kind = "veth"
        self.server_ns = f"{self.name}-server"
        self.add_namespace(self.client_ns)
        self.add_namespace(self.server_ns)
        self._set(self.server_ns, "net/ipv6/conf/all/disable_ipv6", 1)
        self._set(self.server_ns, "net/ipv6/conf/default/disable_ipv6", 1)
        # Deleting the namespaces takes the pair along.
        run(["ip", "link", "add", self.client_interface, "netns", self.client_ns,
             "type", "veth", "peer", "name", self.server_interface, "netns", self.server_ns])
        if not partial_checksums:
            self.run_in(self.client_ns, ["ethtool", "-K", self.client_interface, "tx", "off"])
        self.run_in(self.server_ns, ["ip", "link", "set", self.server_interface, "up"])
        self._address_client()

    def add_veth_between_ports(self):
        """A pair whose ends are both a port of a DPDK program, in one namespace without any address: name_of_ports and s, and
        the same and c."""
        self.kind = "ports"
        self.server_ns = self.client_ns
        self.name_of_ports = f"pp{os.getpid()}"
        self.add_namespace(self.server_ns)
        self._set(self.server_ns, "net/ipv6/conf/all/disable_ipv6", 1)
        self._set(self.server_ns, "net/ipv6/conf/default/disable_ipv6", 1)
        ends = [f"{self.name_of_ports}{end}" for end in "sc"]
        self.run_in(self.server_ns, ["ip", "link", "add", ends[0], "type", "veth", "peer", "name", ends[1]])
        for end in ends:
            self.run_in(self.server_ns, ["ip", "link", "set", end, "up"])

    def add_tap(self):
        """Only the namespace: penstock itself makes the tap device in it. Call
        `address_tap` as soon as penstock serves."""
        self.kind = "tap"
        self.server_ns = self.client_ns
        self.server_interface = self.client_interface
        self.add_namespace(self.client_ns)
        # The link-local address would be made of the MAC that the device has
        # at first, which is the port's own; without it there is no twin.
        self._set(self.client_ns, "net/ipv6/conf/default/addr_gen_mode", 1)

    def address_tap(self):
        self.run_in(self.client_ns, ["ip", "link", "set", self.client_interface,
                                     "address", TAP_CLIENT_MAC])
        self._address_client()

    def add_client_namespace(self):
        """Only the namespace; the caller makes what is in it."""
        self.add_namespace(self.client_ns)

    def vdev(self, queues):
        """The EAL argument that makes this lab's port, and its device name."""
        if self.vhost_socket:
            return f"--vdev=net_vhost0,iface={self.vhost_socket},queues={queues}", "net_vhost0"
        if self.kind == "tap":
            return f"--vdev=net_tap0,iface={self.server_interface}", "net_tap0"
        # The driver's default ring of 512 frames is smaller than the burst of
        # a few sessions with 100 kB messages; frames must divide the blocks.
        ring = "blocksz=65536,framesz=2048,framecnt=4096"
        vdev = f"--vdev=net_af_packet0,iface={self.server_interface},qpairs={queues},{ring}"
        return vdev, "net_af_packet0"

    def run_in(self, namespace, command, *, check=True):
        return run(["ip", "netns", "exec", namespace, *command], check=check)

    def add_namespace(self, name):
        """One that is deleted at the end, without the noise of address detection."""
        if os.path.exists(f"/run/netns/{name}"):
            raise LabError(f"namespace '{name}' exists already and is not ours")
        self.undo.add(f"delete namespace {name}", lambda: _delete_namespace(name))
        run(["ip", "netns", "add", name])
        self.run_in(name, ["ip", "link", "set", "lo", "up"])
        # Duplicate address detection would keep the address unusable for the
        # first second or two; router solicitations are noise in the counters.
        for key, value in (("accept_dad", 0), ("dad_transmits", 0),
                           ("router_solicitations", 0), ("accept_ra", 0)):
            for scope in ("all", "default"):
                self._set(name, f"net/ipv6/conf/{scope}/{key}", value)

    def _set(self, namespace, key, value):
        # Through /proc because the sysctl program need not be there.
        self.run_in(namespace, ["sh", "-c", f"echo {value} > /proc/sys/{key}"])

    def _address_client(self):
        interface = self.client_interface
        for address in (f"{CLIENT_V4}/{PREFIX_V4}", f"{CLIENT_V6}/{PREFIX_V6}"):
            nodad = ["nodad"] if ":" in address else []
            self.run_in(self.client_ns, ["ip", "addr", "add", address, "dev", interface, *nodad])
        self.run_in(self.client_ns, ["ip", "link", "set", interface, "up"])


def _delete_namespace(name):
    if os.path.exists(f"/run/netns/{name}"):
        run(["ip", "netns", "del", name])
