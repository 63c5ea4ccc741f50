#!/usr/bin/env python3
"""spoof.py - sends one KCP datagram in somebody else's name: an IPv4 packet
whose source is given, through a raw socket. For the attacks of the interop
tests, inside their namespaces; needs root.

    tests/interop/spoof.py --source 10.77.0.1:5000 --to 10.77.0.2:4000 --conv 7
"""

import argparse
import socket
import struct
import sys

KCP = struct.Struct("<IBBHIIII")
PUSH, WINDOW = 81, 128


def parse(text):
    address, _, port = text.rpartition(":")
    return socket.inet_aton(address), int(port)


def internet_sum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def packet(source, to, payload):
    (source_ip, source_port), (to_ip, to_port) = source, to
    length = 8 + len(payload)
    pseudo = source_ip + to_ip + struct.pack("!BBH", 0, socket.IPPROTO_UDP, length)
    udp = struct.pack("!HHHH", source_port, to_port, length, 0)
    checksum = internet_sum(pseudo + udp + payload) or 0xffff
    udp = struct.pack("!HHHH", source_port, to_port, length, checksum)
    # The kernel fills in the length and the sum of the IP header.
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 0, 0, 0, 64, socket.IPPROTO_UDP, 0) + source_ip + to_ip
    return ip + udp + payload


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", required=True, help="ADDRESS:PORT that the packet says it comes from")
    parser.add_argument("--to", required=True, help="ADDRESS:PORT")
    parser.add_argument("--conv", type=int, required=True)
    parser.add_argument("--sn", type=int, default=0)
    arguments = parser.parse_args()
    payload = b"ghost"
    segment = KCP.pack(arguments.conv, PUSH, 0, WINDOW, 0, arguments.sn, 0, len(payload)) + payload
    to = parse(arguments.to)
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as link:
        link.sendto(packet(parse(arguments.source), to, segment), (socket.inet_ntoa(to[0]), 0))
    return 0


if __name__ == "__main__":
    sys.exit(main())
