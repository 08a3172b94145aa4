"""The path attributes of a received UPDATE, judged by RFC 7606.

All but MP_REACH_NLRI and MP_UNREACH_NLRI, which are the UPDATE's own matter.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from evpnd.model.communities import decode_communities
from evpnd.model.ids import format_ip, is_multicast
from evpnd.model.numbers import AS_TRANS, OPTIONAL, TRANSITIVE, Code
from evpnd.model.packed import Numbers, Octets4, Octets8, Octets12
from evpnd.model.routes import (
    Malformed,
    PathAttributes,
    PmsiTunnel,
    Treatment,
)
from evpnd.wire.as_path import (
    Path,
    decode_path,
    flatten,
    has_confederation,
    merge_paths,
    path_length,
)
from evpnd.wire.framing import split_attributes

_MALFORMED_LIST = 1
_UNKNOWN_WELL_KNOWN = 2
_MISSING = 3
_FLAGS = 4
_LENGTH = 5
_ORIGIN = 6
_NEXT_HOP = 8
_OPTIONAL = 9
_AS_PATH = 11

_KIND = OPTIONAL | TRANSITIVE
_WITHDRAW = Treatment.TREATED_AS_WITHDRAW
_DISCARD = Treatment.ATTRIBUTE_DISCARDED

_STRENGTH = {treatment: strength for strength, treatment in enumerate(Treatment)}

_IDENTIFIERS = {3: (8, 32), 4: (8, 32), 5: (8, 32), 6: (4, 16), 10: (4, 16)}
"""Tunnel type to lengths of its identifier (RFC 6514, section 5; RFC 9574)."""


class DecodedAttributes(NamedTuple):
    """The verdict on a block of attributes."""

    attributes: PathAttributes | None
    """None when routes with them must not be announced."""
    malformed: tuple[Malformed, ...]


class _Rule(NamedTuple):
    """How RFC 7606, section 7, judges one attribute."""

    flags: int
    treatment: Treatment
    subcode: int
    sound: Callable[[bytes], bool]
    internal: bool = False
    """Discarded when an external peer sends it."""


def _exactly(size: int) -> Callable[[bytes], bool]:
    return lambda value: len(value) == size


def _many(size: int) -> Callable[[bytes], bool]:
    return lambda value: len(value) > 0 and len(value) % size == 0


def _sound_pmsi(value: bytes) -> bool:
    # Types without a row are kept as they came: new ones are assigned, and for
    # us they say no more than that this peer takes no ingress replication.
    return len(value) >= 5 and (
        value[1] not in _IDENTIFIERS or len(value) - 5 in _IDENTIFIERS[value[1]]
    )


def _any(_: bytes) -> bool:
    return True


_RULES: dict[int, _Rule] = {
    Code.ORIGIN: _Rule(
        TRANSITIVE, _WITHDRAW, _ORIGIN, lambda value: len(value) == 1 and value[0] <= 2
    ),
    Code.AS_PATH: _Rule(TRANSITIVE, _WITHDRAW, _AS_PATH, _any),
    Code.NEXT_HOP: _Rule(TRANSITIVE, _WITHDRAW, _NEXT_HOP, _exactly(4)),
    Code.MULTI_EXIT_DISC: _Rule(OPTIONAL, _WITHDRAW, _LENGTH, _exactly(4)),
    Code.LOCAL_PREF: _Rule(TRANSITIVE, _WITHDRAW, _LENGTH, _exactly(4), internal=True),
    Code.ATOMIC_AGGREGATE: _Rule(TRANSITIVE, _DISCARD, _LENGTH, _exactly(0)),
    Code.AGGREGATOR: _Rule(
        _KIND, _DISCARD, _OPTIONAL, lambda value: len(value) in (6, 8)
    ),
    Code.COMMUNITIES: _Rule(_KIND, _WITHDRAW, _OPTIONAL, _many(4)),
    Code.ORIGINATOR_ID: _Rule(
        OPTIONAL, _WITHDRAW, _OPTIONAL, _exactly(4), internal=True
    ),
    Code.CLUSTER_LIST: _Rule(OPTIONAL, _WITHDRAW, _OPTIONAL, _many(4), internal=True),
    Code.EXTENDED_COMMUNITIES: _Rule(_KIND, _WITHDRAW, _OPTIONAL, _many(8)),
    Code.AS4_PATH: _Rule(_KIND, _DISCARD, _OPTIONAL, lambda value: len(value) >= 6),
    Code.AS4_AGGREGATOR: _Rule(_KIND, _DISCARD, _OPTIONAL, _exactly(8)),
    Code.PMSI_TUNNEL: _Rule(_KIND, _WITHDRAW, _OPTIONAL, _sound_pmsi),
    Code.LARGE_COMMUNITIES: _Rule(_KIND, _WITHDRAW, _OPTIONAL, _many(12)),
}


def decode_path_attributes(
    block: bytes, next_hop: bytes, *, asn4: bool, ibgp: bool
) -> DecodedAttributes:
    """Read and judge a block of attributes without MP_REACH and MP_UNREACH.

    With a next hop (4 or 16 octets) the attributes are those of announced routes,
    and the mandatory ones must be there; without one (no octets) they are only
    judged, and the result has no attributes.
    """
    judge = _Judge(asn4=asn4, ibgp=ibgp)
    judge.read(block)
    if next_hop:
        judge.require(next_hop)
    malformed = tuple(judge.malformed)
    if not next_hop or any(found.treatment is not _DISCARD for found in malformed):
        return DecodedAttributes(None, malformed)
    return DecodedAttributes(judge.assemble(next_hop), malformed)


class _Judge:
    """Gathers sound attributes and findings of one block."""

    def __init__(self, *, asn4: bool, ibgp: bool) -> None:
        self._asn4 = asn4
        self._ibgp = ibgp
        self._seen: set[int] = set()
        self._values: dict[int, bytes] = {}
        self._paths: dict[int, Path] = {}
        self.malformed: list[Malformed] = []

    def read(self, block: bytes) -> None:
        """Check the attributes in order; of repeated ones the first counts."""
        attributes, end = split_attributes(block)
        for flags, code, _, start, stop in attributes:
            if code in self._seen:
                self._find(_DISCARD, f"{_name(code)} occurs more than once", 1)
                continue
            self._seen.add(code)
            rule = _RULES.get(code)
            if rule:
                self._judge(code, flags, rule, block[start:stop])
            elif not flags & OPTIONAL:
                self._find(
                    Treatment.SESSION_RESET,
                    f"well-known attribute {code} is not known",
                    _UNKNOWN_WELL_KNOWN,
                )
        if end < len(block):
            self._find(
                _WITHDRAW,
                f"the attribute at octet {end} runs past the attributes' "
                f"{len(block)} octets",
                _MALFORMED_LIST,
            )

    def _judge(self, code: int, flags: int, rule: _Rule, value: bytes) -> None:
        if rule.internal and not self._ibgp:
            self._find(_DISCARD, f"{_name(code)} from an external peer", rule.subcode)
        elif flags & _KIND != rule.flags:
            self._find(rule.treatment, f"{_name(code)} has flags {flags:#04x}", _FLAGS)
        elif not rule.sound(value):
            self._find(
                rule.treatment,
                f"{_name(code)} of {len(value)} octets is malformed: "
                f"{value[:16].hex()}",
                rule.subcode,
            )
        elif code in (Code.AS_PATH, Code.AS4_PATH):
            self._judge_path(code, rule, value)
        elif code == Code.AGGREGATOR and len(value) != (8 if self._asn4 else 6):
            self._find(_DISCARD, f"{_name(code)} has {len(value)} octets", rule.subcode)
        elif code in (Code.AGGREGATOR, Code.AS4_AGGREGATOR) and not any(value[:-4]):
            self._find(_DISCARD, f"{_name(code)} has AS 0", rule.subcode)  # RFC 7607
        else:
            self._values[code] = value

    def _judge_path(self, code: int, rule: _Rule, value: bytes) -> None:
        if code == Code.AS4_PATH and self._asn4:
            return  # RFC 6793, section 4.1: of no meaning on this session
        try:
            path = decode_path(value, asn4=self._asn4 or code == Code.AS4_PATH)
        except ValueError as error:
            self._find(rule.treatment, f"{_name(code)}: {error}", rule.subcode)
            return
        if code == Code.AS_PATH and not self._ibgp and has_confederation(path):
            # RFC 5065, section 5: we are in no confederation.
            self._find(_WITHDRAW, "AS_PATH has confederation segments", rule.subcode)
            return
        self._paths[code] = path

    def require(self, next_hop: bytes) -> None:
        """Check what announced routes must have: next hop, mandatory attributes.

        A semantically incorrect next hop has its routes ignored (RFC 4271, 6.3).
        """
        mandatory = [Code.ORIGIN, Code.AS_PATH]
        if self._ibgp:
            mandatory.append(Code.LOCAL_PREF)
        for code in mandatory:
            if code not in self._seen:
                self._find(_WITHDRAW, f"{code.name} is missing", _MISSING)
        if not any(next_hop) or is_multicast(next_hop):
            text = f"next hop {format_ip(next_hop)} is not a host address"
            self._find(_WITHDRAW, text, _NEXT_HOP)

    def assemble(self, next_hop: bytes) -> PathAttributes:
        """Make the value of sound attributes."""
        values = self._values
        extended = values.get(Code.EXTENDED_COMMUNITIES)
        communities = Octets8(extended) if extended else ()
        known = decode_communities(communities)
        path = self._path()
        preference = values.get(Code.LOCAL_PREF)
        med = values.get(Code.MULTI_EXIT_DISC)
        pmsi = values.get(Code.PMSI_TUNNEL)
        return PathAttributes(
            next_hop=next_hop,
            route_targets=known.route_targets,
            extended_communities=communities,
            encapsulations=known.encapsulations,
            sequence=known.sequence,
            sticky=known.sticky,
            default_gateway=known.default_gateway,
            arp_nd_flags=known.arp_nd_flags,
            pmsi=_pmsi(pmsi) if pmsi else None,
            origin=values[Code.ORIGIN][0],
            as_path=Numbers.of(flatten(path)),
            as_path_length=path_length(path),
            local_preference=int.from_bytes(preference) if preference else None,
            med=int.from_bytes(med) if med else None,
            originator_id=values.get(Code.ORIGINATOR_ID),
            cluster_list=Octets4(found)
            if (found := values.get(Code.CLUSTER_LIST))
            else (),
            communities=Octets4(found)
            if (found := values.get(Code.COMMUNITIES))
            else (),
            large_communities=Octets12(found)
            if (found := values.get(Code.LARGE_COMMUNITIES))
            else (),
        )

    def _path(self) -> Path:
        """Return the path, with AS4_PATH merged unless RFC 6793, 4.2.3, forbids it."""
        path = self._paths[Code.AS_PATH]
        aggregator = self._values.get(Code.AGGREGATOR)
        overruled = (
            Code.AS4_AGGREGATOR in self._values
            and aggregator is not None
            and int.from_bytes(aggregator[:2]) != AS_TRANS
        )
        if overruled or Code.AS4_PATH not in self._paths:
            return path
        return merge_paths(path, self._paths[Code.AS4_PATH])

    def _find(self, treatment: Treatment, reason: str, subcode: int) -> None:
        self.malformed.append(Malformed(treatment, reason, 3, subcode))


def strongest(malformed: Sequence[Malformed]) -> Malformed | None:
    """Return the finding whose treatment prevails (RFC 7606, section 3 h)."""
    return max(malformed, key=lambda m: _STRENGTH[m.treatment], default=None)


def _name(code: int) -> str:
    return Code(code).name if code in _RULES else f"attribute {code}"


def _pmsi(value: bytes) -> PmsiTunnel:
    return PmsiTunnel(value[1], int.from_bytes(value[2:5]), value[5:], value[0])
