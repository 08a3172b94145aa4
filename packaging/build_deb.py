"""Builds evpnd_VERSION_ARCHITECTURE.deb: one package for Debian 12 and Debian 13.

    .venv/bin/python packaging/build_deb.py [FOLDER]

The package has a virtual environment in /usr/lib/evpnd whose interpreter is the Python
of the Debian that it is installed on. Modules in Python are there once; compiled ones
are there once for each Python of PYTHONS, and their names say which is for which. Two
builds of one commit are equal to the octet: all times are that of the commit, or of
SOURCE_DATE_EPOCH.
"""

import filecmp
import gzip
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from email.parser import HeaderParser
from pathlib import Path

CHECKOUT = Path(__file__).parents[1]
DEBIAN = Path(__file__).with_name("debian")
PYTHONS = ("3.11", "3.13")
"""Those of Debian 12 and 13."""
NEXT_PYTHON = "3.14"
PLATFORMS = ("manylinux2014", "manylinux_2_17", "manylinux_2_28")
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
HOME = Path("usr/lib/evpnd")
NOT_MODULES = ("bin", "share", "etc", "man")
"""What packages install beside their modules; of it, evpnd's own `share` is shipped."""
OF_DIST_INFO = ("METADATA", "entry_points.txt", "licenses", "LICENSE")
"""What is kept of a .dist-info; the rest tells how it came here."""
FOLDERS = (
    *("evpnd/policies", "evpnd/examples", "evpnd/monitoring"),
    *("man/man5", "man/man8"),
)
"""Those of `share` that stay as they are."""
_SCRIPT = """#!/usr/lib/evpnd/bin/python
import sys

from evpnd.cli.main import main

sys.exit(main())
"""
_SETTINGS = """home = /usr/bin
include-system-site-packages = false
"""


def main() -> None:
    """Build it; print its path."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else CHECKOUT / "dist").absolute()
    folder.mkdir(parents=True, exist_ok=True)
    print(build(folder))  # noqa: T201 - it is what this program says


def build(folder: Path) -> Path:
    """Build the package in a folder and return its path; raises CalledProcessError."""
    architecture = _output("dpkg", "--print-architecture")
    os.environ["SOURCE_DATE_EPOCH"] = str(_moment())
    with tempfile.TemporaryDirectory(prefix="evpnd-deb-") as name:
        work = Path(name)
        wheel = _wheel(work)
        version = wheel.name.split("-")[1]
        root = work / "root"
        _environment(root / HOME, work, wheel, MACHINES[architecture])
        _files(root, work / PYTHONS[0] / "share")
        _control(root, version, architecture)
        _settle(root)
        package = folder / f"evpnd_{version}_{architecture}.deb"
        pack = ("dpkg-deb", "--root-owner-group", "-Zxz", "--build")
        _run(*pack, str(root), str(package))
    return package


def _moment() -> int:
    """Return the time that all files have, in seconds since 1970."""
    given = os.environ.get("SOURCE_DATE_EPOCH")
    if given is None:
        git = ("git", "-c", "safe.directory=*", "-C", str(CHECKOUT))
        given = _output(*git, "log", "-1", "--format=%ct")
    return int(given)


def _wheel(work: Path) -> Path:
    """Build evpnd's own wheel, from a copy: a build leaves files behind."""
    copy = work / "source"
    for name in ("evpnd", "docs", "policies", "packaging"):
        skip = shutil.ignore_patterns("__pycache__")
        shutil.copytree(CHECKOUT / name, copy / name, ignore=skip)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(CHECKOUT / name, copy)
    _pip("wheel", "--no-deps", "--wheel-dir", str(work / "wheel"), str(copy))
    (wheel,) = (work / "wheel").iterdir()
    return wheel


def _environment(home: Path, work: Path, wheel: Path, machine: str) -> None:
    """Make the virtual environment: the packages for each Python, laid together."""
    modules = home / "lib/python3/site-packages"
    modules.mkdir(parents=True)
    for python in PYTHONS:
        target = work / python
        _pip(
            "install",
            "--target",
            str(target),
            *_wanted(python, machine),
            f"{wheel}[web]",
        )
        _lay(target, modules)
        (home / f"lib/python{python}").symlink_to("python3")
    (home / "bin").mkdir()
    (home / "bin/python").symlink_to("/usr/bin/python3")
    (home / "pyvenv.cfg").write_text(_SETTINGS)
    script = home / "bin/evpnd"
    script.write_text(_SCRIPT)
    script.chmod(0o755)


def _wanted(python: str, machine: str) -> Iterator[str]:
    """Yield what makes pip install for another Python than its own."""
    constraints = str(CHECKOUT / "constraints.txt")
    yield from ("--constraint", constraints, "--no-compile", "--only-binary=:all:")
    yield from ("--implementation", "cp", "--python-version", python)
    for abi in (f"cp{python.replace('.', '')}", "abi3", "none"):
        yield from ("--abi", abi)
    for platform in PLATFORMS:
        yield from ("--platform", f"{platform}_{machine}")


def _lay(source: Path, target: Path) -> None:
    """Add files to those that are there; the same name has to be the same file."""
    for path in sorted(source.rglob("*")):
        name = path.relative_to(source)
        place = target / name
        if name.parts[0] in NOT_MODULES:
            continue
        if path.is_dir():
            place.mkdir(exist_ok=True)
        elif name.parts[0].endswith(".dist-info") and name.parts[1] not in OF_DIST_INFO:
            continue
        elif not place.exists():
            shutil.copy(path, place)
        elif not filecmp.cmp(path, place, shallow=False):
            sys.exit(f"{name} differs between Python {' and '.join(PYTHONS)}")


def _files(root: Path, share: Path) -> None:
    """Lay out what is not the virtual environment; `share` is what pip installs."""
    for source, target in _places(share):
        place = root / target
        place.parent.mkdir(parents=True, exist_ok=True)
        if target.startswith("usr/share/man/"):
            place.with_name(f"{place.name}.gz").write_bytes(_zip(source.read_bytes()))
        else:
            shutil.copy(source, place)
            place.chmod(0o644)
    program = root / "usr/bin/evpnd"
    program.parent.mkdir(parents=True)
    program.symlink_to("../lib/evpnd/bin/evpnd")
    documents = root / "usr/share/doc/evpnd"
    documents.mkdir(parents=True)
    (documents / "examples").symlink_to("../../evpnd/examples")
    changes = (CHECKOUT / "CHANGELOG.md").read_bytes()
    (documents / "changelog.gz").write_bytes(_zip(changes))
    modules = root / HOME / "lib/python3/site-packages"
    (documents / "copyright").write_text(_licences(modules))


def _places(share: Path) -> Iterator[tuple[Path, str]]:
    """Yield which file goes where."""
    yield DEBIAN / "evpnd.yaml", "etc/evpnd/evpnd.yaml"
    for unit in (share / "evpnd/systemd").iterdir():
        yield unit, f"usr/lib/systemd/system/{unit.name}"
    yield share / "evpnd/sysctl.d/evpnd.conf", "usr/lib/sysctl.d/60-evpnd.conf"
    for folder in FOLDERS:
        for each in (share / folder).iterdir():
            yield each, f"usr/share/{folder}/{each.name}"
    shells = share / "evpnd/completion"
    yield shells / "evpnd.bash", "usr/share/bash-completion/completions/evpnd"
    yield shells / "_evpnd", "usr/share/zsh/vendor-completions/_evpnd"
    yield shells / "evpnd.fish", "usr/share/fish/vendor_completions.d/evpnd.fish"


def _licences(modules: Path) -> str:
    """Compose the copyright file: evpnd's licence, and those of what comes with it."""
    lines = [
        "evpnd: Apache-2.0, /usr/share/common-licenses/Apache-2.0.",
        "",
        "In /usr/lib/evpnd, with their licences in their .dist-info folders:",
        "",
    ]
    for metadata in sorted(modules.glob("*.dist-info/METADATA")):
        found = HeaderParser().parsestr(metadata.read_text(encoding="utf-8"))
        if found["Name"] == "evpnd":
            continue
        licence = found["License-Expression"] or found["License"] or "see there"
        lines.append(f"{found['Name']} {found['Version']}: {licence.splitlines()[0]}")
    return "\n".join([*lines, ""])


def _control(root: Path, version: str, architecture: str) -> None:
    """Write what dpkg reads."""
    control = root / "DEBIAN"
    files = [path for path in sorted(root.rglob("*")) if path.is_file()]
    files = [path for path in files if not path.is_symlink()]
    control.mkdir()
    size = sum(path.stat().st_size for path in files) >> 10
    values = {
        "VERSION": version,
        "ARCHITECTURE": architecture,
        "PYTHON_FIRST": PYTHONS[0],
        "PYTHON_AFTER": NEXT_PYTHON,
        "INSTALLED_SIZE": str(size),
    }
    text = (DEBIAN / "control").read_text()
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    (control / "control").write_text(text)
    for name in ("conffiles", "triggers", "postinst", "prerm", "postrm"):
        shutil.copy(DEBIAN / name, control)
        (control / name).chmod(0o755 if name.startswith("p") else 0o644)
    sums = (
        f"{hashlib.md5(path.read_bytes()).hexdigest()}  {path.relative_to(root)}\n"  # noqa: S324 - it is dpkg's
        for path in files
        if not path.is_relative_to(root / "etc")
    )
    (control / "md5sums").write_text("".join(sums))


def _settle(root: Path) -> None:
    """Give all files the same time, and modes that do not depend on who builds."""
    moment = int(os.environ["SOURCE_DATE_EPOCH"])
    for path in (root, *root.rglob("*")):
        if not path.is_symlink():
            executable = path.is_dir() or path.stat().st_mode & 0o100
            path.chmod(0o755 if executable else 0o644)
        os.utime(path, (moment, moment), follow_symlinks=False)


def _zip(octets: bytes) -> bytes:
    return gzip.compress(octets, 9, mtime=0)


def _pip(*words: str) -> None:
    quiet = ("-qq", "--disable-pip-version-check", "--no-input")
    _run(sys.executable, "-m", "pip", words[0], *quiet, *words[1:])


def _run(*argv: str) -> None:
    subprocess.run(argv, stdout=sys.stderr, check=True)


def _output(*argv: str) -> str:
    done: Sequence[str] = argv
    return subprocess.run(
        done, stdout=subprocess.PIPE, text=True, check=True
    ).stdout.strip()


if __name__ == "__main__":
    main()
