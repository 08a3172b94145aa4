"""Which local program stands for a container image: a small table in YAML."""

import fnmatch
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lab.checker import Keys, ListOf, MapOf, checked, text, word
from lab.document import read_yaml

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Where programs are, below a root."""
TABLE = Path(__file__).parents[1] / "containerlab" / "images.yaml"


@dataclass(frozen=True, slots=True)
class Image:
    """A local program in an image's place."""

    match: Sequence[str]
    """Names of repositories, with ``*``; with a tag only where it matters."""
    title: str = ""
    needs: str = ""
    """A program that must be there; empty: nothing."""
    package: str = ""
    """What to install where it is not."""
    entrypoint: Sequence[str] = ()
    cmd: Sequence[str] = ()
    healthcheck: Sequence[str] = ()
    ready: Sequence[str] = ()
    """A command that succeeds once the node takes `exec`; empty: it does at once."""
    programs: Mapping[str, str] = field(default_factory=dict)
    """Names below /usr/local/bin, and the programs that they stand for."""
    root: Path = Path("/")
    """What a node sees as its file system: the machine's, or another Debian's."""

    def fits(self, name: str) -> bool:
        """Return whether this stands for an image: REPOSITORY[:TAG][@DIGEST]."""
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
        """Return what is not installed; empty where nothing is missing."""
        root = str(self.root).rstrip("/")
        path = ":".join(root + each for each in PATH.split(":"))
        needs = root + self.needs if self.needs.startswith("/") else self.needs
        if not needs or shutil.which(needs, path=path):
            return ""
        where = f" below {root}" if root else ""
        package = f"install the Debian package {self.package}"
        return f"{self.needs} is not here{where}; {package}"


_WORDS = ("match", "entrypoint", "cmd", "healthcheck", "ready")
_IMAGE = Keys(
    "an image",
    {
        **dict.fromkeys(_WORDS, ListOf(word)),
        **dict.fromkeys(("title", "needs", "package", "root"), text),
        "programs": MapOf(text),
    },
    must=("match",),
)
_FILE = Keys("a table of images", {"images": ListOf(_IMAGE)}, must=("images",))


def read_images(*paths: Path) -> list[Image]:
    """Read tables, the strongest last; raises FileErrors."""
    return [
        Image(**each | {"root": Path(each.get("root", "/"))})
        for path in reversed(paths)
        for each in checked(read_yaml(path), _FILE)["images"]
    ]


def find(images: list[Image], name: str) -> Image | None:
    """Return what stands for an image."""
    return next((image for image in images if image.fits(name)), None)


def programs() -> dict[str, str]:
    """Return the programs that every node finds below /usr/local/bin."""
    script = Path(sys.executable).with_name("evpnd")
    return {"evpnd": str(script)} if script.exists() else {}
