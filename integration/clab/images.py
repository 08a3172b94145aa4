"""Which local program stands for a container image: a small table in YAML."""

import fnmatch
import shutil
from dataclasses import dataclass
from pathlib import Path

from evpnd.adapters.config_yaml.errors import ConfigErrors
from evpnd.adapters.config_yaml.reader import Document, read_yaml
from integration.clab.model import Healthcheck
from integration.clab.schema import Check, Validator
from integration.lab_evpnd import command

TABLE = Path(__file__).parents[2] / "containerlab" / "images.yaml"


@dataclass(frozen=True, slots=True)
class Image:
    """A local program in an image's place."""

    match: tuple[str, ...]
    """Names of repositories, with ``*``; with a tag only where it matters."""
    title: str
    needs: str
    """A program that must be there; empty: nothing."""
    package: str
    """What to install where it is not."""
    entrypoint: tuple[str, ...]
    cmd: tuple[str, ...]
    healthcheck: Healthcheck | None
    ready: tuple[str, ...]
    """A command that succeeds once the node takes `exec`; empty: it does at once."""

    def fits(self, name: str) -> bool:
        """Tell whether this stands for an image: REPOSITORY[:TAG]."""
        repository, _, tag = name.partition(":")
        if "/" in tag:  # the colon belongs to the port of a registry
            repository = name.rpartition(":")[0] if ":" in tag else name
        return any(
            fnmatch.fnmatchcase(name if ":" in word else repository, word)
            for word in self.match
        )

    def missing(self) -> str:
        """Say what is not installed; empty where nothing is missing."""
        if not self.needs or shutil.which(self.needs):
            return ""
        return f"{self.needs} is not here; install the Debian package {self.package}"


def _texts(value: object) -> str | None:
    right = isinstance(value, list) and all(isinstance(each, str) for each in value)
    return None if right else "a list of text"


def _text(value: object) -> str | None:
    return None if isinstance(value, str) else "text"


_KEYS: dict[str, Check] = {
    "match": _texts,
    "title": _text,
    "needs": _text,
    "package": _text,
    "entrypoint": _texts,
    "cmd": _texts,
    "healthcheck": _texts,
    "ready": _texts,
}


def read_images(*paths: Path) -> list[Image]:
    """Read tables, the strongest last; raises ConfigErrors."""
    images: list[Image] = []
    for path in paths:
        images = _read(read_yaml(path)) + images
    return images


def _read(document: Document) -> list[Image]:
    validator = Validator(document)
    value = document.value
    entries = value.get("images") if isinstance(value, dict) else None
    if not isinstance(entries, list):
        validator.wrong((), "must be a mapping with the list images")
        entries = []
    images = []
    for index, entry in enumerate(entries):
        key = ("images", index)
        found = validator.known(entry, _KEYS, key, "an image")
        if "match" not in found:
            validator.wrong(key, "match is missing")
        lists = {
            name: tuple(map(str, found.get(name, [])))  # type: ignore[call-overload]
            for name in ("match", "entrypoint", "cmd", "healthcheck", "ready")
        }
        check = lists["healthcheck"]
        images.append(
            Image(
                lists["match"],
                str(found.get("title", "")),
                str(found.get("needs", "")),
                str(found.get("package", "")),
                lists["entrypoint"],
                lists["cmd"],
                Healthcheck(check, interval=1) if check else None,
                lists["ready"],
            )
        )
    if validator.errors:
        raise ConfigErrors(validator.errors)
    return images


def find(images: list[Image], name: str) -> Image | None:
    """Find what stands for an image."""
    return next((image for image in images if image.fits(name)), None)


def programs() -> dict[str, str]:
    """Find the programs that every node finds below /usr/local/bin."""
    script = command()
    return {"evpnd": script[0]} if len(script) == 1 else {}
