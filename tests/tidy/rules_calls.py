"""Rules about what code may not say: forbidden calls below the engine, marks of unfinished work, machine paths."""

import re

from tree import CPP, Violation, line_of

BELOW_ENGINE = ("lib/base/", "lib/buf/", "lib/net/", "lib/proto/", "lib/envelope/", "lib/session/")
# Nothing of the engine or of an impairment reads a clock either: `now` is an argument up to run_once().
VIRTUAL = BELOW_ENGINE + ("lib/engine/", "lib/impair/")

_CALL = r"(?<![\w.>])(?:std::|::)?"
CLOCK = re.compile(_CALL + r"(?:clock_gettime|gettimeofday|nanosleep|usleep|sleep|time|clock)\s*\(|std::chrono|"
                   r"\b(?:steady_clock|system_clock|__rdtscp?|__builtin_ia32_rdtsc|rte_rdtsc\w*|rte_get_\w*cycles)\b")
CHANCE = re.compile(_CALL + r"(?:rand|srand|random|srandom|drand48|getrandom|getentropy|arc4random\w*)\s*\(|"
                    r"std::(?:random_device|mt19937\w*|minstd_rand\w*|default_random_engine|\w+_distribution|shuffle)\b")
HEAP = re.compile(_CALL + r"(?:malloc|calloc|realloc|free|strdup|aligned_alloc|posix_memalign)\s*\(|"
                  r"(?<!operator )\bnew\b|(?<!= )\bdelete\b|"
                  r"std::(?:vector|string|deque|list|forward_list|map|multimap|set|multiset|unordered_\w+|function|any|"
                  r"shared_ptr|make_shared|unique_ptr|make_unique|to_string|format|ostringstream|stringstream|regex)\b|"
                  r"\bfmt::")
IO = re.compile(r"std::(?:cout|cerr|clog|cin|ofstream|ifstream|fstream|print|println)\b|" + _CALL +
                r"(?:f?printf|puts|fputs|fopen|fwrite|syslog|ioctl|sendto|recvfrom|mmap)\s*\(|"
                # Names that methods have too are looked for in the global namespace only.
                r"(?<![\w>])::(?:open|close|read|write|poll|socket|send|recv)\s*\(")
FLOATING = re.compile(r"\b(?:float|double)\b")
LOCK = re.compile(r"std::(?:mutex|shared_mutex|recursive_mutex|lock_guard|unique_lock|scoped_lock|atomic\w*|thread|"
                  r"jthread|condition_variable\w*|once_flag|call_once)\b|\bthread_local\b|\bvolatile\b")
THROW = re.compile(r"\bthrow\b|\btry\b|\bcatch\s*\(|\bdynamic_cast\b|\btypeid\b")

KINDS = (
    ("clock", CLOCK, VIRTUAL, "reads a clock or waits; `now` is an argument"),
    ("chance", CHANCE, VIRTUAL, "draws by itself; chance comes from an Rng&"),
    ("heap", HEAP, BELOW_ENGINE, "takes memory from the heap; it comes from the arena at construction"),
    ("io", IO, BELOW_ENGINE, "does I/O or a system call"),
    ("floating", FLOATING, BELOW_ENGINE, "computes in floating point, which differs between compilers"),
    ("lock", LOCK, BELOW_ENGINE, "locks or shares; one core owns everything here"),
    ("throw", THROW, BELOW_ENGINE, "throws or needs run-time type information"),
)

# (file, kind): why it is right there. An entry that nothing needs any more is a violation itself.
ALLOWED = {
    ("lib/base/arena.cpp", "heap"): "HeapMemory backs arenas of tests, simulation and tools",
    ("lib/net/address.hpp", "heap"): "parse_… and to_string serve the configuration and reports, never a packet",
    ("lib/net/address.cpp", "heap"): "parse_… and to_string serve the configuration and reports, never a packet",
    ("lib/net/stack.hpp", "heap"): "the configuration as control read it, and one Impl, both before the first packet",
    ("lib/net/stack.cpp", "heap"): "makes the Impl, and the list of groups for a port, both before the first packet",
    ("lib/session/listener.hpp", "heap"): "a listener's name as configured, before the first packet",
    ("lib/base/assert.cpp", "io"): "the last words of a process that is about to abort",
}


def forbidden_calls(tree):
    used = set()
    for path in tree.under(*VIRTUAL, ends=CPP):
        code = tree.code(path)
        for kind, pattern, places, sentence in KINDS:
            if not path.startswith(places):
                continue
            for match in pattern.finditer(code):
                if (path, kind) in ALLOWED:
                    used.add((path, kind))
                    break
                yield Violation(path, line_of(code, match.start()), "forbidden_calls",
                                f"`{match.group().strip(' (')}` {sentence}")
    for path, kind in sorted(set(ALLOWED) - used):
        yield Violation("tests/tidy/rules_calls.py", 1, "forbidden_calls",
                        f"the exception for {path} ({kind}) is not needed any more")


MARKS = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")


def unfinished(tree):
    for path in tree.files:
        if path.endswith((".png", ".pcap", ".bin", "package-lock.json")):
            continue
        for match in MARKS.finditer(tree.text(path)):
            yield Violation(path, line_of(tree.text(path), match.start()), "unfinished",
                            f"{match.group()}: finish it, or open an issue")


MACHINE = re.compile(r"/wor" r"k/(?:main|shared)\b|/ho" r"me/\w+/|/tm" r"p/bash_jobs")


def machine_paths(tree):
    for path in tree.files:
        for match in MACHINE.finditer(tree.text(path)):
            yield Violation(path, line_of(tree.text(path), match.start()), "machine_paths",
                            f"{match.group()} exists on one machine only")
