"""Explains why no EVI imports route targets, and which EVI was probably meant.

Two vendors' automatic targets for one VNI differ in AS, in the form of RFC 8365 or
in the width of the AS (docs/route-targets.md). The number that is left without all
that is compared here.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from evpnd.core.bgp.path import Path
from evpnd.model.config import InstanceConfig
from evpnd.model.ids import (
    FOUR_OCTET_AS,
    IPV4_ADDRESS,
    TWO_OCTET_AS,
    format_route_target,
)
from evpnd.model.packed import OctetStrings

NOT_IMPORTED = "no EVI imports its route targets"
NO_TAG = "no EVI imports its route targets with its Ethernet Tag"
REMEMBERED = 4096
"""Verdicts kept; when there are more, all are found anew."""
LISTED = 4
"""Targets of an EVI that are named in a sentence."""

_RFC8365_TYPE = 0xF0
"""A and type of RFC 8365, 5.1.2.1, in the first octet; domain id in the rest."""
_RFC8365_VXLAN = 0x10
_FORMS = {
    TWO_OCTET_AS: "the two-octet AS form",
    IPV4_ADDRESS: "the IPv4 form",
    FOUR_OCTET_AS: "the four-octet AS form",
}


class Nearest(NamedTuple):
    """The explanation of route targets that no EVI imports."""

    text: str
    near: bool
    """An EVI comes close; otherwise the routes are probably for other hosts."""


class _Parts(NamedTuple):
    form: int
    administrator: bytes
    """Empty: any."""
    domain: int | None
    """RFC 8365's domain id; None: a plain number."""
    number: int


class _Imported(NamedTuple):
    evi: InstanceConfig
    parts: _Parts


class Nearness:
    """The imports of all EVIs, by their bare numbers."""

    def __init__(self) -> None:
        """Start with no EVI."""
        self._by_vni: dict[int, InstanceConfig] = {}
        self._by_number: dict[int, list[_Imported]] = {}
        self._known: dict[tuple[OctetStrings, int], Nearest] = {}

    def learn(self, evis: Iterable[InstanceConfig]) -> None:
        """Store the EVIs."""
        self._known = {}
        self._by_number = {}
        self._by_vni = {}
        for evi in evis:
            self._by_vni[evi.vni] = evi
            targets = evi.import_targets
            for parts in (
                *map(_parts, sorted(targets.exact)),
                *(_two_octets(b"", n.to_bytes(4)) for n in sorted(targets.wildcards)),
                *(_Parts(FOUR_OCTET_AS, b"", None, n) for n in sorted(targets.wide)),
            ):
                found = self._by_number.setdefault(parts.number, [])
                found.append(_Imported(evi, parts))

    def nearest(self, targets: OctetStrings, label: int) -> Nearest:
        """Return the closest EVI; `label` is the VNI of the route, 0: none."""
        found = self._known.get((targets, label))
        if found is None:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            found = self._known[targets, label] = self._find(targets, label)
        return found

    def _find(self, targets: OctetStrings, label: int) -> Nearest:
        named = " ".join(map(format_route_target, targets)) or "it has none"
        text = f"{NOT_IMPORTED} ({named})"
        for target in targets:
            parts = _parts(target)
            likely = self._by_number.get(parts.number, ())
            if likely:
                meant, imported = min(
                    likely, key=lambda each: len(_differences(parts, each.parts))
                )
                said = " and ".join(_differences(parts, imported))
                what = format_route_target(target)
                near = f"{_imports_of(meant)}; {what} has that number {said}"
                return Nearest(f"{text}: {near}", near=True)
        evi = self._by_vni.get(label)
        if evi is None:
            return Nearest(text, near=False)
        return Nearest(f"{text}: {_imports_of(evi)} for VNI {label}", near=True)


def other_tag(ethernet_tag: bytes, evis: Sequence[InstanceConfig]) -> Nearest:
    """Return why EVIs that import the route targets do not import a route.

    In a bundle that is normal: its VLANs have their targets in common.
    """
    named = [f"{evi.name} imports {evi.ethernet_tag}" for evi in evis[:LISTED]]
    more = f" and {len(evis) - LISTED} more" if len(evis) > LISTED else ""
    text = f"{NO_TAG} {int.from_bytes(ethernet_tag)} (`ethernet-tag`): EVI "
    return Nearest(f"{text}{', '.join(named)}{more}", near=False)


def other_kind(path: Path, named: Sequence[InstanceConfig]) -> Nearest:
    """Return why the EVIs, or VRFs, that import the route targets have no use for it.

    Type 5 routes are for VRFs, and so are type 2 routes with the label of a VRF.
    """
    titles = " and ".join(each.title for each in named[:LISTED])
    what = "it is of type 5" if path.of_prefixes else "it has no label of a VRF"
    return Nearest(f"{titles} imports its route targets, but {what}", near=False)


def _differences(given: _Parts, imported: _Parts) -> list[str]:
    found: list[str] = []
    if given.form != imported.form:
        found.append(f"in {_FORMS.get(given.form, 'another form')}")
    elif imported.administrator and given.administrator != imported.administrator:
        found.append(
            "with another AS" if given.form != IPV4_ADDRESS else "with another IP"
        )
    if given.domain != imported.domain:
        if given.domain is None:
            found.append("plain, not in RFC 8365's form")
        elif imported.domain is None:
            found.append(f"in RFC 8365's form{_domain(given.domain)}")
        else:
            found.append(f"in RFC 8365's domain {given.domain}")
    return found


def _domain(domain: int) -> str:
    return f", domain {domain}" if domain else ""


def _parts(target: bytes) -> _Parts:
    if target[0] == TWO_OCTET_AS:
        return _two_octets(target[2:4], target[4:])
    return _Parts(target[0], target[2:6], None, int.from_bytes(target[6:]))


def _two_octets(administrator: bytes, local: bytes) -> _Parts:
    if local[0] & _RFC8365_TYPE == _RFC8365_VXLAN:
        domain = local[0] & ~_RFC8365_TYPE
        return _Parts(TWO_OCTET_AS, administrator, domain, int.from_bytes(local[1:]))
    return _Parts(TWO_OCTET_AS, administrator, None, int.from_bytes(local))


def _imports_of(evi: InstanceConfig) -> str:
    named = evi.import_targets.texts()
    if not named:
        return f"{evi.title} imports nothing"
    more = f" and {len(named) - LISTED} more" if len(named) > LISTED else ""
    return f"{evi.title} imports {' '.join(named[:LISTED])}{more}"
