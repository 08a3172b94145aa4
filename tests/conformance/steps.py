"""The steps of a case: what peers, tenants, the kernel and operators do."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from evpnd.model.events import BindingsSnooped, Heard, KernelOverran, NdFlags
from evpnd.model.ids import FLOOD_MAC, parse_ip, parse_mac
from evpnd.speaker.rib.journal import LIMIT
from evpnd.wire.messages import Refreshing
from tests.conformance import routes
from tests.conformance.expect import expect
from tests.conformance.host import Host
from tests.conformance.links import play_link
from tests.conformance.speaker import PeerEnd
from tests.conformance.words import (
    Words,
    anything,
    flag,
    number,
    one_of,
    only_key,
    parsed,
    refuse,
    seconds,
    some,
    text,
)

ip_of = parsed(parse_ip)
mac_of = parsed(parse_mac)


def play(host: Host, folder: Path, step: object, where: str) -> None:
    """Carry out one step."""
    word, said = only_key(step, where)
    subject, _, name = word.partition(" ")
    here = f"{where}: {word}"
    match subject:
        case "expect":
            expect(host, said, here)
            host.forget()
        case "peers":
            _peers(host, said, here)
        case "peer":
            _peer(host, name, said, here)
        case "port":
            _port(host, name, said, here)
        case "device":
            _device(host, name, said, here)
        case "operator":
            _operator(host, said, here)
        case "link":
            play_link(host, name, said, here)
        case "kernel":
            _kernel(host, said, here)
        case "wait":
            host.wait(seconds(said, here))
        case "reload":
            host.reload(folder / text(said, here))
        case "evpnd":
            _evpnd(host, said, here)
        case "recording":
            host.replay(folder / text(said, here))
        case "clear":
            _clear(host, name, said, here)
        case _:
            refuse(where, f"there is no step {word!r}; see README.md")


# BGP


def _peers(host: Host, said: object, where: str) -> None:
    """Bring all sessions up and let every peer say that it has no routes.

    This is how most cases begin, so its events are not noted.
    """
    one_of("up", "down")(said, where)
    for peer in host.speaker.peers.values():
        if said == "up":
            host.hear(peer.went_up({}, where))
            host.hear(peer.sends(routes.message(routes.END_OF_RIB)))
        else:
            host.hear(peer.went_down("connection lost", graceful=True))
    host.notices.clear()


def _peer(host: Host, name: str, said: object, where: str) -> None:
    peer = host.peer(name)
    if peer is None:
        refuse(where, f"{name!r} is not among the configured peers")
    word, what = only_key(said, where)
    here = f"{where}: {word}"
    if word == "up":
        if host.speaker.ready is None:
            refuse(here, "sessions start after the first announcement")
        if peer.session is not None:
            refuse(here, "the session is up already")
        host.hear(peer.went_up({} if what is None else what, here))
        return
    if peer.session is None:
        refuse(here, "the session is not up")
    match word:
        case "down":
            words = Words({} if what is None else what, here)
            notified = words.take("notification", flag, False)
            reason = words.take("reason", text, "connection lost")
            words.done()
            host.hear(peer.went_down(reason, graceful=not notified))
        case "end-of-rib":
            host.hear(peer.sends(routes.message(routes.END_OF_RIB)))
        case "announce":
            for at, route in enumerate(some(anything)(what, here)):
                encoded = routes.encode_route(route, peer.sender, f"{here}[{at}]")
                message = routes.announcement(encoded, [encoded.nlri], [])
                host.hear(peer.sends(message))
        case "withdraw":
            for at, route in enumerate(some(anything)(what, here)):
                nlri = routes.encode_key(route, peer.sender, f"{here}[{at}]")
                host.hear(peer.sends(routes.withdrawal([nlri])))
        case "update":
            host.hear(peer.sends(routes.read_update(what, peer.sender, here)))
        case "marks":
            phase = one_of("begin-of-refresh", "end-of-refresh")(what, here)
            _marks(host, peer, phase.removesuffix("-of-refresh"))
        case "outgrows":
            one_of("journal")(what, here)
            peer.record.journal.add(bytes(LIMIT + 1))
        case "asks-for":
            one_of("route-refresh")(what, here)
            peer.adj_rib_out.resend(bool(peer.session.enhanced_refresh))
            host.run()
            peer.listen()
        case _:
            refuse(here, "a peer does not do this; see README.md")


def _marks(host: Host, peer: PeerEnd, phase: str) -> None:
    if phase == "begin":
        peer.record.journal.refresh_began()
    else:
        peer.record.journal.refresh_ended()
    host.hear(Refreshing(peer.address, ended=phase == "end"))


# The host


def _port(host: Host, name: str, said: object, where: str) -> None:
    word, what = only_key(said, where)
    here = f"{where}: {word}"
    kernel = host.kernel
    match word:
        case "frame-from":
            host.run(*kernel.frame(name, mac_of(what, here)))
        case "arp" | "nd":
            words = Words(what, here)
            port = kernel.find(name)[1].ifindex
            heard = _snooped(port, kernel.tag(name), word, words)
            host.run(*kernel.frame(name, heard.bindings[0][1]), heard)
        case "ages":
            host.run(*kernel.age(name, mac_of(what, here)))
        case "static" | "sticky":
            host.run(*kernel.fix(name, mac_of(what, here), sticky=word == "sticky"))
        case "removes":
            host.run(*kernel.unfix(name, mac_of(what, here)))
        case "up" | "down":
            host.run(*kernel.set_link(name, up=word == "up"))
        case _:
            refuse(here, "this does not happen on a port; see README.md")


def _snooped(port: int, tag: int, word: str, words: Words) -> BindingsSnooped:
    claim = Heard(port, words.take("mac", mac_of), words.take("ip", ip_of), tag)
    if len(claim.ip) != (4 if word == "arp" else 16):
        refuse(words.where, f"{word} does not speak of {len(claim.ip)} octets")
    flags = {}
    if word == "nd" and words.has("router"):
        router = words.take("router", flag)
        flags[claim] = NdFlags(router, words.take("override", flag, True))
    words.done()
    return BindingsSnooped([claim], flags)


def _device(host: Host, name: str, said: object, where: str) -> None:
    word, what = only_key(said, where)
    here = f"{where}: {word}"
    kernel = host.kernel
    match word:
        case "up" | "down":
            host.run(*kernel.set_link(name, up=word == "up"))
        case "removed":
            host.run(*kernel.remove(name))
        case "added":
            host.run(*kernel.add(name))
        case "address" | "no-address":
            there = word == "address"
            host.run(*kernel.set_address(name, ip_of(what, here), present=there))
        case "local":
            host.run(*kernel.set_local(name, ip_of(what, here)))
        case "maps":
            words = Words(what, here)
            tunnels = {vlan: words.take(str(vlan), number, 0) for vlan in kernel.vlans}
            words.done()
            host.run(kernel.map({vlan: vni for vlan, vni in tunnels.items() if vni}))
        case "takes-in":
            host.run(kernel.take_in(some(number)(what, here)))
        case _:
            refuse(here, "this does not happen to a device; see README.md")


def _operator(host: Host, said: object, where: str) -> None:
    """Let somebody other than evpnd change the kernel's tables."""
    word, what = only_key(said, where)
    here = f"{where}: {word}"
    words = Words(what, here)
    device = words.take("device", text)
    kernel = host.kernel
    match word:
        case "adds-fdb":
            mac = words.take("mac", mac_of, FLOOD_MAC)
            events = kernel.operator_row(device, mac, words.take("vtep", ip_of))
        case "removes-fdb":
            events = kernel.operator_removes(device, words.take("mac", mac_of))
        case "pins-neighbor":
            ip = words.take("ip", ip_of)
            events = kernel.pin(device, ip, words.take("mac", mac_of))
        case "removes-neighbor":
            events = kernel.unpin(device, words.take("ip", ip_of))
        case "flushes-neighbors":
            events = kernel.flush_neighbors(device)
        case _:
            refuse(here, "an operator does not do this here")
    words.done()
    host.run(*events)


def _kernel(host: Host, said: object, where: str) -> None:
    word, what = only_key(said, where)
    here = f"{where}: {word}"
    match word:
        case "refuses" | "takes":
            key = _row_key(what, here)
            for evi in host.kernel.evis.values():
                change = evi.tables.refused
                (change.add if word == "refuses" else change.discard)(key)
        case "overruns":
            host.run(KernelOverran("overrun"))
        case "finds-neighbor":
            words = Words(what, here)
            device = words.take("device", text)
            ip, mac = words.take("ip", ip_of), words.take("mac", mac_of)
            words.done()
            host.run(*host.kernel.kernel_neighbor(device, ip, mac))
        case _:
            refuse(here, "the kernel does not do this here; see README.md")


def _row_key(what: object, where: str) -> bytes:
    words = Words(what, where)
    kinds: dict[str, Callable[[Any, str], Any]] = {"mac": mac_of, "ip": ip_of}
    kind = next((kind for kind in kinds if words.has(kind)), "mac")
    key: bytes = words.take(kind, kinds[kind])
    words.done()
    return key


def _evpnd(host: Host, said: object, where: str) -> None:
    words = ("agent-killed", "agent-started", "stopped", "started", "restarted")
    word = one_of(*words, "flushed")(said, where)
    if (word in ("agent-started", "started")) == host.running:
        refuse(where, f"it is {'running' if host.running else 'not running'}")
    match word:
        case "agent-killed":
            host.running = False
        case "stopped":
            host.stop()
        case "flushed":
            host.flush()
            host.stop()
        case "restarted":
            host.stop()
            host.start_agent()
        case _:
            host.start_agent()


def _clear(host: Host, name: str, said: object, where: str) -> None:
    if name != "duplicate":
        refuse(where, "only duplicates are cleared")
    words = Words(said, where)
    vni = words.take("vni", number, host.config.evis[0].vni)
    address = words.take("ip", ip_of) if words.has("ip") else words.take("mac", mac_of)
    released = words.take("released", flag, True)
    words.done()
    if host.engine.clear_duplicate(vni, address) != released:
        raise AssertionError(f"released is {not released}, not {released}")
    host.run()
