"""Route targets: which an EVI imports, and what `auto` stands for.

Vendors derive the automatic target in different ways; docs/route-targets.md has
the table and its sources.
"""

from collections.abc import Collection
from enum import Enum
from typing import NamedTuple

from evpnd.model.ids import (
    AS2_MAX,
    FOUR_OCTET_AS,
    RFC8365_VXLAN,
    ROUTE_TARGET_SUBTYPE,
    TWO_OCTET_AS,
    RouteTarget,
    format_route_target,
    parse_route_target,
)
from evpnd.model.numbers import AS_TRANS


class Profile(Enum):
    """Vendor of a peer: form of automatic route targets, known exceptions."""

    GENERIC = "generic"
    FRR = "frr"
    EOS = "eos"
    NXOS = "nxos"
    JUNOS = "junos"
    SRLINUX = "srlinux"


FOUR_OCTET_PROFILES = frozenset({Profile.EOS, Profile.SRLINUX})
"""Derive ``AS:VNI`` in the four-octet AS form where the AS needs it.

That form has 16 bits for the VNI.
"""


class ImportTargets(NamedTuple):
    """Which routes an EVI imports: exact targets, and numbers with any AS."""

    exact: frozenset[RouteTarget] = frozenset()
    wildcards: frozenset[int] = frozenset()
    """``*:N`` in the two-octet AS form: the 32-bit local administrators."""
    wide: frozenset[int] = frozenset()
    """``*:N`` in the four-octet AS form: the 16-bit local administrators."""

    def matches(self, target: bytes) -> bool:
        """Return whether one route target imports."""
        if target in self.exact:
            return True
        if target[1] != ROUTE_TARGET_SUBTYPE:
            return False
        if target[0] == TWO_OCTET_AS:
            return int.from_bytes(target[4:]) in self.wildcards
        return target[0] == FOUR_OCTET_AS and int.from_bytes(target[6:]) in self.wide

    def texts(self) -> list[str]:
        """Write them for people, ``*:N`` once for all its forms."""
        plain = {
            number
            for number in self.wildcards
            if number & ~RFC8365_VXLAN not in self.wildcards - {number}
        }
        numbers = sorted(plain | self.wide)
        return [
            *sorted(map(format_route_target, self.exact)),
            *(f"*:{number}" for number in numbers),
        ]


def auto_form(asn: int, profile: Profile) -> Profile:
    """Return the profile whose derivation is used; GENERIC by default."""
    match profile:
        case Profile.JUNOS:
            return profile
        case Profile.NXOS if asn > AS2_MAX:
            return profile
        case Profile.EOS | Profile.SRLINUX if asn > AS2_MAX:
            return Profile.EOS
        case _:
            return Profile.GENERIC


def auto_export_target(
    asn: int, vni: int, profile: Profile = Profile.GENERIC
) -> RouteTarget:
    """Derive the target that `auto` stands for towards a peer of a profile.

    It is what a device of that vendor in our AS would derive. Everything that fits
    nowhere else is ``(AS mod 65536):VNI``, as FRR has it, so that the VNI is whole.
    """
    match auto_form(asn, profile):
        case Profile.JUNOS:
            return parse_route_target(f"{asn & AS2_MAX}:{vni | RFC8365_VXLAN}")
        case Profile.NXOS:
            return parse_route_target(f"{AS_TRANS}:{vni}")
        case Profile.EOS if vni <= AS2_MAX:
            return parse_route_target(f"{asn}:{vni}")
        case _:
            return parse_route_target(f"{asn & AS2_MAX}:{vni}")


def wildcard_numbers(number: int) -> frozenset[int]:
    """List the local administrators that ``*:N`` stands for.

    FRR's plain number and RFC 8365's form with type VXLAN, domain 0.
    """
    return frozenset({number, number | RFC8365_VXLAN})


def auto_import_targets(vni: int, profiles: Collection[Profile] = ()) -> ImportTargets:
    """Derive the import targets of an EVI that gives none: ``*:VNI``.

    It takes what the profiles of all peers derive, of whatever AS.
    """
    takes_wide = vni <= AS2_MAX and not FOUR_OCTET_PROFILES.isdisjoint(profiles)
    wide = frozenset({vni}) if takes_wide else frozenset()
    return ImportTargets(wildcards=wildcard_numbers(vni), wide=wide)
