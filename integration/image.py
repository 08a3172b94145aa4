"""The Dockerfile's install steps in a clean Debian root, without a container engine.

A root is made by debootstrap, with Debian's Python in the place of the one of the
python:slim image. Each stage is an overlay of its own over it, and its COPY and RUN are
done there in order. Mirrors of packages are those of this machine's own configuration.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from integration.lab_netns import LabError, run

CHECKOUT = Path(__file__).parents[1]
DOCKERFILE = CHECKOUT / "containerlab" / "Dockerfile"
SUITE = "bookworm"
_LENT = (
    *(
        "/etc/resolv.conf",
        "/etc/apt/apt.conf.d",
        "/etc/apt/sources.list.d/debian.sources",
    ),
    *("/etc/apt/sources.list", "/etc/pip.conf", "/etc/ssl/certs", "/opt/wheels"),
)
"""Of this machine, seen in the root: how packages are to be had here."""


@dataclass(slots=True)
class Stage:
    """One stage of a Dockerfile."""

    name: str
    steps: list[tuple[str, str]] = field(default_factory=list)
    """Instruction and the rest of its line."""

    def last(self, instruction: str) -> list[str]:
        """Read the words of the last ENTRYPOINT, CMD or such, in its JSON form."""
        found = [rest for word, rest in self.steps if word == instruction]
        form = re.search(r"\[.*\]", found[-1]) if found else None
        return list(json.loads(form[0])) if form else []


def stages(path: Path = DOCKERFILE) -> list[Stage]:
    """Read a Dockerfile."""
    text = re.sub(r"\\\n", " ", path.read_text())
    found: list[Stage] = []
    for line in text.splitlines():
        word, _, rest = line.strip().partition(" ")
        if not word or word.startswith("#"):
            continue
        if word == "FROM":
            name = rest.rpartition(" AS ")
            found.append(Stage(name[2] if name[1] else ""))
        elif found:
            found[-1].steps.append((word, " ".join(rest.split())))
    return found


def mirror() -> str:
    """Find where this machine has Debian from."""
    words = ["apt-get", "indextargets", "--format", "$(SITE) $(RELEASE) $(COMPONENT)"]
    for line in run(words).splitlines():
        site, release, component = line.split()
        if (release, component) == (SUITE, "main"):
            return site
    raise LabError(f"apt has no source for Debian {SUITE}")


def make_base(directory: Path) -> None:
    """Make a clean root: Debian's smallest, and Python."""
    words = [
        "debootstrap",
        "--variant=minbase",
        "--include=python3-venv,ca-certificates",
    ]
    run([*words, SUITE, str(directory), mirror()])
    local = directory / "usr/local/bin"
    for name in ("python", "python3"):
        (local / name).symlink_to("/usr/bin/python3")


def _mount(*words: str) -> None:
    run(["mount", *words])


@contextmanager
def mounted(base: Path, directory: Path) -> Iterator[Path]:
    """Lay an overlay over the base; what is written stays in ``directory``."""
    upper, work, root = (directory / name for name in ("upper", "work", "root"))
    for path in (upper, work, root):
        path.mkdir(parents=True)
    layers = f"lowerdir={base},upperdir={upper},workdir={work}"
    _mount("-t", "overlay", "overlay", "-o", layers, str(root))
    points = [root]
    try:
        for kind, point in (("proc", root / "proc"), ("sysfs", root / "sys")):
            _mount("-t", kind, kind, str(point))
            points.append(point)
        _mount("--bind", "/dev", str(root / "dev"))
        points.append(root / "dev")
        for lent in map(Path, _LENT):
            if lent.exists():
                target = root / lent.relative_to("/")
                target.parent.mkdir(parents=True, exist_ok=True)
                if lent.is_dir():
                    target.mkdir(exist_ok=True)
                else:
                    target.touch()
                _mount("--bind", str(lent), str(target))
                points.append(target)
        yield root
    finally:
        for point in reversed(points):
            run(["umount", str(point)])


def _environment() -> dict[str, str]:
    """Compose a container's PATH, and what this machine says of package mirrors."""
    own = {k: v for k, v in os.environ.items() if re.match(r"(?i)PIP_|.*_PROXY$", k)}
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    return own | {"PATH": path, "HOME": "/root", "DEBIAN_FRONTEND": "noninteractive"}


def inside(root: Path, argv: Sequence[str]) -> str:
    """Run a command in a root; LabError with what it printed where it fails."""
    done = subprocess.run(
        ["chroot", str(root), *argv],
        env=_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise LabError(f"{shlex.join(argv)}: status {done.returncode}:\n{done.stdout}")
    return done.stdout


def build(stage: Stage, root: Path, others: dict[str, Path]) -> None:
    """Do a stage's steps in its root; ``others`` are the roots of earlier stages."""
    where = Path("/")
    for word, rest in stage.steps:
        match word:
            case "WORKDIR":
                where = Path(rest)
                (root / where.relative_to("/")).mkdir(parents=True, exist_ok=True)
            case "COPY":
                _copy(rest.split(), root, where, others)
            case "RUN":
                inside(root, ["/bin/sh", "-c", f"cd {where} && {rest}"])
            case _:
                continue


def _copy(words: list[str], root: Path, where: Path, others: dict[str, Path]) -> None:
    source = CHECKOUT
    if words[0].startswith("--from="):
        source = others[words.pop(0).removeprefix("--from=")]
    *names, last = words
    target = root / (where / last).relative_to("/")
    for name in names:
        path = source / name.lstrip("/")
        if path.is_dir():
            skip = shutil.ignore_patterns("__pycache__")
            shutil.copytree(
                path, target, symlinks=True, dirs_exist_ok=True, ignore=skip
            )
        else:
            to = target / path.name if last.endswith("/") else target
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, to)
