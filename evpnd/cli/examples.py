"""``evpnd examples``: where the files are that come with evpnd."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

import evpnd

_CHECKOUT: Final = Path(evpnd.__file__).parents[1]
_INSTALLED: Final = (Path(sys.prefix, "share/evpnd"), Path("/usr/share/evpnd"))
"""Where pip and Debian's package put them."""
_IN_CHECKOUT: Final = (
    *("policies/*.yaml", "docs/*.example.yaml"),
    *("packaging/*.service", "packaging/monitoring/*"),
)


@click.command(short_help="List the examples, policies and units that come with evpnd.")
def examples() -> None:
    """List the files that come with evpnd, a path on each line.

    A configuration with every key, policies to copy, the systemd units, alert rules
    and a dashboard for Prometheus and Grafana. With pip they are in share/evpnd of the
    virtual environment, with Debian's package in /usr/share/evpnd.

    \b
    Example:
      cp $(evpnd examples | grep quarantine) /etc/evpnd/policies/

    \b
    Exit status: 0 done, 1 there are none.
    """  # noqa: D301 - click wants the character
    found = sorted(_files())
    if not found:
        places = " nor ".join(map(str, _INSTALLED))
        raise click.ClickException(f"no examples are in {places}")
    for path in found:
        click.echo(path)


def _files() -> Iterator[Path]:
    """Yield them, of the first place that has any."""
    if (_CHECKOUT / "pyproject.toml").exists():
        for pattern in _IN_CHECKOUT:
            yield from _CHECKOUT.glob(pattern)
        return
    for folder in _INSTALLED:
        if folder.is_dir():
            yield from (path for path in folder.rglob("*") if path.is_file())
            return
