"""Contradictions between values of a configuration."""

from collections.abc import Iterator, Sequence

from evpnd.adapters.config.evi_checks import check_evis
from evpnd.adapters.config.members import Member
from evpnd.adapters.config.once import Once
from evpnd.adapters.config.schema import ConfigFile
from evpnd.adapters.policy_files.named import Policies
from evpnd.adapters.yaml.errors import KeyPath
from evpnd.adapters.yaml.findings import Findings
from evpnd.adapters.yaml.values import did_you_mean
from evpnd.model.ids import parse_ip
from evpnd.model.policy import Criterion, Field, Policy, Rule, Verdict
from evpnd.policy.lint_logic import Goal, Search


def check(
    file: ConfigFile, evis: Sequence[Member], policies: Policies, findings: Findings
) -> None:
    """Record every contradiction within a file of sound shape."""
    _check_vtep(file, findings)
    _check_peers(file, findings)
    check_evis(file, evis, findings)
    _check_policies(file, policies, findings)
    _check_duplicate_detection(file, findings)


def _check_vtep(file: ConfigFile, findings: Findings) -> None:
    vtep = file.vtep
    if (vtep.address is None) == (vtep.interface is None):
        findings.add(
            ("vtep",),
            "needs an address or an interface; add `address: 10.0.0.1`"
            if vtep.address is None
            else "has both address and interface; keep one of them",
        )
    elif file.router_id is None and (vtep.address is None or len(vtep.address) == 16):
        given = "an interface" if vtep.address is None else "an IPv6 address"
        findings.add(
            ("router-id",),
            f"is required where vtep gives {given}; add `router-id: 10.0.0.1`",
        )


def _check_peers(file: ConfigFile, findings: Findings) -> None:
    if not file.peers:
        findings.add(
            ("peers",), "is empty; add one: `- {address: 10.0.0.254, asn: 65000}`"
        )
    addresses = Once(
        findings,
        lambda address, first: (
            f"{address} is also the address of {first}; configure each peer once"
        ),
    )
    for index, peer in enumerate(file.peers):
        place: KeyPath = ("peers", index)
        addresses.check(peer.address, (*place, "address"))
        ip = parse_ip(peer.address)
        if ip == file.vtep.address or peer.address == peer.local_address:
            own = "local-address" if peer.local_address == peer.address else "vtep"
            findings.add(
                (*place, "address"),
                f"{peer.address} is this host's own address ({own}); write the peer's",
            )
        if peer.local_address and len(parse_ip(peer.local_address)) != len(ip):
            findings.add(
                (*place, "local-address"),
                f"{peer.local_address} and the peer's {peer.address} differ in "
                "family; give both as IPv4 or both as IPv6",
            )


def _check_policies(file: ConfigFile, policies: Policies, findings: Findings) -> None:
    external = [peer.asn != file.asn for peer in file.peers]
    for place, attached in _attachments(file):
        for index, name in enumerate(attached):
            if attached.index(name) < index:
                findings.add((*place, index), f"{name!r} is listed twice; name it once")
            policy = policies.by_name.get(name)
            if policy is not None:
                told = all(external)
                if isinstance(place[1], int) and place[0] == "peers":
                    told = external[place[1]]
                behind = [policies.by_name.get(each) for each in attached[index + 1 :]]
                last = not any(map(_sets_targets, filter(None, behind)))
                here = (*place, index)
                _check_attached(policy, here, findings, external=told, last=last)
                continue
            if not policies.complete:
                continue
            meant = did_you_mean(name, policies.by_name)
            known = ", ".join(policies.by_name)
            known = f"known: {known}; or " if known else ""
            hint = f"{known}name its file in `policies:`"
            if meant:
                hint = f"did you mean {meant}?"
            findings.add((*place, index), f"policy {name!r} not found; {hint}")


def _check_attached(
    policy: Policy, place: KeyPath, findings: Findings, *, external: bool, last: bool
) -> None:
    """Record what a policy matches or sets without effect where it is named.

    `external`: all peers that its routes go to are (RFC 4271, section 5.1.5). `last`:
    no policy behind it sets route targets.
    """
    out = place[-2] == "export"
    if policy.limits and out:
        findings.add(
            place,
            f"{policy.name!r} has limits, which count what is imported; "
            "name it in `import`, or remove them from it",
        )
    if not findings.warns:
        return
    search = Search()
    here = Goal((Criterion(Field.LOCAL, (out,)),))
    what = "all exported routes are local" if out else "no imported route is local"
    for rule in policy.rules:
        where = f"rule {rule.name} of {policy.name!r} ({policy.file}:{rule.line})"
        goal = Goal(rule.match)
        if search.possible([goal]) and not search.possible([goal, here]):
            findings.warn(place, f"{where} never holds here: {what}")
        elif last and _takes_targets(rule) and place[0] == "peers":
            findings.warn(
                place, f"{where} leaves no route target, so no EVI imports the route"
            )
        elif out and external and rule.changes.local_preference is not None:
            findings.warn(
                place,
                f"{where} sets local-preference, which is not sent to external peers",
            )


def _takes_targets(rule: Rule) -> bool:
    """Return whether a rule lets routes pass, and takes all route targets from them."""
    edit = rule.changes.route_targets
    if edit is None or edit.add or rule.verdict is not Verdict.ACCEPT:
        return False
    return edit.replace == () or "*" in edit.removed


def _sets_targets(policy: Policy) -> bool:
    return any(rule.changes.route_targets is not None for rule in policy.rules)


def _attachments(file: ConfigFile) -> Iterator[tuple[KeyPath, list[str]]]:
    for index, peer in enumerate(file.peers):
        yield ("peers", index, "import"), peer.import_
        yield ("peers", index, "export"), peer.export
    for index, evi in enumerate(file.evis):
        yield ("evis", index, "import"), evi.import_
        yield ("evis", index, "export"), evi.export
    for index, vrf in enumerate(file.vrfs):
        yield ("vrfs", index, "import"), vrf.import_
        yield ("vrfs", index, "export"), vrf.export


def _check_duplicate_detection(file: ConfigFile, findings: Findings) -> None:
    section = file.duplicate_detection
    if "freeze_for" in section.model_fields_set and section.action != "freeze":
        findings.add(
            ("duplicate-detection", "freeze-for"),
            "has no effect without `action: freeze`; add that or remove it",
        )
