#!/usr/bin/env python3
"""Makes inputs to begin a corpus with: seeds.py OUT CAPTURE...

A capture is a text of frames as an interface saw them, one a line, its last word in hexadecimal; those in the corpora were
taken from the original ikcp's clients of tests/interop, between 10.77.0.1 or fd77::1 and penstock at .2. Each harness gets
a folder below OUT, which `run.py --merge NAME OUT/NAME` makes small."""

import pathlib
import random
import shlex
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
OURS, THEIRS = bytes.fromhex("020000000002"), bytes.fromhex("020000000001")
CONV = bytes.fromhex("44332211")


def record(kind, data=b""):
    return bytes([kind]) + len(data).to_bytes(2, "little") + data


def save(folder, inputs):
    folder.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(inputs):
        (folder / f"seed{number:04}").write_bytes(data)


def frames_of(paths):
    """Frames toward the server, in the harness's addresses."""
    frames = []
    for path in paths:
        for line in pathlib.Path(path).read_text(encoding="ascii").split("\n"):
            frame = bytes.fromhex(line.split()[-1]) if line.strip() else b""
            if bytes.fromhex("0a4d0001") in frame[24:34] or bytes(15) + b"\1" in frame[23:39]:
                to = OURS if frame[0] % 2 == 0 else frame[:6]
                frames.append(to + THEIRS + frame[12:].replace(bytes.fromhex("0a4d00"), bytes.fromhex("0a0000")))
    return frames


def datagrams_of(frames):
    """KCP datagrams by conversation, in order, with the harness's conv."""
    flows = {}
    for frame in frames:
        at = 42 if frame[12:14] == b"\x08\x00" else 62
        payload = frame[at:]
        if frame[at - 19 if at == 42 else 20] != 17 or len(payload) < 24:
            continue
        conv, out, place = payload[:4], b"", 0
        while place + 24 <= len(payload):
            end = place + 24 + int.from_bytes(payload[place + 20:place + 24], "little")
            out += CONV + payload[place + 4:end]
            place = end
        flows.setdefault(conv, []).append(out)
    return list(flows.values())


def frames(rng, all_frames):
    for _ in range(120):
        first = rng.randrange(len(all_frames))
        some = all_frames[first:first + rng.randrange(1, 5)]
        yield b"".join(record(rng.choice((0x20, 0xa0, 0x60, 0x30)), frame[:700]) +
                       (record(4, b"\x10\x01") if rng.random() < 0.2 else b"") for frame in some)


def parses(rng, flows):
    for flow in flows:
        yield record(0, bytes([rng.randrange(4), rng.randrange(2)])) + b"".join(
            record(rng.choice((0x12, 0x25, 0x07, 0x03)), datagram[:900]) for datagram in flow[:8])


def steps(rng, kinds, count):
    return b"".join(record(rng.choice(kinds), bytes(rng.randrange(256) for _ in range(rng.randrange(1, 9))))
                    for _ in range(count))


def scene(rng, count):
    return record(0, bytes(rng.randrange(256) for _ in range(count)))


def sessions(rng, flows):
    for flow in flows:
        yield scene(rng, 14) + b"".join(
            record(0x82, datagram[:900]) + steps(rng, (3, 4, 5, 6, 9), 3) for datagram in flow[:6])
    for _ in range(150):
        yield scene(rng, 14) + steps(rng, (0, 0, 1, 1, 3, 4, 5, 6, 6, 8, 9), rng.randrange(4, 40)) + \
            steps(rng, (7, 0, 1, 6), 2)


def pairs(rng):
    for _ in range(200):
        yield scene(rng, 14) + steps(rng, (0, 0x80, 0, 7, 7, 1, 0x81, 2, 0x82, 3, 4, 5, 0x85, 6, 0x86), 30) + \
            steps(rng, (7, 8, 0x88, 9, 4), rng.randrange(4))


def texts():
    places = list((ROOT / "docs" / "examples").glob("*.toml")) + list((ROOT / "tests/badinput/cases").glob("*.toml"))
    return [path.read_bytes() for path in places if path.stat().st_size < 2000]


# Without what is for the reader.
def scripts():
    for path in sorted((ROOT / "tests" / "packets").rglob("*.pkt")):
        lines = path.read_text(encoding="utf-8").split("\n")
        yield "".join(f"{line}\n" for line in lines if line.strip() and not line.startswith("#")).encode()


def command_lines():
    lines = (ROOT / "tests" / "badinput" / "command_lines.txt").read_text(encoding="utf-8").split("\n")
    for line in lines:
        if not line.startswith("#") and "|" in line:
            words = line.partition("|")[2].replace("{good}", "a.toml").replace("{empty}", "''")
            yield "\n".join(shlex.split(words)).encode()
    yield b"-l\n0-3\n--vdev=net_tap0\n--in-memory\n--\n--config\na.toml"


def commands(rng):
    words = (ROOT / "tests/fuzz/dict/telemetry.dict").read_text(encoding="ascii").split('"')[1::2]
    names = [word for word in words if word.startswith("/")]
    for name in names:
        for parameters in ("", ",0", ",1,0", ",1,0,addresses", ",0,rtt", ",1,rtt_us", ",72057594037927939,addresses"):
            yield f"{name}{parameters}\n".encode() + bytes(rng.randrange(256) for _ in range(60))


def main():
    out, rng = pathlib.Path(sys.argv[1]), random.Random(1)
    all_frames = frames_of(sys.argv[2:])
    flows = datagrams_of(all_frames)
    save(out / "frame", frames(rng, all_frames))
    save(out / "kcp_parse", parses(rng, flows))
    save(out / "kcp_session", sessions(rng, flows))
    save(out / "kcp_pair", pairs(rng))
    save(out / "config", texts())
    save(out / "command_line", command_lines())
    save(out / "telemetry", commands(rng))
    save(out / "packet_script", scripts())
    print(f"{len(all_frames)} frames, {len(flows)} conversations")


if __name__ == "__main__":
    main()
