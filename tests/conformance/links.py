"""Links and VLANs of a host whose bridges evpnd makes: steps, and words for them."""

from evpnd.core.evi.made_tunnels import format_map
from evpnd.model.bridges import as_ranges, format_ranges
from evpnd.model.rows import PortVlans
from tests.conformance.host import Host
from tests.conformance.words import Words, flag, number, only_key, refuse, some, text


def play_link(host: Host, name: str, said: object, where: str) -> None:
    """Carry out a step: what somebody else does to a link."""
    word, what = only_key(said, where)
    here = f"{where}: {word}"
    kernel = host.kernel.bridges()
    if word != "added" and name not in kernel.links:
        refuse(here, f"there is no link {name!r}")
    match word:
        case "added":
            words = Words(what if isinstance(what, dict) else {}, here)
            kind = words.take("kind", text, "tun")
            up = words.take("up", flag, True)
            words.done()
            host.run(*kernel.add(name, kind, up=up))
        case "removed":
            host.run(*kernel.remove(name))
        case "up" | "down":
            host.run(*kernel.change(name, up=word == "up"))
        case "master":
            host.run(*kernel.attach(name, text(what, here)))
        case "nomaster":
            host.run(*kernel.change(name, master=0))
        case "vlans":
            words = Words(what, here)
            tagged = frozenset(words.take("tagged", some(number), []))
            untagged = words.take("untagged", number, 0)
            words.done()
            inside = tagged | {untagged} if untagged else tagged
            host.run(*kernel.set_vlans(name, PortVlans(untagged, inside, tagged)))
        case _:
            refuse(here, "this does not happen to a link; see README.md")


def ours(host: Host) -> list[str]:
    """Name the devices that evpnd made."""
    return sorted(host.kernel.bridges().ours())


def vlans(host: Host) -> dict[str, str]:
    """Say in which VLANs each port of a bridge is, and what it maps to VNIs."""
    kernel = host.kernel.bridges()
    found = {}
    for link in kernel.links.values():
        has = kernel.vlans_of(link.name)
        parts = []
        if has.pvid:
            parts.append(f"untagged {has.pvid}")
        if has.tagged:
            parts.append(f"tagged {format_ranges(as_ranges(has.tagged))}")
        if has.tunnels:
            parts.append(f"VNIs {format_map(has.tunnels)}")
        if link.master:
            found[link.name] = ", ".join(parts) or "none"
    return found
