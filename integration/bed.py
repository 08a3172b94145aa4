"""The bed: a Debian 13 root to test on, made once and kept.

It has FRR 10.3, BIRD 3.3, GoBGP 3.36, iproute2 6.15 and Python 3.13 with what evpnd
needs, and a user-mode Linux 6.12 that boots from it (`integration.guest`). Daemons of
the bed also run in the namespaces of a lab, on this machine's kernel
(`integration.roots`).

``scripts/setup.sh --bed`` makes it where it is not there, which takes about a minute
and 700 MB. It is kept in a folder that the environment variable EVPND_BEDS names,
/var/tmp/evpnd-beds by default. A recipe that changes makes a new bed beside the old
one; an old one may be deleted whenever no test runs.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from integration.roots import MACHINE, Root

CHECKOUT = Path(__file__).parents[1]
RELEASE = "trixie"
RECIPE = 1
"""Counts up with each change of what is done beside the packages."""
PACKAGES = (
    *("iproute2", "kmod", "iputils-ping", "tcpdump", "ethtool", "procps", "nftables"),
    *("busybox", "xz-utils", "ca-certificates", "python3", "python3-venv"),
    *("frr", "gobgpd", "user-mode-linux"),
)
BACKPORTS = ("bird3",)
"""From its backports: BIRD knows EVPN since 3.3 (and 2.19)."""
TOOLS = ("pytest", "pytest-timeout", "pytest-randomly", "hypothesis")
"""What tests in the bed and in its guest need, beside evpnd's own dependencies."""
_STAMP = ".evpnd-bed"
"""The file in a bed, and in a virtual environment, that says that it is complete."""
_OURS = ("Created-By: Packages", "Origin: Debian", "Label: Debian")
_NETWORK = ("etc/resolv.conf", "etc/hosts", "etc/pip.conf")
_CERTIFICATES = "etc/ssl/certs/ca-certificates.crt"
_MOUNT_POINTS = ("bed/job", "bed/checkout", "bed/pycache", "run/frr")


class BedError(RuntimeError):
    """The bed cannot be made; the text says which command failed, and its output."""


def directory() -> Path:
    """Return the folder that beds are kept in."""
    return Path(os.environ.get("EVPND_BEDS") or "/var/tmp/evpnd-beds")


def bed() -> Root:
    """Return the root of the bed, which may not have been made yet."""
    recipe = f"{RELEASE} {RECIPE} {' '.join((*PACKAGES, *BACKPORTS))}"
    mark = hashlib.sha256(recipe.encode()).hexdigest()[:8]
    return Root(directory() / f"{RELEASE}-{mark}", "debian13")


def environment() -> str:
    """Return the path, below the root, of the virtual environment for this checkout.

    Checkouts with the same dependencies share one.
    """
    words = [(CHECKOUT / "constraints.txt").read_text(), *_dependencies(), *TOOLS]
    text = " ".join(words)
    return f"/opt/evpnd-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def is_made() -> bool:
    """Return whether the bed is complete for this checkout."""
    return is_complete(bed().path) and is_complete(_environment_path())


def make() -> None:
    """Make what is missing of the bed; raises BedError."""
    make_once(bed().path, lambda part: _make_root(Root(part, "part")))
    make_once(_environment_path(), _make_environment)


def make_once(path: Path, maker: Callable[[Path], None]) -> None:
    """Have a folder made, unless it is complete; raises BedError.

    ``maker`` fills an empty folder beside it, which gets its name at the end. Whoever
    comes second waits, and finds it made. What a killed maker left is made anew.
    """
    if is_complete(path):
        return
    with _lock():
        if is_complete(path):
            return
        if path.exists():
            raise BedError(f"{path} is there and not complete; remove it")
        part = path.with_name(f"{path.name}.part")
        subprocess.run(["rm", "-rf", "--one-file-system", str(part)], check=True)
        part.mkdir(parents=True)
        maker(part)
        (part / _STAMP).touch()
        part.rename(path)


def _environment_path() -> Path:
    return bed().path / environment().lstrip("/")


def is_complete(path: Path) -> bool:
    """Return whether a folder was made to the end."""
    return (path / _STAMP).is_file()


@contextmanager
def _lock() -> Iterator[None]:
    """Hold the lock of all beds; it goes with this process, however that ends."""
    path = directory()
    path.mkdir(mode=0o755, parents=True, exist_ok=True)
    if path.stat().st_uid != os.geteuid():
        raise BedError(f"{path} is another user's; set EVPND_BEDS to a folder of yours")
    with (path / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"somebody else makes a bed in {path}; waiting")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _make_root(root: Root) -> None:
    say(f"making a Debian 13 root to test on in {directory()} (a minute, 700 MB)")
    debootstrap(RELEASE, root.path)
    _copy_network_settings(root.path)
    policy = root.path / "usr/sbin/policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    # Not by debootstrap: packages that need systemd's users fail there.
    sources = root.path / "etc/apt/sources.list.d/backports.list"
    sources.write_text(f"deb {_mirror()} {RELEASE}-backports main\n")
    install = ["apt-get", "install", "-y", "--no-install-recommends"]
    later = [*install, "-t", f"{RELEASE}-backports", *BACKPORTS]
    update, clean = ["apt-get", "update"], ["apt-get", "clean"]
    for words in (update, [*install, *PACKAGES], later, clean):
        _inside(root, words)
    # A proxy's own authority; the package ca-certificates has replaced it.
    _copy(_CERTIFICATES, root.path)
    for name in _MOUNT_POINTS:
        (root.path / name).mkdir(parents=True, exist_ok=True)
    root.give(root.path / "run/frr", "frr")


def debootstrap(release: str, path: Path, *options: str) -> None:
    """Make the smallest root of a release in a folder; raises BedError."""
    # What it mounts meanwhile is to be seen by nobody else, and to go with it.
    words = ["debootstrap", "--variant=minbase", *options, release, str(path)]
    _run(MACHINE.command([*words, _mirror()], tied=True))


def _make_environment(part: Path) -> None:
    """Make the virtual environment, without evpnd itself: a guest has the checkout."""
    root = bed()
    name = f"/{part.relative_to(root.path)}"
    say(f"installing evpnd's dependencies in {root.path}")
    _inside(root, ["python3", "-m", "venv", name])
    shutil.copy(CHECKOUT / "constraints.txt", part)
    install = [f"{name}/bin/python", "-m", "pip", "install", "--no-cache-dir"]
    limits = ["--constraint", f"{name}/constraints.txt"]
    _inside(root, [*install, *limits, *_dependencies(), *TOOLS])


def _dependencies() -> list[str]:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    return [*project["dependencies"], *project["optional-dependencies"]["web"]]


def _mirror() -> str:
    """Return the mirror that this machine's apt uses.

    Raises BedError where apt has none. A new machine may have no lists yet.
    """
    words = ["apt-get", "indextargets", "--format", "$(REPO_URI)", *_OURS]
    for update in (False, True):
        if update:
            _run(["apt-get", "update", "--quiet"])
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if found := done.stdout.split():
            return found[0].rstrip("/")
    raise BedError("apt has no source for Debian; add one and run apt-get update")


def _copy_network_settings(path: Path) -> None:
    """Give a root the machine's way to the network: names, proxies, authorities."""
    for name in (*_NETWORK, _CERTIFICATES):
        _copy(name, path)
    words = ["apt-config", "dump", "Acquire"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    (path / "etc/apt/apt.conf.d/99machine").write_text(done.stdout)


def _copy(name: str, path: Path) -> None:
    source, target = Path("/", name), path / name
    if source.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        shutil.copy(source, target)


def _inside(root: Root, argv: Sequence[str]) -> None:
    words = ["env", "DEBIAN_FRONTEND=noninteractive", *argv]
    _run(root.command(words, tied=True))


def _run(argv: Sequence[str]) -> None:
    log = directory() / "log"
    with log.open("ab") as output:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode != 0:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        raise BedError(f"{tail}\nstatus {done.returncode}; all of it is in {log}")


def say(text: str) -> None:
    """Tell whoever waits what is made."""
    print(f"bed: {text}", file=sys.stderr)


def main() -> None:
    """Make the bed where it is not there."""
    try:
        make()
    except BedError as error:
        sys.exit(f"bed: {error}")


if __name__ == "__main__":
    main()
