"""``evpnd show status``: the running daemon itself."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from evpnd import __version__
from evpnd.cli.options import ask, socket_option
from evpnd.written import write_duration, write_octets, write_text


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
@socket_option
@click.pass_context
def status(ctx: click.Context, socket: Path | None, *, as_json: bool) -> None:
    """Show the daemon: version, uptime, processes, memory, sessions, EVIs, file."""
    answer = ask(ctx, socket, {"command": "status"})
    result = answer.get("result")
    if not answer.get("ok") or not isinstance(result, dict):
        raise click.ClickException(str(answer.get("error", "the daemon sent nothing")))
    if as_json:
        click.echo(f"[{json.dumps(result)}]")
        return
    # A recording has no processes.
    lines = _lines(result) if "pid" in result else _plain(result)
    width = max(map(len, lines))
    for name, value in lines.items():
        click.echo(f"{name:{width}}  {value}")


def _lines(found: Mapping[str, Any]) -> dict[str, str]:
    """Return what people are shown, by its name."""
    version = write_text(found["version"])
    speaker = found["speaker_version"]
    if speaker != found["version"]:
        version += f" (agent), {write_text(speaker)} (speaker, until its next restart)"
    if __version__ != found["version"]:
        version += f"; this command is {__version__}"
    waiting = "" if found["settled"] else ", waiting for End-of-RIB"
    return {
        "version": version,
        "uptime": write_duration(found["uptime"]),
        "processes": _process("speaker", found["pid"], found["memory"])
        + ", "
        + _process("agent", found["agent_pid"], found["agent_memory"])
        + f", up {write_duration(found['agent_uptime'])}",
        "configuration": write_text(found["config"]),
        "socket": write_text(found["socket"]),
        "router id": f"{write_text(found['router_id'])}, AS {found['asn']}",
        "VTEP": write_text(found["vtep"]),
        "sessions": f"{found['peers_established']} of {found['peers']} established"
        + waiting,
        "EVIs": f"{found['evis_ready']} of {found['evis']} ready",
        "routes": write_text(found["routes"]),
    }


def _plain(found: Mapping[str, Any]) -> dict[str, str]:
    """Return what there is, by its names."""
    return {name.replace("_", " "): write_text(each) for name, each in found.items()}


def _process(role: str, pid: object, memory: object) -> str:
    return f"{role} {write_text(pid)} ({write_octets(memory)})"
