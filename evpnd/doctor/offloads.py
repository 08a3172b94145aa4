"""Offloads of the devices that lead to other VTEPs; they cost speed, not packets."""

from collections.abc import Iterator
from typing import Final

from evpnd.doctor.examined import Examined
from evpnd.doctor.finding import Finding, note, warning
from evpnd.doctor.fix import run

_SEGMENTATION: Final = ("tx-udp_tnl-segmentation", "tx-udp_tnl-csum-segmentation")
"""The device segments large TCP packets within VXLAN; else the host does, before it
encapsulates, which takes several times as much of its processor."""
_BY_PORTS = frozenset("fn")
"""Letters of `rx-flow-hash` for UDP ports: octets 0 and 1, 2 and 3 of layer 4."""


def segmentation(seen: Examined) -> Iterator[Finding]:
    """Yield uplinks, and members of bonds, without segmentation of VXLAN."""
    for link in seen.uplinks:
        features = seen.host.features.get(link.name, {})
        off = [name for name in _SEGMENTATION if name in features]
        off = [name for name in off if not features[name].on]
        if not off:
            continue
        names = " and ".join(off)
        text = (
            f"{names} {'is' if len(off) == 1 else 'are'} off: the host cuts TCP of "
            "tenants into packets itself before it encapsulates them"
        )
        can = [name for name in off if features[name].changeable]
        if can:
            words = " ".join(f"{name} on" for name in can)
            fix = run(f"ethtool -K {link.name} {words}", safe=True)
            yield warning(link.name, text, fix)
        else:
            yield note(link.name, f"{text}; its driver cannot do it")


def hashing(seen: Examined) -> Iterator[Finding]:
    """Yield uplinks that give all VXLAN packets of a VTEP to one queue."""
    for link in seen.uplinks:
        letters = seen.host.hashed.get(link.name)
        if letters is None or set(letters) >= _BY_PORTS:
            continue
        yield warning(
            link.name,
            "received UDP is spread over queues by addresses alone: all packets of a "
            "VTEP go to one queue, and one processor",
            run(f"ethtool -N {link.name} rx-flow-hash udp4 sdfn", safe=True),
        )
