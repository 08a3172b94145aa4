"""The Debian package in Debian 12 and 13: installed, used, upgraded, purged.

Each test is a host of a lab on which systemd runs (`integration.system`); its peer is
an evpnd of the checkout.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from evpnd import __version__
from integration.bed import CHECKOUT
from integration.lab import Lab, MakeLab, evi
from integration.lab_evpnd import Evpnd
from integration.lab_kernel import link
from integration.lab_netns import run, wait_until
from integration.lab_tenant import Tenant
from integration.system import RELEASES, System, install

pytestmark = [
    pytest.mark.root,
    pytest.mark.systemd,
    pytest.mark.slow,
    pytest.mark.xdist_group("packages"),
]
VNI = 10100
FILE = "/etc/evpnd/evpnd.yaml"
NEWER = "99.1.0"
OTHER = "99.2.0"
"""A version whose messages between speaker and agent are others."""
NEWEST = "99.3.0"
MOST_EXPOSED = 20
"""Ten times what `systemd-analyze security` may say of the unit."""
ACCOUNTS = ("passwd", "group", "shadow", "gshadow", "subuid", "subgid")
_BUILD = CHECKOUT / "packaging/build_deb.py"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("package")
    built = run([sys.executable, str(_BUILD), str(folder)])
    return Path(built.split()[-1])


def as_version(package: Path, version: str, edit: tuple[str, str, str] | None) -> Path:
    """Pack it again as another version; `edit`: in which module what becomes what."""
    target = package.with_name(f"evpnd_{version}_test.deb")
    if target.exists():
        return target
    root = package.parent / version
    run(["dpkg-deb", "--raw-extract", str(package), str(root)])
    control = root / "DEBIAN/control"
    lines = control.read_text().splitlines()
    lines = [f"Version: {version}" if x.startswith("Version:") else x for x in lines]
    control.write_text("\n".join([*lines, ""]))
    modules = root / "usr/lib/evpnd/lib/python3/site-packages/evpnd"
    init = modules / "__init__.py"
    init.write_text(init.read_text().replace(f'"{__version__}"', f'"{version}"'))
    if edit is not None:
        name, old, new = edit
        text = (modules / name).read_text()
        assert old in text
        (modules / name).write_text(text.replace(old, new))
    pack = ["dpkg-deb", "--root-owner-group", "-Znone", "--build"]
    run([*pack, str(root), str(target)])
    return target


@dataclass
class Place:
    """A host with systemd, the tenant on it, and what is on the other host."""

    system: System
    lab: Lab
    here: Tenant
    there: Tenant
    peer: Evpnd

    @property
    def namespace(self) -> str:
        return self.lab[1].namespace

    def configure(self) -> None:
        """Write the file that an operator would."""
        peer = {"address": self.lab[2].session, "graceful-restart": 60}
        evis = [evi(VNI, manage=True, ports=[self.here.name])]
        config = self.lab[1].config(peer, evis=evis)
        self.system.path(FILE).write_text(json.dumps(config))

    def start(self) -> None:
        self.system.check("systemctl", "enable", "--now", "--quiet", "evpnd")
        self.wait_up()

    def wait_up(self) -> None:
        self.peer.wait_established(1)
        self.here.expect_ping(self.there.ip, within=20)

    def show(self, what: str) -> list[dict[str, object]]:
        found = json.loads(self.system.check("evpnd", "show", what, "--json"))
        assert isinstance(found, list)
        return found


@contextmanager
def booted(make_lab: MakeLab, release: str, directory: Path) -> Iterator[Place]:
    lab = make_lab(2)
    here = lab[1].tenant("t1", VNI, 11, attach=False)
    lab[2].prepare(VNI)
    there = lab[2].tenant("t2", VNI, 12)
    peer = {"address": lab[1].session, "graceful-restart": 60}
    other = lab[2].evpnd(lab[2].config(peer, evis=[evi(VNI)]))
    with System(release, lab[1].namespace, directory) as system:
        yield Place(system, lab, here, there, other)


@pytest.mark.parametrize("release", RELEASES)
def test_it_is_installed_used_upgraded_and_purged_and_leaves_nothing(
    make_lab: MakeLab, package: Path, release: str, tmp_path: Path
) -> None:
    with booted(make_lab, release, tmp_path) as place:
        system = place.system
        before = everything(system)
        accounts = system.path("/etc/passwd").read_text()

        install(system, package)
        unit = system.unit("evpnd", "UnitFileState", "ActiveState")
        assert unit == {"UnitFileState": "disabled", "ActiveState": "inactive"}
        assert system.run("systemctl", "start", "evpnd").returncode != 0
        said = system.check("journalctl", "--unit", "evpnd", "--output", "cat")
        assert f"{FILE}:1: is empty" in said
        assert system.run("python3", "-c", "import evpnd").returncode != 0
        assert "/usr/share/evpnd/policies/drain.yaml" in system.check(
            "evpnd", "examples"
        )
        assert system.run("dpkg", "--verify", "evpnd").stdout == ""
        limit = ("--no-pager", f"--threshold={MOST_EXPOSED}")
        path = "/usr/lib/systemd/system/evpnd.service"
        system.check("systemd-analyze", "security", "--offline=true", *limit, path)

        place.configure()
        place.start()
        look_at_the_service(place)
        look_at_users(place)
        look_at_reloads(place)
        look_at_the_looking_glass(place)
        look_at_an_upgrade(place, as_version(package, NEWER, None))

        system.check("dpkg", "--purge", "evpnd")
        assert everything(system) == before
        assert not system.path("/run/evpnd").exists()
        assert system.path("/etc/passwd").read_text().split() == accounts.split()
        assert link(place.namespace, f"vx{VNI}") is None
        assert link(place.namespace, f"br{VNI}") is None
        assert "evpnd" not in system.check("systemctl", "list-units", "--all")


def everything(system: System) -> set[str]:
    """List all files but those that dpkg, systemd and tests write."""
    kept = ("/var/lib/dpkg/", "/var/log/", "/var/cache/", "/var/lib/systemd/")
    changing = tuple(f"/etc/{name}-" for name in ACCOUNTS)
    found = system.files("/etc", "/usr", "/var", "/home", "/opt")
    return {
        each for each in found if not each.startswith(kept) and each not in changing
    }


def look_at_the_service(place: Place) -> None:
    """Look at who it is, what it may, and what systemd is told."""
    system = place.system
    wait_until(
        lambda: (
            system.unit("evpnd", "StatusText")["StatusText"]
            == "1 of 1 sessions established, 1 of 1 EVIs ready"
        ),
        20,
        "sessions and EVIs in the status line",
        seen=lambda: str(system.unit("evpnd", "StatusText")),
    )
    pid = system.unit("evpnd", "MainPID")["MainPID"]
    status = system.path(f"/proc/{pid}/status").read_text()
    owner = system.check("id", "--user", "evpnd").strip()
    assert f"Uid:\t{owner}\t{owner}\t{owner}\t{owner}\n" in status
    assert owner != "0"
    assert "CapEff:\t0000000000003400\n" in status  # BIND_SERVICE, ADMIN, RAW
    assert "Seccomp:\t2\n" in status
    (entry,) = place.show("status")
    assert str(entry["pid"]) == pid
    assert (entry["config"], entry["evis_ready"], entry["peers_established"]) == (
        FILE,
        1,
        1,
    )
    assert f"evpnd {entry['version']}" == system.check("evpnd", "--version").strip()


def look_at_users(place: Place) -> None:
    """Ask as a member of the group, and as somebody else."""
    system = place.system
    system.check("useradd", "--groups", "evpnd", "alice")
    system.check("useradd", "mallory")
    assert system.run("evpnd", "show", "peers", user="alice").returncode == 0
    for command in (["reload"], ["clear", "peer", place.lab[2].session]):
        done = system.run("evpnd", *command, user="alice")
        assert (done.returncode, "as root" in done.stderr) == (1, True), done
    done = system.run("evpnd", "show", "peers", user="mallory")
    assert (done.returncode, "no permission" in done.stderr) == (1, True), done
    for user in ("alice", "mallory"):
        system.check("userdel", user)


def look_at_reloads(place: Place) -> None:
    """Reload a file that is refused, and one that is not."""
    system = place.system
    path = system.path(FILE)
    text = path.read_text()
    path.write_text(text.replace("65001", "sixty"))
    assert system.run("systemctl", "reload", "evpnd").returncode != 0
    said = system.check("journalctl", "--unit", "evpnd", "--output", "cat")
    assert f"{FILE}:1: asn:" in said
    path.write_text(text)
    system.check("systemctl", "reload", "evpnd")
    assert system.unit("evpnd", "ActiveState") == {"ActiveState": "active"}


def look_at_the_looking_glass(place: Place) -> None:
    """Ask the other service, which runs as a user of its own."""
    url = "http://127.0.0.1:9472/api/v1/peers"
    words = f"import urllib.request as r; print(r.urlopen({url!r}).read().decode())"
    place.system.check("systemctl", "start", "evpnd-web")

    def answer() -> str:
        return place.system.run("python3", "-c", words).stdout

    wait_until(lambda: "established" in answer(), 30, "the glass", seen=answer)


def look_at_an_upgrade(place: Place, newer: Path) -> None:
    """Upgrade: the session and the speaker stay, and no packet is lost."""
    (before,) = place.show("status")
    with place.here.pinging(place.there.ip) as ping:
        install(place.system, newer)
        wait_until(lambda: place.show("status")[0]["settled"], 20, "the new agent")

    assert (ping.result().loss, ping.result().duplicates) == (0, 0), str(ping.result())
    (after,) = place.show("status")
    assert (after["version"], after["pid"]) == (NEWER, before["pid"])
    assert after["agent_pid"] != before["agent_pid"]
    (session,) = place.peer.show("peers")
    assert session["uptime"] > after["agent_uptime"]  # type: ignore[operator]


def test_it_outlives_what_goes_wrong_and_is_removed(
    make_lab: MakeLab, package: Path, tmp_path: Path
) -> None:
    with booted(make_lab, RELEASES[0], tmp_path) as place:
        install(place.system, package)
        place.configure()
        place.start()
        look_at_the_watchdog(place)
        look_at_an_upgrade_of_both_processes(place, package)
        look_at_an_upgrade_that_cannot_start(place, package)

        place.system.check("dpkg", "--remove", "evpnd")

        assert place.system.path(FILE).exists()
        assert link(place.namespace, f"vx{VNI}") is None
        assert link(place.namespace, f"br{VNI}") is None


def look_at_the_watchdog(place: Place) -> None:
    """Halt the speaker: systemd starts another, and forwarding goes on."""
    system = place.system
    folder = system.path("/run/systemd/system/evpnd.service.d")
    folder.mkdir(parents=True)
    (folder / "soon.conf").write_text("[Service]\nWatchdogSec=2\n")
    system.check("systemctl", "daemon-reload")
    system.check("systemctl", "restart", "evpnd")
    place.wait_up()
    (before,) = place.show("status")

    with place.here.pinging(place.there.ip) as ping:
        system.check("kill", "-STOP", str(before["pid"]))
        wait_until(
            lambda: system.unit("evpnd", "NRestarts")["NRestarts"] == "1",
            30,
            "a restart by the watchdog",
        )
        place.wait_up()

    assert ping.result().loss == 0, str(ping.result())
    assert place.show("status")[0]["pid"] != before["pid"]
    (folder / "soon.conf").unlink()
    system.check("systemctl", "daemon-reload")


def look_at_an_upgrade_of_both_processes(place: Place, package: Path) -> None:
    """Upgrade to other messages between them: graceful restart, no packet is lost."""
    (before,) = place.show("status")
    edit = ("wire/messages.py", "REVISION = 1", "REVISION = 1000")
    other = as_version(package, OTHER, edit)

    with place.here.pinging(place.there.ip) as ping:
        install(place.system, other)
        place.wait_up()

    assert (ping.result().loss, ping.result().duplicates) == (0, 0), str(ping.result())
    (after,) = place.show("status")
    assert (after["version"], after["speaker_version"]) == (OTHER, OTHER)
    assert after["pid"] != before["pid"]


def look_at_an_upgrade_that_cannot_start(place: Place, package: Path) -> None:
    """Upgrade where the file is refused: what runs goes on."""
    (before,) = place.show("status")
    path = place.system.path(FILE)
    path.write_text("asn: sixty\n")

    said = install(place.system, as_version(package, NEWEST, None))

    assert "stays as it is" in said
    assert place.show("status")[0]["pid"] == before["pid"]
    place.here.expect_ping(place.there.ip)
    place.configure()


def test_it_has_pages_completions_policies_and_examples(package: Path) -> None:
    listed = run(["dpkg-deb", "--contents", str(package)])
    for name in (
        "usr/share/man/man8/evpnd.8.gz",
        "usr/share/man/man5/evpnd.yaml.5.gz",
        "usr/share/man/man5/evpnd-policy.5.gz",
        "usr/share/bash-completion/completions/evpnd",
        "usr/share/zsh/vendor-completions/_evpnd",
        "usr/share/fish/vendor_completions.d/evpnd.fish",
        "usr/share/evpnd/policies/quarantine.yaml",
        "usr/share/evpnd/examples/evpnd.example.yaml",
        "usr/lib/sysctl.d/60-evpnd.conf",
    ):
        assert f" ./{name}\n" in listed
    done = subprocess.run(
        ["dpkg-deb", "--field", str(package), "Depends"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "python3 (>= 3.11~), python3 (<< 3.14), passwd"
