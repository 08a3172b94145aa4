"""Reads the firewall of this network namespace by its own programs."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from evpnd.adapters.host.iptables import parse_save
from evpnd.adapters.host.nft import parse_ruleset
from evpnd.doctor.facts import Chain, Firewall

PATIENCE = 10.0
"""Seconds that a program may take."""
_SBIN = "/usr/sbin:/sbin"
_LEGACY = (
    ("iptables-legacy", "ip", "/proc/thread-self/net/ip_tables_names"),
    ("ip6tables-legacy", "ip6", "/proc/thread-self/net/ip6_tables_names"),
)


def read_firewall() -> Firewall:
    """Return all rules; what cannot be read is told instead."""
    chains: list[Chain] = []
    unread: list[str] = []
    try:
        text = run_program("nft", "-j", "list", "ruleset")
        chains += [] if text is None else parse_ruleset(text)
        if text is None and Path("/sys/module/nf_tables").exists():
            unread.append(
                "nft is not installed, so rules of nftables are not examined: "
                "`apt install nftables`"
            )
    except (OSError, ValueError, LookupError) as error:
        unread.append(f"rules of nftables cannot be read: {error}")
    for program, family, tables in _LEGACY:
        try:
            # Without tables, the program would load their modules.
            if Path(tables).read_text(encoding="ascii").strip():
                text = run_program(f"{program}-save")
                if text is None:
                    raise OSError(f"{program}-save is not installed")  # noqa: TRY301
                chains += parse_save(text, program, family)
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:
            unread.append(f"rules of {program} cannot be read: {error}")
    return Firewall(tuple(chains), tuple(unread))


def run_program(name: str, *words: str) -> str | None:
    """Return what a program prints; None: it is not installed. Raises OSError."""
    path = shutil.which(name, path=f"{os.environ.get('PATH', '')}:{_SBIN}")
    if path is None:
        return None
    return _output([path, *words])


def _output(argv: Sequence[str]) -> str:
    try:
        done = subprocess.run(
            argv, capture_output=True, text=True, check=False, timeout=PATIENCE
        )
    except subprocess.TimeoutExpired:
        raise OSError(f"{argv[0]} did not answer within {PATIENCE:g} s") from None
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["no reason given"]
        raise OSError(said[0])
    return done.stdout
