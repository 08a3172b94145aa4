"""``evpnd policy test``: cases beside the policies, and routes to try them on."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from evpnd.adapters.config import ConfigErrors
from evpnd.adapters.policy_files.load import load_policy, parse_route, policy_paths
from evpnd.cli.folding import fold
from evpnd.cli.options import ask, socket_option
from evpnd.cli.show import print_rows
from evpnd.cli.words import Words
from evpnd.model.policy import NO_CHANGES, Changes, verdict_word
from evpnd.model.policy_cases import Case, PolicyWithCases, TriedRoute
from evpnd.policy.changing import whole_lists, words
from evpnd.policy.trial import Trial, Trials, meets, try_cases

Found = dict[str, object]


@click.group(cls=Words)
def policy() -> None:
    """Try policies without a daemon.

    A policy decides which routes pass between a peer and an EVI, and can change
    their attributes. It is a YAML file. The configuration names the file, and peers
    and EVIs name the policy:

    \b
      policies: [policies/*.yaml]
      peers:
        - {address: 10.0.0.254, asn: 65001, import: [quarantine], export: []}

    \b
      # policies/quarantine.yaml
      policy: quarantine
      sets:                              # named lists: $suspects
        suspects: [10.0.0.3, 10.0.9.0/24]
      rules:                             # the first that matches decides
        - name: still-wanted
          match: {vtep: $suspects, mac: 02:00:00:00:00:05}
          accept: true
        - name: suspects
          match: {vtep: $suspects}
          reject: under investigation    # the reason that is shown
      default: accept
      limits: []                         # {macs: 2000, per: [peer, vni]}
      cases:
        - route: {type: mac-ip, mac: 02:00:00:00:00:07, vtep: 10.0.0.3}
          expect: {verdict: reject, rule: suspects}

    \b
    A rule has `accept` or `reject` (true, or the reason), or `set`; with
    `next: true` the next rule is evaluated as well.
    In `match` all keys must hold; a list holds if any member holds:
      type                     mac-ip, imet, ethernet-ad, ethernet-segment,
                               ip-prefix
      vni, ethernet-tag, sequence, asn, as-path-length
                               numbers and ranges: 5, 100-199, 100-, -199
      mac                      address, or address/length
      ip, vtep, originator, gateway
                               address or prefix; `ip: none`: no IP
      rd, route-target, community, large-community, extended-community
                               text, * for any part: "65000:*"
      peer                     address, prefix or description: spine*
      sticky, default-gateway, local
                               true, false
      learned                  dynamic, static, neighbor, snooped
      not, any                 a match; a list of matches
    In `set`: local-preference, med, sticky; community, large-community and
    route-target, each a list that replaces, or {add: [...], remove: [...]}.

    \b
    To change a policy:
      evpnd check FILE                   is the file valid?
      evpnd policy test FILE             does it pass its cases?
      evpnd policy test --live FILE      what would it do to the present routes?
      evpnd plan -c /etc/evpnd/evpnd.yaml, evpnd reload
      evpnd show policies, evpnd explain mac 02:00:00:00:00:07

    `evpnd schema policy` prints the JSON Schema, docs/policies.md has all of it.
    """  # noqa: D301 - click wants the character


@policy.command()
@click.argument(
    "files", metavar="FILE|DIR...", nargs=-1, required=True, type=click.Path()
)
@click.option("--json", "as_json", is_flag=True, help="Print a list of objects.")
@click.option(
    "--route",
    metavar="ROUTE",
    help="Try this route, written as in a case, and do not run the cases.",
)
@click.option(
    "--live",
    is_flag=True,
    help="Try one file on the routes of the running daemon; nothing changes.",
)
@socket_option
@click.pass_context
def test(
    ctx: click.Context,
    files: tuple[str, ...],
    route: str | None,
    socket: Path | None,
    *,
    as_json: bool,
    live: bool,
) -> None:
    """Run the cases of policy files, or try one route, or the daemon's routes.

    A case has a route and its expected result: the verdict, and optionally the rule
    that decides and what is set. For a case that fails, the expected result, the
    actual result and the rule that decided, as FILE:LINE, are printed. A DIR stands
    for all files *.yaml and *.yml in it. Cases are tried one at a time, so limits do
    not apply.

    With --route the policies of all FILEs run one after the other, as in a peer's
    `import: [first, second]`. The verdict, the deciding rule, what is set and the
    reason are printed. The route is YAML or JSON.

    With --live the FILE is compared with the daemon's policy of the same name: how
    many routes each rule matches before and after, how many are accepted and
    rejected, how many routes change, and the first 20 of them. A policy that no
    peer and no EVI names is tried as the last policy of every peer's `import`. A copy
    of the daemon does the work; nothing is changed.

    \b
    Examples:
      evpnd policy test /etc/evpnd/policies
      evpnd policy test --live guard.yaml
      evpnd policy test guard.yaml --json
      evpnd policy test guard.yaml --route \\
        '{type: mac-ip, vni: 10100, mac: 02:00:00:00:00:05, vtep: 10.0.0.9}'

    \b
    Keys of a route:
      type (ethernet-ad, mac-ip, imet, ethernet-segment, ip-prefix), vni,
      ethernet-tag, mac, ip, vtep, originator, gateway, rd, route-target,
      community, large-community, extended-community, asn, as-path-length,
      sequence, sticky, default-gateway, peer (address or description), local,
      learned (dynamic, static, neighbor, snooped)

    \b
    Fields of --json, for each case: policy file line case route passed expected
    got; `got` has verdict rule at set reason. With --route: route verdict policy
    rule at set reason path. With --live entries of a `kind`: rule (policy rule at
    verdict now then), limit (policy limit at waiting), summary (policy attached
    accepted rejected changed), route (direction peer type vni mac ip originator rd
    was then).

    \b
    Exit status:
      0  all cases passed, or the route was tried
      1  a case failed
      2  wrong usage or invalid file
      3  no daemon (--live)
    """  # noqa: D301 - click wants the character
    if live:
        if route is not None or len(files) != 1:
            raise click.UsageError("--live takes one FILE, and no --route")
        if Path(files[0]).is_dir():
            raise click.UsageError(f"--live takes one FILE; {files[0]} is a directory")
        _rehearse(ctx, socket, Path(files[0]), as_json=as_json)
        return
    read = _read(files)
    try:
        tried = None if route is None else parse_route(route)
    except ConfigErrors as errors:
        click.echo(str(errors), err=True)
        tried = None
        read = None
    if read is None:
        ctx.exit(2)
    if tried is not None:
        _try(read, tried, as_json=as_json)
        return
    results = [(each, list(try_cases(each))) for each in read]
    fared = [meets(*result) for _, tried_cases in results for result in tried_cases]
    failed = fared.count(False)
    if as_json:
        objects = [
            _as_object(tested, number, *result)
            for tested, tried_cases in results
            for number, result in enumerate(tried_cases, 1)
        ]
        click.echo(json.dumps(objects, indent=2))
    else:
        for tested, tried_cases in results:
            _print_policy(tested, tried_cases)
        click.echo(_summary(len(fared) - failed, failed, len(read)))
    ctx.exit(1 if failed else 0)


def _read(files: Sequence[str]) -> list[PolicyWithCases] | None:
    """Read all files; print the errors and return None if one is invalid."""
    found: list[PolicyWithCases] = []
    good = True
    for file in files:
        paths = policy_paths(Path(file))
        if not paths:
            click.echo(f"{file}: it contains no *.yaml or *.yml file", err=True)
            good = False
        for path in paths:
            try:
                found.append(load_policy(path))
            except ConfigErrors as errors:
                click.echo(str(errors), err=True)
                good = False
    return found if good else None


def _print_policy(
    tested: PolicyWithCases, results: Sequence[tuple[Case, Trial]]
) -> None:
    policy = tested.policy
    about = f": {tested.description}" if tested.description else ""
    click.echo(f"{policy.file}: {policy.name}{about}")
    if not tested.cases:
        click.echo("  no cases")
    for number, (case, trial) in enumerate(results, 1):
        by = f"{trial.verdict.value} by {trial.deciding.rule}"
        if meets(case, trial):
            mark = click.style("ok", fg="green")
            click.echo(f"  {mark}      {number:>2}  {case.route.text}: {by}")
            continue
        mark = click.style("FAILED", fg="red")
        click.echo(f"  {mark}  {number:>2}  {case.route.text}")
        click.echo(f"{'':14}case      {policy.file}:{case.line}")
        click.echo(f"{'':14}expected  {_sentence(_expected(case))}")
        got = _got(trial, case.changes or NO_CHANGES)
        if case.changes is None and not trial.changes:
            del got["set"]
        click.echo(f"{'':14}got       {_sentence(got)}")


def _summary(passed: int, failed: int, files: int) -> str:
    parts = [f"{passed} passed"]
    if failed:
        parts.append(f"{failed} failed")
    return f"{', '.join(parts)} in {files} {'file' if files == 1 else 'files'}"


def _expected(case: Case) -> Found:
    found: Found = {"verdict": case.verdict.value}
    if case.rule is not None:
        found["rule"] = case.rule
    if case.changes is not None:
        found["set"] = words(case.changes)
    return found


def _got(trial: Trial, expected: Changes = NO_CHANGES) -> Found:
    """Return the result for a route; lists are whole if the case expects a list."""
    step = trial.deciding
    changes = {**trial.changes, **whole_lists(expected, trial.subject)}
    return {
        "verdict": trial.verdict.value,
        "rule": step.rule,
        "at": step.place,
        "set": changes,
        "reason": trial.reason,
    }


def _as_object(tested: PolicyWithCases, number: int, case: Case, trial: Trial) -> Found:
    return {
        "policy": tested.policy.name,
        "file": tested.policy.file,
        "line": case.line,
        "case": number,
        "route": case.route.text,
        "passed": meets(case, trial),
        "expected": _expected(case),
        "got": _got(trial, case.changes or NO_CHANGES),
    }


def _sentence(found: Found) -> str:
    def part(name: str, value: object) -> str:
        return f"set {_changes(value)}" if name == "set" else f"{name} {value}"

    return ", ".join(
        part(name, value) for name, value in found.items() if name != "reason"
    )


def _changes(value: object) -> str:
    return "nothing" if value == {} else json.dumps(value)


def _path(trial: Trial) -> Iterator[Found]:
    for step in trial.steps:
        yield {
            "policy": step.policy,
            "rule": step.rule,
            "at": step.place,
            "verdict": verdict_word(step.verdict),
        }


def _try(read: Sequence[PolicyWithCases], route: TriedRoute, *, as_json: bool) -> None:
    trial = Trials([each.policy for each in read]).try_route(route)
    if as_json:
        found = _got(trial) | {
            "route": route.text,
            "policy": trial.deciding.policy,
            "path": list(_path(trial)),
        }
        click.echo(json.dumps([found], indent=2))
        return
    colour = "green" if trial.verdict.value == "accept" else "red"
    click.echo(f"route    {route.text}")
    for step in trial.steps:
        verdict = verdict_word(step.verdict)
        click.echo(f"rule     {step.rule} of {step.policy} ({step.place}): {verdict}")
    click.echo(f"set      {_changes(trial.changes)}")
    click.echo(f"reason   {trial.reason}")
    click.echo(f"verdict  {click.style(trial.verdict.value, fg=colour)}")


def _rehearse(
    ctx: click.Context, socket: Path | None, file: Path, *, as_json: bool
) -> None:
    question: dict[str, object] = {"command": "rehearse", "path": str(file.resolve())}
    answer = ask(ctx, socket, question)
    errors = answer.get("errors")
    if isinstance(errors, list):
        for error in errors:
            click.echo(error, err=True)
        ctx.exit(2)
    result = answer.get("result")
    if not answer.get("ok") or not isinstance(result, list):
        raise click.ClickException(
            str(answer.get("error", "the daemon sent no answer"))
        )
    if as_json:
        click.echo(json.dumps(result, indent=2))
        return
    _print_rehearsal(result)


def _print_rehearsal(entries: Sequence[dict[str, Any]]) -> None:
    (summary,) = (each for each in entries if each["kind"] == "summary")
    if not summary["attached"]:
        text = (
            f"the running evpnd does not use {summary['policy']} yet; it is tried as "
            "the last one of every peer's import"
        )
        click.echo(fold(text, 0))
    print_rows("rehearsal", list(_rehearsed(entries, summary)), as_json=False)
    changed = summary["changed"]
    routes = "1 route" if changed == 1 else f"{changed} routes"
    shown = [each for each in entries if each["kind"] == "route"]
    some = f" (the first {len(shown)} below)" if len(shown) < changed else ""
    click.echo(f"{routes} would change{some}; nothing was changed")
    for one in shown:
        way = "from" if one["direction"] == "import" else "to"
        names = ("mac", "ip", "originator")
        key = "".join(f" {name} {one[name]}" for name in names if one.get(name))
        vni = "" if one["vni"] is None else f" vni {one['vni']}"
        about = f"  {way} {one['peer']}: {one['type']}{key}{vni} rd {one['rd']}"
        click.echo(fold(about, 4))
        click.echo(fold(f"    now   {one['was']}", 10))
        click.echo(fold(f"    then  {one['then']}", 10))


def _rehearsed(
    entries: Sequence[dict[str, Any]], summary: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    """Return the rows of a rehearsal's table: rules, limits, and the sums."""
    for each in entries:
        if each["kind"] == "rule":
            yield each
        elif each["kind"] == "limit":
            name = {"rule": f"waiting at {each['limit']}", "verdict": "limit"}
            yield {**name, **each["waiting"], "at": each["at"]}
    for verdict in ("accepted", "rejected"):
        yield {"rule": f"{verdict}, imports and exports", **summary[verdict]}
