"""Whether `evpnd run` would start here, and which EVIs are not ready."""

import re
from collections.abc import Iterator

from evpnd.core.evi.bridge_vlans import with_vlan
from evpnd.core.evi.discovery import passed_over
from evpnd.core.evi.readiness import find_devices
from evpnd.doctor.examined import Examined, Overlay
from evpnd.doctor.finding import Finding, fault, note, warning
from evpnd.doctor.fix import Fix, advise, run
from evpnd.model.ids import format_ip
from evpnd.model.rows import Link

_COMMAND = re.compile(r"`((?:ip|bridge) [^`A-Z]+)`")
"""A command in a sentence, without a word to be filled in."""


def start(seen: Examined) -> Iterator[Finding]:
    """Yield what makes `evpnd run` end at once, or may do so."""
    for text in seen.host.obstacles:
        yield fault("evpnd run", f"it would refuse this host: {text}")
    for text in seen.host.doubts:
        yield warning("evpnd run", text)


def readiness(seen: Examined) -> Iterator[Finding]:
    """Yield the EVIs that are not ready, by the daemon or by their devices."""
    if seen.daemon is not None:
        for row in seen.daemon.evis:
            if row["state"] != "ready":
                device = seen.links.by_name.get(str(row["vxlan"]))
                reason = str(row["reason"])
                yield fault(str(row["name"]), reason, _fix(seen, device, reason))
        return
    for each in seen.overlays:
        if each.evi is None or (each.evi.owns_devices and each.vxlan is None):
            continue  # evpnd makes it at its start
        found = find_devices(each.evi, seen.links, seen.vtep, seen.udp_port)
        found = with_vlan(seen.links, found, each.evi)
        if found.reason is not None and not found.renumbers:
            text = f"it will not be ready: {found.reason}"
            yield fault(each.name, text, _fix(seen, found.vxlan, found.reason))


def _fix(seen: Examined, vxlan: Link | None, reason: str) -> Fix | None:
    if reason.endswith(" is down"):
        return run(f"ip link set {reason.split(maxsplit=1)[0]} up", safe=True)
    named = _COMMAND.search(reason)
    if named is not None:
        return run(*named[1].split(" && "))
    if vxlan is None or vxlan.vxlan is None:
        return None
    if reason.endswith("is not in a bridge"):
        return advise(f"`ip link set {vxlan.name} master BRIDGE`")
    local = vxlan.vxlan.local
    # An address of the other family takes another device (vxlan_changelink).
    if "local address" in reason and seen.vtep and len(local) in (0, len(seen.vtep)):
        vtep = format_ip(seen.vtep)
        return run(f"ip link set {vxlan.name} type vxlan local {vtep}")
    return None


def discovery(seen: Examined) -> Iterator[Finding]:
    """Yield the VXLAN devices that `discover` passes over, and why."""
    config = seen.config
    if config is None:
        return
    taken: set[str] = {each.vxlan.name for each in seen.overlays if each.vxlan}
    for device, reason in passed_over(config, seen.links, {}).items():
        if device in taken or "all RDs" in reason:
            continue
        text = f"`discover` passes it over: {reason}"
        if "learns" in reason:
            fix = run(f"ip link set {device} type vxlan nolearning")
            yield warning(device, text, fix)
        elif "no local address" in reason:
            yield warning(device, text)
        else:
            yield note(device, text)


def ports(seen: Examined) -> Iterator[Finding]:
    """Yield tenant ports that pass no frames."""
    for each in seen.overlays:
        yield from _missing(seen, each)
        for port in each.ports:
            if not port.up:
                fix = run(f"ip link set {port.name} up", safe=True)
                text = f"tenant port of {each.name} is down: no frame passes"
                yield warning(port.name, text, fix)
            elif not port.carrier:
                text = (
                    f"tenant port of {each.name} has no carrier: its machine is off, "
                    "or its cable is out"
                )
                yield note(port.name, text)
            elif port.port is not None and not port.port.forwarding:
                text = (
                    f"tenant port of {each.name} does not forward: spanning tree "
                    "blocks it, or it came up a moment ago"
                )
                yield warning(port.name, text)


def _missing(seen: Examined, each: Overlay) -> Iterator[Finding]:
    if each.evi is None or not each.evi.manage:
        return
    for name in each.evi.ports:
        link = seen.links.by_name.get(name)
        if link is None:
            yield warning(name, f"port of {each.name} does not exist")
        elif link.master and each.bridge and link.master != each.bridge.ifindex:
            other = seen.name(link.master)
            text = f"port of {each.name} is in {other}, not in {each.bridge.name}"
            fix = run(f"ip link set {name} nomaster")
            yield warning(name, text, fix)
