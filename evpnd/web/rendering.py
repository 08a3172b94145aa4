"""Templates, and what they may use."""

import hashlib
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from evpnd import __version__
from evpnd.web import text
from evpnd.written import (
    write_age,
    write_duration,
    write_octets,
    write_text,
    write_time,
)

NAVIGATION: Final = (
    ("/", "Fabric"),
    ("/evis", "EVIs"),
    ("/vteps", "VTEPs"),
    ("/peers", "Peers"),
    ("/policies", "Policies"),
    ("/events", "Events"),
)


class Templates:
    """HTML, with all values escaped."""

    def __init__(self) -> None:
        """Load the templates of the package."""
        self._environment = Environment(
            loader=PackageLoader("evpnd.web"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.filters.update(
            age=write_age,
            clock=_clock,
            code=text.code,
            count=_count,
            details=text.details,
            duration=write_duration,
            linked=text.linked,
            moment=write_time,
            octets=write_octets,
            plain=write_text,
        )
        self._environment.globals.update(
            navigation=NAVIGATION,
            path=text.path,
            static=_static,
            version=__version__,
        )

    def render(self, template: str, **values: Any) -> str:  # noqa: ANN401
        """Return a page."""
        return self._environment.get_template(template).render(**values)


@cache
def _static(name: str) -> str:
    """Return the path of a file, which changes with its content: caches keep it."""
    octets = files("evpnd.web").joinpath("static", name).read_bytes()
    return f"/static/{name}?{hashlib.sha256(octets).hexdigest()[:12]}"


def _clock(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).astimezone().strftime("%H:%M:%S")


def _count(number: int) -> str:
    """Write a number with thin spaces between thousands."""
    return f"{number:,}".replace(",", "\u202f")
