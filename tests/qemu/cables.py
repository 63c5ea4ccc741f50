"""cables.py - the far ends of a guest's network cards: tap devices in the lab's
namespace, with the client's addresses or below a bridge that has them.

    add_cables(lab, cards)                 # an address on each; the client's is the first card's
    add_cables(lab, cards, bridged=True)   # one address on the bridge: a switch
"""

from lab import CLIENT_V4, CLIENT_V6, PREFIX_V4, PREFIX_V6

BRIDGE = "switch"


def client_addresses(number):
    """The far end of card `number`: 10.77.0.1 and fd77::1, 10.78.0.1 and fd78::1, …"""
    return (f"{CLIENT_V4.replace('77', str(77 + number))}/{PREFIX_V4}",
            f"{CLIENT_V6.replace('77', str(77 + number))}/{PREFIX_V6}")


def add_cables(lab, cards, *, bridged=False):
    lab.add_client_namespace()
    ends = []
    for card in cards:
        many = ["multi_queue"] if card.queues > 1 else []
        lab.run_in(lab.client_ns, ["ip", "tuntap", "add", "dev", card.tap, "mode", "tap", *many])
        ends.append(card.tap)
    if bridged:
        lab.run_in(lab.client_ns, ["ip", "link", "add", BRIDGE, "type", "bridge", "forward_delay", "0"])
        for end in ends:
            lab.run_in(lab.client_ns, ["ip", "link", "set", end, "master", BRIDGE])
            lab.run_in(lab.client_ns, ["ip", "link", "set", end, "up"])
        ends = [BRIDGE]
    for number, end in enumerate(ends):
        for address in client_addresses(number):
            nodad = ["nodad"] if ":" in address else []
            lab.run_in(lab.client_ns, ["ip", "addr", "add", address, "dev", end, *nodad])
        lab.run_in(lab.client_ns, ["ip", "link", "set", end, "up"])
