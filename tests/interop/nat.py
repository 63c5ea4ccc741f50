"""nat.py - a home behind a NAT that forgets, and somebody on the link who copies what the home sends.

    home = Home(lab)               # the lab's client namespace becomes the router
    run_client(lab, ..., namespace=home.namespace)
    home.rebind()                  # all flows get another address and other ports
    home.set_mtu(1000)             # … and longer packets do not pass to it any more
    copier = Copier(lab); copier.start(); copier.stop()

The router's source NAT is nftables' and its mappings are conntrack's, so that a rebinding is the real thing: the client's
socket does not change and hears nothing of it.
"""

import os
import pathlib
import subprocess
import sys

from lab import LabError, run

HOME_V4 = "192.168.77.2"
ROUTER_V4 = "192.168.77.1"
# What the home looks like from outside, one after another.
OUTSIDE = (("10.77.0.1", "20000-29999"), ("10.77.0.11", "30000-39999"), ("10.77.0.12", "40000-49999"))
COPIER_V4 = [f"10.77.0.{100 + n}" for n in range(8)]


class Home:
    """A namespace behind the lab's client namespace, which routes and translates for it."""

    def __init__(self, lab):
        self.lab = lab
        self.namespace = f"{lab.name}-home"
        self.outside = 0
        inner, outer = f"ph{os.getpid()}", f"pr{os.getpid()}"
        self._link = ((self.namespace, inner), (lab.client_ns, outer))
        lab.add_namespace(self.namespace)
        run(["ip", "link", "add", inner, "netns", self.namespace, "type", "veth", "peer", "name", outer,
             "netns", lab.client_ns])
        for namespace, interface, address in ((self.namespace, inner, HOME_V4), (lab.client_ns, outer, ROUTER_V4)):
            lab.run_in(namespace, ["ethtool", "-K", interface, "tx", "off"])
            lab.run_in(namespace, ["ip", "addr", "add", f"{address}/24", "dev", interface])
            lab.run_in(namespace, ["ip", "link", "set", interface, "up"])
        lab.run_in(self.namespace, ["ip", "route", "add", "default", "via", ROUTER_V4])
        lab.run_in(lab.client_ns, ["sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"])
        for address in [one for one, _ in OUTSIDE[1:]] + COPIER_V4:
            lab.run_in(lab.client_ns, ["ip", "addr", "add", f"{address}/24", "dev", lab.client_interface])
        self._translate()

    def rebind(self):
        """The router forgets every flow, and gives the next packet of each another address and port."""
        self.outside += 1
        self._translate()

    def set_mtu(self, mtu):
        """Of the link between home and router."""
        for namespace, interface in self._link:
            self.lab.run_in(namespace, ["ip", "link", "set", interface, "mtu", str(mtu)])

    def _translate(self):
        address, ports = OUTSIDE[self.outside]
        rules = (f"table ip home\ndelete table ip home\ntable ip home {{\n chain out {{\n"
                 f"  type nat hook postrouting priority srcnat;\n"
                 f"  oifname \"{self.lab.client_interface}\" udp sport 1-65535 snat to {address}:{ports}\n }}\n}}\n")
        done = subprocess.run(["ip", "netns", "exec", self.lab.client_ns, "nft", "-f", "-"], input=rules, text=True,
                              capture_output=True, timeout=30, check=False)
        if done.returncode != 0:
            raise LabError(f"nft refuses the router's rules: {done.stderr.strip()}")
        self.lab.run_in(self.lab.client_ns, ["conntrack", "-F"])


class Copier:
    """Sends a copy of every datagram from the home to the server, each from an address that is not the home's."""

    def __init__(self, lab):
        self.lab = lab
        self._process = None

    def start(self):
        self.lab.undo.add("end the copier", self.stop)
        self._process = subprocess.Popen(
            ["ip", "netns", "exec", self.lab.client_ns, sys.executable, str(pathlib.Path(__file__).resolve()),
             self.lab.client_interface], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
            start_new_session=True)

    def stop(self):
        """How many copies it sent. May be called again."""
        if self._process is None:
            return 0
        process, self._process = self._process, None
        process.terminate()
        said, _ = process.communicate(timeout=10)
        return int(said.strip() or 0)


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(int.from_bytes(data[i:i + 2], "big") for i in range(0, len(data), 2))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def copied(frame, source, port):
    """The frame of an IPv4 UDP datagram as if it came from `source`, with all checksums right."""
    ip = bytearray(frame[14:34])
    udp = bytearray(frame[34:14 + int.from_bytes(ip[2:4], "big")])
    ip[12:16] = source
    ip[10:12] = b"\0\0"
    ip[10:12] = checksum(bytes(ip)).to_bytes(2, "big")
    udp[0:2] = port.to_bytes(2, "big")
    udp[6:8] = b"\0\0"
    pseudo = bytes(ip[12:20]) + b"\0\x11" + len(udp).to_bytes(2, "big")
    udp[6:8] = (checksum(pseudo + bytes(udp)) or 0xffff).to_bytes(2, "big")
    return frame[:14] + bytes(ip) + bytes(udp)


def copy_all(interface):
    import signal
    import socket

    ended = []
    signal.signal(signal.SIGTERM, lambda *_: ended.append(True))
    sources = [socket.inet_aton(address) for address in COPIER_V4]
    homes = [socket.inet_aton(address) for address, _ in OUTSIDE]
    sent = 0
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as link:
        link.bind((interface, 0))
        link.settimeout(0.1)
        while not ended:
            try:
                frame, where = link.recvfrom(2048)
            except TimeoutError:
                continue
            is_ours = where[2] == socket.PACKET_OUTGOING and frame[12:14] == b"\x08\0" and frame[14] == 0x45
            if not is_ours or frame[23] != 17 or frame[26:30] not in homes:
                continue
            link.send(copied(frame, sources[sent % len(sources)], 1024 + sent % 60000))
            sent += 1
    print(sent)


if __name__ == "__main__":
    copy_all(sys.argv[1])
