"""What must hold for the result of every body, sound or not."""

from evpnd.model.routes import (
    MacIpBatch,
    OtherRoute,
    PathAttributes,
    Treatment,
    Update,
    identity,
)
from evpnd.wire.update import UpdateDecoder
from tests.fuzz import reference
from tests.fuzz.reference import Route, Verdict

SESSIONS = [(asn4, ibgp) for asn4 in (True, False) for ibgp in (True, False)]


class Unsound(AssertionError):  # noqa: N818 - the name says what the result is
    """The codec breaks a promise."""


def verdict_of(update: Update) -> Verdict:
    """Say of a result what the reference says of the octets."""
    return Verdict(
        reset=any(m.treatment is Treatment.SESSION_RESET for m in update.malformed),
        announced=_routes(update.mac_ip, update.routes),
        withdrawn=_routes(update.withdrawn_mac_ip, update.withdrawn),
        end_of_rib=update.end_of_rib,
    )


def _routes(batches: list[MacIpBatch], others: list[OtherRoute]) -> frozenset[Route]:
    found: set[Route] = {identity(route) for route in others}
    for batch in batches:
        head = (2, batch.rd, batch.ethernet_tag)
        found.update((*head, key[:6], key[6:]) for key in batch.keys)
    return frozenset(found)


class Oracle:
    """Decodes bodies on the four kinds of session and checks what comes out."""

    def __init__(self) -> None:
        """Start with decoders that have seen nothing."""
        self._decoders = {
            each: UpdateDecoder(asn4=each[0], ibgp=each[1]) for each in SESSIONS
        }

    def decode(self, body: bytes, session: tuple[bool, bool]) -> Update:
        """Decode as an agent does, with what earlier bodies left behind."""
        return self._decoders[session].decode(body)

    def check(self, body: bytes, session: tuple[bool, bool], update: Update) -> Verdict:
        """Raise Unsound for a broken promise; else tell the verdict."""
        asn4, ibgp = session
        found = verdict_of(update)
        expected = reference.read(body, asn4=asn4, ibgp=ibgp)
        if found != expected:
            raise Unsound(f"{body.hex()} on {session}:\n{found}\nis not\n{expected}")
        if not is_well_formed(update):
            raise Unsound(f"{body.hex()} on {session}: {update}")
        return found

    def check_afresh(
        self, body: bytes, session: tuple[bool, bool], update: Update
    ) -> None:
        """Raise Unsound where the result depends on earlier bodies."""
        fresh = UpdateDecoder(asn4=session[0], ibgp=session[1]).decode(body)
        if repr(fresh) != repr(update):
            raise Unsound(f"{body.hex()} on {session}:\n{update}\nis not\n{fresh}")


def is_well_formed(update: Update) -> bool:
    """Return whether all values have the sizes that their types promise."""
    announces = bool(update.mac_ip or update.routes)
    attributes = update.attributes
    reset = any(m.treatment is Treatment.SESSION_RESET for m in update.malformed)
    return (
        (attributes is not None) == announces
        and (attributes is None or _is_sized(attributes))
        and not (reset and (announces or update.withdrawn_mac_ip or update.withdrawn))
        and not (update.end_of_rib and (announces or update.malformed))
        and all(
            batch.keys
            and (len(batch.rd), len(batch.ethernet_tag), len(batch.esi)) == (8, 4, 10)
            and len(batch.labels) in (3, 6)
            and all(
                type(key) is bytes and len(key) in (6, 10, 22) for key in batch.keys
            )
            for batch in update.mac_ip + update.withdrawn_mac_ip
        )
        and all(
            len(route.rd) == 8 and type(route.rd) is bytes
            for route in update.routes + update.withdrawn
        )
        and all(m.reason and len(m.reason) < 200 for m in update.malformed)
    )


def _is_sized(attributes: PathAttributes) -> bool:
    extended = attributes.extended_communities
    pmsi = attributes.pmsi
    return (
        len(attributes.next_hop) in (4, 16)
        and all(len(each) == 8 for each in extended)
        and set(attributes.route_targets) <= set(extended)
        and all(0 <= each < 1 << 16 for each in attributes.encapsulations)
        and 0 <= attributes.sequence < 1 << 32
        and all(0 < asn < 1 << 32 for asn in attributes.as_path)
        and attributes.as_path_length <= len(attributes.as_path)
        and (attributes.originator_id is None or len(attributes.originator_id) == 4)
        and all(len(each) == 4 for each in attributes.cluster_list)
        and all(len(each) == 4 for each in attributes.communities)
        and all(len(each) == 12 for each in attributes.large_communities)
        and (
            pmsi is None
            or pmsi.tunnel_type != 6
            or (len(pmsi.endpoint) in (4, 16) and 0 <= pmsi.label < 1 << 24)
        )
    )
