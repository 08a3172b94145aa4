"""Which local program stands for a container image: a small table in YAML."""

import fnmatch
import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.document import Document, FileErrors, read_yaml
from lab.keys import Checks
from lab.model import Healthcheck
from lab.schema import Validator
from lab.values import TEXTS, Each, text

PROGRAMS = ("usr/local/sbin", "usr/local/bin", "usr/sbin", "usr/bin", "sbin", "bin")
"""Where programs are, below a root."""
TABLE = Path(__file__).parents[1] / "containerlab" / "images.yaml"


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
    programs: Mapping[str, str]
    """Names below /usr/local/bin, and the programs that they stand for."""
    root: Path
    """What a node sees as its file system: the machine's, or another Debian's."""

    def fits(self, name: str) -> bool:
        """Tell whether this stands for an image: REPOSITORY[:TAG][@DIGEST]."""
        name = name.partition("@")[0]
        registry, slash, last = name.rpartition("/")
        repository = registry + slash + last.partition(":")[0]
        return any(
            fnmatch.fnmatchcase(
                name if ":" in word.rpartition("/")[2] else repository, word
            )
            for word in self.match
        )

    def missing(self) -> str:
        """Say what is not installed; empty where nothing is missing."""
        path = os.pathsep.join(str(self.root / each) for each in PROGRAMS)
        needs = self.needs
        if needs.startswith("/"):
            needs = str(self.root / needs.lstrip("/"))
        if not needs or shutil.which(needs, path=path):
            return ""
        where = "" if self.root == Path("/") else f" below {self.root}"
        return (
            f"{self.needs} is not here{where};"
            f" install the Debian package {self.package}"
        )


_KEYS: Checks = {
    "match": TEXTS,
    "title": text,
    "needs": text,
    "package": text,
    "entrypoint": TEXTS,
    "cmd": TEXTS,
    "healthcheck": TEXTS,
    "ready": TEXTS,
    "programs": Each(dict, text),
    "root": text,
}


def read_images(*paths: Path) -> list[Image]:
    """Read tables, the strongest last; raises FileErrors."""
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
                _programs_of(found.get("programs")),
                Path(str(found.get("root", "/"))),
            )
        )
    if validator.errors:
        raise FileErrors(validator.errors)
    return images


def _programs_of(value: object) -> dict[str, str]:
    """Read a table's ``programs``, which may be left out."""
    return value if isinstance(value, dict) else {}


def find(images: list[Image], name: str) -> Image | None:
    """Find what stands for an image."""
    return next((image for image in images if image.fits(name)), None)


def programs() -> dict[str, str]:
    """Find the programs that every node finds below /usr/local/bin."""
    script = Path(sys.executable).with_name("evpnd")
    return {"evpnd": str(script)} if script.exists() else {}
