"""The rule that holds docs/troubleshooting.md to the sources, both ways: what it quotes is said, and what is said is quoted.

In the page's tables whose first column is called "message", each piece of code in that column quotes a message, with … for
what differs from case to case. Its fixed words must stand in the sentences of one source file; and each sentence by which
one of the SPEAKERS refuses or warns must be named by a quotation."""

import re

from messages import cpp_sites, shell_sites
from tree import Violation

PAGE = "docs/troubleshooting.md"
SPEAKERS = (
    "lib/nic/", "lib/runtime/", "lib/engine/capacity.cpp",
    "lib/control/command_line.cpp", "lib/control/eal_arguments.cpp", "lib/control/eal_values.cpp",
    "lib/control/admin_client.cpp", "lib/control/config", "lib/control/stats_socket.cpp", "lib/control/telemetry.cpp",
    "app/top/connection.cpp", "app/top/instances.cpp", "app/top/options.cpp", "app/top/reply.cpp", "app/top/terminal.cpp",
    "drivers-config/", "hugepages-setup/",
)
# Shorter pieces are found in too many sentences to tell one from another.
TELLING_BYTES = 8

_CODE = re.compile(r"(?<!`)(`+)(?!`) ?(.+?) ?(?<!`)\1(?!`)")
_COLUMNS = re.compile(r"(?<!\\)\|")


def quotations(page):
    """(line, message, its fixed words) of each message that the page quotes."""
    found, in_messages, before = [], False, ""
    for number, line in enumerate(page.split("\n"), 1):
        cells = [cell.strip() for cell in _COLUMNS.split(line)]
        if not line.startswith("|"):
            in_messages = False
        elif not before.startswith("|"):
            in_messages = cells[1].lower() == "message"
        elif in_messages and not cells[1].startswith("--"):
            for _, message in _CODE.findall(cells[1].replace("\\|", "|")):
                words = [" ".join(part.split()) for part in message.split("…")]
                found.append((number, message, [part for part in words if part]))
        before = line
    return found


def _says(site, is_shell):
    """Whether a person is meant to read it: not a name, a path or a word that another sentence takes in."""
    return site.refuses and (is_shell or any(part.count(" ") >= 2 for part in site.parts))


def _having(pieces, sites):
    return [site for site in sites if all(any(piece in part for part in site.parts) for piece in pieces)]


def _shortest(sites):
    return [site for site in sites if site.length() == min(other.length() for other in sites)]


def _named(pieces, sites_of):
    """The sites that a quotation names, by (file, site): the shortest sentence that has all its words. Where a file says it in
    several sites, each of its longer pieces names one."""
    whole = [(path, site) for path, sites in sites_of.items() for site in _having(pieces, sites)]
    if whole:
        least = min(site.length() for _, site in whole)
        return [(path, site) for path, site in whole if site.length() == least]
    return [(path, site) for path, sites in sites_of.items()
            if all(_having([piece], sites) for piece in pieces)
            for piece in pieces if len(piece) >= TELLING_BYTES
            for site in _shortest(_having([piece], sites))]


def messages(tree):
    """Every message that docs/troubleshooting.md quotes is said by a source, and every refusal and warning is quoted."""
    if PAGE not in tree.files:
        return [Violation(PAGE, 1, "messages", "the page is missing")]
    sites_of = {path: (shell_sites if path.endswith(".sh") else cpp_sites)(tree.text(path))
                for path in tree.under(*SPEAKERS, ends=(".cpp", ".sh"))}
    named, found = set(), []
    for number, message, pieces in quotations(tree.text(PAGE)):
        meant = _named(pieces, sites_of)
        named.update(meant)
        if not meant:
            found.append(Violation(PAGE, number, "messages", f"no source says: {message}"))
    for path, sites in sites_of.items():
        found += [Violation(path, site.line, "messages", f"{PAGE} does not quote: {' … '.join(site.parts)}")
                  for site in sites if _says(site, path.endswith(".sh")) and (path, site) not in named]
    return found
