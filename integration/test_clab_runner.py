"""What a topology file asks for is what its nodes get, and nothing is left of it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from evpnd.adapters.config_yaml.errors import ConfigErrors
from integration.clab.main import deploy, load, load_images
from integration.clab.place import Place
from integration.lab_netns import NETNS_DIRECTORY, LabError, run, wait_until

pytestmark = pytest.mark.root
NAME = f"evt{os.getpid()}"
Up = Callable[[str], Place]


def leftovers() -> list[str]:
    found = [path.name for path in NETNS_DIRECTORY.iterdir() if NAME in path.name]
    return found + [name for name in Place.names() if name.startswith(NAME)]


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    def bring_up(body: str) -> Place:
        file = tmp_path / "t.clab.yml"
        file.write_text(f"name: t\n{body}")
        images = load_images(())
        topology = load(file, NAME, images)
        return deploy(topology, images, strict=True, say=print)

    yield bring_up
    Place(NAME).remove()
    assert leftovers() == []


def said(place: Place, node: str, *argv: str) -> str:
    done = place.execute(node, argv)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_node_has_its_files_environment_and_settings(up: Up, tmp_path: Path) -> None:
    (tmp_path / "dir").mkdir()
    (tmp_path / "dir" / "file").write_text("of the machine")
    (tmp_path / "env").write_text("# a comment\nE=file\nF=file\n")
    place = up(
        """
topology:
  nodes:
    a:
      kind: linux
      image: alpine
      network-mode: none
      env: {E: node}
      env-files: [env]
      labels: {my-label: x}
      sysctls: {net.ipv4.ip_forward: 1, net.ipv6.conf.all.forwarding: 1}
      binds:
        - dir:/some/where:ro
        - dir/file:/etc/__clabNodeName__.conf
        - /var/run/empty
      exec:
        - sh -c 'echo $$E$$F$$CLAB_LABEL_MY_LABEL > /root/out'
        - touch /run/mine
"""
    )

    assert said(place, "a", "cat", "/root/out") == "nodefilex\n"
    assert said(place, "a", "cat", "/etc/a.conf") == "of the machine"
    assert said(place, "a", "ls", "/some/where", "/run/empty") != ""
    assert place.execute("a", ["touch", "/some/where/x"]).returncode != 0
    assert said(place, "a", "hostname") == "a\n"
    assert said(place, "a", "cat", "/proc/sys/net/ipv4/ip_forward") == "1\n"
    assert said(place, "a", "cat", "/proc/1/comm") != "systemd\n"
    assert not Path("/run/mine").exists()
    assert not Path("/root/out").exists()


def test_what_is_bound_is_the_users_and_is_not_written_to(
    up: Up, tmp_path: Path
) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "deep").write_text("deep")
    for name in ("hosts", "hostname", "deep"):
        (tmp_path / name).write_text(name)
    (tmp_path / "bin").mkdir()
    place = up(
        """
topology:
  defaults: {kind: linux, image: alpine, binds: ["deep:/evt-dir/y/deep"]}
  nodes:
    a:
      binds:
        - hosts:/etc/hosts
        - hostname:/etc/hostname
        - etc:/evt-dir/y
        - bin:/usr/local/bin
"""
    )

    for name in ("hosts", "hostname"):
        assert said(place, "a", "cat", f"/etc/{name}") == name
        assert (tmp_path / name).read_text() == name
    assert said(place, "a", "cat", "/evt-dir/y/deep") == "deep"
    assert list((tmp_path / "bin").iterdir()) == []


def test_bridges_hosts_and_the_management_network_are_the_labs_own(up: Up) -> None:
    before = run(["ip", "-br", "link"])
    place = up(
        """
mgmt: {ipv4-subnet: 172.30.0.0/24}
topology:
  defaults: {kind: linux, image: alpine}
  nodes:
    a: {mgmt-ipv4: 172.30.0.7, exec: [ip addr add 10.9.0.1/24 dev eth1]}
    b: {exec: [ip addr add 10.9.0.2/24 dev eth1]}
    br-x: {kind: bridge}
    machine: {kind: host, exec: [ip addr add 10.8.0.2/24 dev h-eth2]}
  links:
    - endpoints: ["a:eth1", "br-x:p1"]
    - endpoints: ["b:eth1", "br-x:p2"]
    - type: veth
      endpoints:
        - {node: a, interface: eth2, mac: "02:00:00:00:00:0a", ipv4: 10.8.0.1/24}
        - {node: machine, interface: h-eth2}
      mtu: 1400
    - type: dummy
      endpoint: {node: b, interface: dum0}
    - endpoints: ["b:eth3", "host:b-eth3"]
"""
    )

    for target in ("10.9.0.2", "10.8.0.2", "172.30.0.2", "b"):
        assert "1 received" in said(place, "a", "ping", "-c1", "-W2", target)
    assert "172.30.0.7/24" in said(place, "a", "ip", "addr", "show", "eth0")
    assert "default via 172.30.0.1" in said(place, "a", "ip", "route")
    link = said(place, "a", "ip", "link", "show", "eth2")
    assert "mtu 1400" in link
    assert "02:00:00:00:00:0a" in link
    assert "mtu 9500" in said(place, "b", "ip", "link", "show", "eth1")
    assert "dum0" in said(place, "b", "ip", "link")
    assert "b-eth3" in said(place, "machine", "ip", "link")
    assert run(["ip", "-br", "link"]) == before


def test_devices_of_the_runner_are_in_nobodys_way(up: Up) -> None:
    place = up(
        """
topology:
  defaults: {kind: linux, image: alpine}
  nodes: {a: , br: {kind: bridge}, mgmt: {kind: bridge}, type: {kind: bridge}}
  links:
    - endpoints: ["a:eth1", "host:m0"]
    - endpoints: ["a:eth2", "host:lnk0-0"]
    - endpoints: ["a:dev", "br:up"]
    - {type: dummy, endpoint: {node: a, interface: name}}
"""
    )

    there = said(place, "br", "ls", "/proc/sys/net/ipv4/conf").split()
    assert {"br", "mgmt", "type", "up", "m0", "lnk0-0"} <= set(there)
    assert {"name", "dev"} <= set(said(place, "a", "ls", "/sys/class/net").split())


def test_the_management_network_is_as_the_file_says(up: Up) -> None:
    place = up(
        """
mgmt:
  bridge: br-mg
  ipv4-subnet: 172.30.0.0/24
  ipv4-range: 172.30.0.128/25
  ipv4-gw: 172.30.0.254
  ipv6-subnet: 2001:db8:30::/80
  mtu: 2100
topology:
  nodes: {a: {kind: linux, image: alpine, aliases: [web]}, machine: {kind: host}}
"""
    )

    eth0 = said(place, "a", "ip", "addr", "show", "eth0")
    assert "mtu 2100" in eth0
    assert "172.30.0.128/24" in eth0
    assert "2001:db8:30::2/80" in eth0
    assert "default via 172.30.0.254" in said(place, "a", "ip", "route")
    assert "mtu 2100" in said(place, "machine", "ip", "link", "show", "br-mg")
    assert "1 received" in said(place, "a", "ping", "-c1", "-W2", "172.30.0.254")
    assert "1 received" in said(place, "a", "ping", "-4", "-c1", "-W2", "web")


def test_nodes_share_interfaces_also_through_others(up: Up) -> None:
    place = up(
        """
topology:
  defaults: {kind: linux, image: alpine}
  nodes:
    a: {network-mode: none}
    b: {network-mode: "container:a"}
    c: {network-mode: "container:b"}
  links: [{type: dummy, endpoint: {node: a, interface: eth7}}]
"""
    )

    assert "eth7" in said(place, "c", "ip", "link")
    assert len({place.namespace(name) for name in "abc"}) == 1


def test_containerlabs_own_files_and_labels_are_there(up: Up, tmp_path: Path) -> None:
    place = up(
        """
topology:
  nodes:
    a:
      kind: linux
      image: docker.io/library/alpine:3
      hostname: other
      labels: {my.label/x: 1.10}
      binds:
        - __clabNodeDir__:/state
        - __clabDir__/topology-data.json:/data.json:ro
        - __clabDir__/ansible-inventory.yml:/hosts.yml
      exec: [ash -c 'touch /state/mine']
"""
    )

    environment = said(place, "a", "env")
    assert "CLAB_LABEL_MY_LABEL_X=1.10\n" in environment
    assert "CLAB_LABEL_CLAB_NODE_NAME=a\n" in environment
    assert said(place, "a", "hostname") == "other\n"
    assert json.loads(said(place, "a", "cat", "/data.json"))["nodes"]["a"]["kind"]
    assert "ansible_host: 172.20.20.2" in said(place, "a", "cat", "/hosts.yml")
    assert said(place, "a", "ls", "/state") == "mine\n"
    assert not (tmp_path / f"clab-{NAME}").exists()


def test_a_name_that_is_none_makes_nothing(up: Up, tmp_path: Path) -> None:
    file = tmp_path / "t.clab.yml"
    file.write_text("name: t\ntopology: {nodes: {a: {kind: linux, image: alpine}}}")
    before = set(NETNS_DIRECTORY.iterdir())
    words = [sys.executable, "-m", "integration.lab", "up", str(file), "--name"]
    done = subprocess.run(
        [*words, f"{NAME} x/y"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 1
    assert "is no name of a lab" in done.stderr
    assert {each for each in NETNS_DIRECTORY.iterdir() if NAME in each.name} <= before
    del up


def test_stages_wait_for_each_other(up: Up) -> None:
    place = up(
        """
topology:
  defaults: {kind: linux, image: alpine, network-mode: none, binds: ["/tmp:/shared"]}
  nodes:
    late:
      stages:
        create: {wait-for: [{node: early, stage: healthy}]}
        configure:
          wait-for: [{node: short, stage: exit}]
          exec: [{command: touch /mine}]
      exec: [sh -c 'test -e /mine && stat -c %Y /proc/1 > /when']
    early:
      startup-delay: 1
      cmd: sh -c 'sleep 0.5; touch /ready; sleep 60'
      healthcheck: {test: [CMD-SHELL, test -e /ready], interval: 1}
    short: {cmd: sleep 0.2, restart-policy: "no"}
    shared: {network-mode: "container:early"}
  links:
    - endpoints: ["early:eth1", "late:eth1"]
"""
    )

    first = int(said(place, "early", "stat", "-c", "%Y", "/proc/1"))
    assert int(said(place, "late", "cat", "/when")) >= first
    assert place.state("short") == "exited 0"
    assert "eth1" in said(place, "late", "ip", "link")
    assert "eth1" in said(place, "shared", "ip", "link")


def test_a_program_that_ends_is_started_again_unless_told_otherwise(up: Up) -> None:
    place = up(
        """
topology:
  defaults: {kind: linux, image: alpine, network-mode: none}
  nodes:
    again: {cmd: "sh -c 'echo x >> /count; exit 1'"}
    once: {cmd: "sh -c 'echo x >> /count; exit 7'", restart-policy: "no"}
"""
    )
    wait_until(
        lambda: said(place, "again", "cat", "/count").count("x") >= 3, 5, "restarts"
    )

    wait_until(lambda: place.state("once") == "exited 7", 5, "the end")
    assert said(place, "once", "cat", "/count").count("x") == 1


@pytest.mark.frr
def test_containerlabs_own_kind_of_frr_is_configured_by_it(
    up: Up, tmp_path: Path
) -> None:
    (tmp_path / "r1.conf").write_text("router bgp 65001\n bgp router-id 10.0.0.1\n")
    place = up(
        """
topology:
  defaults: {kind: frr, network-mode: none, extras: {frr: {daemons: [bgpd]}}}
  nodes:
    r1: {startup-config: __clabNodeName__.conf}
"""
    )

    wait_until(
        lambda: (
            "router bgp 65001"
            in place.execute("r1", ["vtysh", "-c", "show running-config"]).stdout
        ),
        15,
        "the configuration",
    )
    assert "bgpd" in said(place, "r1", "vtysh", "-c", "show daemons")
    assert said(place, "r1", "cat", "/proc/sys/net/ipv4/ip_forward") == "1\n"


@pytest.mark.frr
@pytest.mark.parametrize("kind", ["frr", "linux"])
def test_exec_finds_frr_ready(up: Up, tmp_path: Path, kind: str) -> None:
    (tmp_path / "daemons").write_text("zebra=yes\nbgpd=yes\n")
    (tmp_path / "vtysh.conf").touch()
    binds = "binds: ['daemons:/etc/frr/daemons', 'vtysh.conf:/etc/frr/vtysh.conf']"
    place = up(
        f"""
topology:
  nodes:
    r1:
      kind: {kind}
      image: quay.io/frrouting/frr:10.1
      network-mode: none
      {binds if kind == "linux" else "extras: {frr: {daemons: [bgpd]}}"}
      exec:
        - vtysh -c 'conf t' -c 'router bgp 65001' -c 'bgp router-id 10.0.0.1'
"""
    )

    assert "65001" in said(place, "r1", "vtysh", "-c", "show running-config")


@pytest.mark.frr
def test_exec_does_not_wait_for_what_another_entrypoint_leaves_out(up: Up) -> None:
    start = time.monotonic()
    up(
        """
topology:
  nodes:
    r1:
      kind: frr
      network-mode: none
      entrypoint: sleep 99
      exec: [/usr/lib/frr/zebra --version]
"""
    )

    assert time.monotonic() - start < 10


def test_exec_finds_all_nodes_and_links(up: Up) -> None:
    place = up(
        """
topology:
  defaults: {image: alpine, network-mode: none}
  nodes:
    machine: {kind: host, exec: [ip addr add 10.3.0.2/24 dev n1eth1]}
    first: {kind: linux, exec: [ping -c1 -W2 10.3.1.2]}
    late: {kind: linux, startup-delay: 1}
  links:
    - endpoints: ["late:eth1", "machine:n1eth1"]
    - endpoints: ["first:eth2", "late:eth2"]
      ipv4: [10.3.1.1/24, 10.3.1.2/24]
"""
    )

    assert "10.3.0.2/24" in said(place, "machine", "ip", "addr", "show", "n1eth1")


def test_commands_that_others_wait_for_come_before_these(up: Up) -> None:
    place = up(
        """
topology:
  defaults: {kind: linux, image: alpine, network-mode: none}
  nodes:
    one: {exec: [sh -c 'sleep 0.5; date +%s%N > /when'], startup-delay: 1}
    two: {exec: [sh -c 'date +%s%N > /when'], startup-delay: 1}
    after-one: {stages: {create: {wait-for: [{node: one, stage: configure}]}}}
    after-two: {stages: {create: {wait-for: [{node: two, stage: configure}]}}}
    near: {exec: [sh -c 'test -e /sys/class/net/eth1']}
  links:
    - endpoints: ["near:eth1", "after-one:eth1"]
"""
    )

    for name in ("one", "two"):
        created = place.directory / f"after-{name}" / "spec.json"
        assert int(said(place, name, "cat", "/when")) < created.stat().st_mtime_ns


def test_a_command_may_take_long_and_leave_something_behind(up: Up) -> None:
    start = time.monotonic()
    place = up(
        """
topology:
  nodes:
    a:
      kind: linux
      image: alpine
      exec: [sh -c 'sleep 1234 & echo started', sh -c 'test -e /proc/self']
    machine: {kind: host, exec: [sh -c 'unshare --net sleep 1235 &']}
"""
    )

    assert time.monotonic() - start < 10
    assert "sleep" in said(place, "a", "sh", "-c", "cat /proc/[0-9]*/comm")
    assert running("1235")
    place.remove()
    assert not running("1234")
    assert not running("1235")


@pytest.mark.parametrize(
    ("setting", "line", "reason"),
    [
        ("cmd: /no/such/program --x", 6, "cmd: a: /no/such/program cannot be started"),
        ("cmd: A=1 sleep 5", 6, "cmd: a: A=1 cannot be started"),
        ("entrypoint: /etc/passwd", 6, "entrypoint: a: .*Permission denied"),
        ("binds: ['t.clab.yml:/etc']", 6, r"binds\[0\]: a: .*"),
        ("sysctls: {net.ipv4.ip_forward: maybe}", 6, "sysctls.*: 'maybe' cannot be"),
    ],
)
def test_a_node_that_cannot_be_had_names_its_line(
    up: Up, setting: str, line: int, reason: str
) -> None:
    with pytest.raises(LabError, match=f"t.clab.yml:{line}: topology.nodes.a.{reason}"):
        up(f"""topology:
  nodes:
    a:
      {{kind: linux, image: alpine,
      {setting}}}
""")

    assert leftovers() == []


def test_a_check_that_hangs_is_a_check_that_fails(up: Up) -> None:
    place = up(
        """
topology:
  defaults: {kind: linux, image: alpine, network-mode: none}
  nodes:
    a:
      healthcheck:
        test: [CMD-SHELL, "test -e /second || { touch /second; sleep 100; }"]
        timeout: 1
        interval: 1
    b: {stages: {create: {wait-for: [{node: a, stage: healthy}]}}}
"""
    )

    assert said(place, "b", "hostname") == "b\n"


def test_two_that_come_up_at_once_do_not_harm_each_other(
    up: Up, tmp_path: Path
) -> None:
    up("topology: {nodes: {a: {kind: linux, image: alpine}}}")
    topology = load(tmp_path / "t.clab.yml", NAME, load_images(()))

    with pytest.raises(LabError, match="there already"):
        deploy(topology, load_images(()), strict=True, say=print)
    assert said(Place(NAME), "a", "hostname") == "a\n"


def test_what_fails_half_way_leaves_nothing(up: Up) -> None:
    with pytest.raises(LabError, match="status 3"):
        up(
            "topology:\n  nodes:\n"
            "    a: {kind: linux, image: alpine, exec: [sh -c 'exit 3']}\n"
        )

    assert leftovers() == []


def test_a_lab_goes_also_where_nobody_listens(up: Up, tmp_path: Path) -> None:
    up("topology: {nodes: {a: {kind: linux, image: alpine}}}").remove()
    topology = load(tmp_path / "t.clab.yml", NAME, load_images(()))

    def say(_: str) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        deploy(topology, load_images(()), strict=True, say=say)
    assert leftovers() == []


def test_what_is_not_done_here_makes_nothing(up: Up) -> None:
    with pytest.raises(ConfigErrors, match=r":2: .*needs its own image"):
        up("topology: {nodes: {a: {kind: arista_ceos, image: ceos}}}")

    assert leftovers() == []


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("gap", [None, 0.003, 0.05])
def test_nothing_is_left_after_an_interrupt_or_two(
    up: Up, tmp_path: Path, sign: signal.Signals, gap: float | None
) -> None:
    popen = start_slowly(tmp_path)
    os.killpg(popen.pid, sign)
    if gap is not None:
        time.sleep(gap)
        os.killpg(popen.pid, sign)

    assert popen.wait(30) == 130
    assert f"lab {NAME} is removed" in (tmp_path / "said").read_text()
    assert leftovers() == []
    assert not running(MARK)
    del up


def test_an_interrupt_ends_a_command_at_once(up: Up, tmp_path: Path) -> None:
    popen = start_slowly(tmp_path, f"    c: {{exec: [sleep 1{MARK}]}}\n", delay=0)
    wait_until(lambda: running("1" + MARK), 20, "the command")
    start = time.monotonic()
    os.killpg(popen.pid, signal.SIGINT)

    assert popen.wait(30) == 130
    assert time.monotonic() - start < 10
    assert leftovers() == []
    del up


def test_ctrl_c_is_left_to_a_program_on_the_terminal(up: Up, tmp_path: Path) -> None:
    place = up("topology: {nodes: {a: {kind: linux, image: alpine}}}")
    script = f"trap 'echo heard' INT; sleep 5{MARK}; echo done; exit 7"
    file = str(tmp_path / "t.clab.yml")
    words = ["-m", "integration.lab", "exec", file, "--name", NAME, "a", "sh", "-c"]
    with subprocess.Popen(
        [sys.executable, *words, script], stdout=subprocess.PIPE, start_new_session=True
    ) as popen:
        wait_until(lambda: running("5" + MARK), 20, "the program")
        os.killpg(popen.pid, signal.SIGINT)
        output, _ = popen.communicate(timeout=20)

    assert popen.returncode == 7
    assert output == b"heard\ndone\n"
    assert place.exists()


def test_a_node_that_was_killed_is_told_apart(up: Up) -> None:
    place = up("topology: {defaults: {kind: linux, image: alpine}, nodes: {a: , b: }}")
    os.kill(place.init_of("a"), signal.SIGKILL)
    wait_until(lambda: place.standing("a") == "ended", 5, "the end of a")

    assert place.standing("b") == "created"
    assert '"a": "ended"' in run([sys.executable, "-m", "integration.lab", "list"])


def test_down_removes_what_a_crash_left(up: Up, tmp_path: Path) -> None:
    popen = start_slowly(tmp_path)
    popen.kill()
    popen.wait(10)

    assert leftovers() != []
    assert running(MARK)
    words = [sys.executable, "-m", "integration.lab", "down", NAME]
    assert f"lab {NAME} is removed" in run(words)
    assert leftovers() == []
    assert not running(MARK)
    del up


def test_down_touches_nothing_but_a_labs_own(up: Up, tmp_path: Path) -> None:
    place = up("topology: {nodes: {a: {kind: linux, image: alpine}}}")
    file = tmp_path / "t.clab.yml"
    elsewhere = tmp_path / "other"
    elsewhere.mkdir()

    def down(word: object) -> "subprocess.CompletedProcess[str]":
        words = [sys.executable, "-m", "integration.lab", "down", str(word)]
        return subprocess.run(words, capture_output=True, text=True, check=False)

    for word in (".", "..", elsewhere, tmp_path / "none.clab.yml", "../" + NAME):
        assert down(word).returncode != 0, word
    assert elsewhere.is_dir()
    assert place.exists()
    file.write_text("name: [broken")
    assert f"lab {NAME} is removed" in down(tmp_path).stdout
    assert file.exists()
    assert leftovers() == []


MARK = f"3.{os.getpid()}"


def start_slowly(
    directory: Path, more: str = "", delay: int = 100
) -> subprocess.Popen[bytes]:
    """Start ``up`` of a lab that takes long; ends when a program runs there."""
    file = directory / "t.clab.yml"
    file.write_text(
        "name: t\ntopology:\n  defaults: {kind: linux, image: alpine}\n  nodes:\n"
        f"    a: {{cmd: sh -c 'while sleep {MARK}; do true; done'}}\n"
        f"    b: {{startup-delay: {delay}}}\n{more}"
    )
    words = ["-m", "integration.lab", "up", str(file), "--name", NAME]
    with (directory / "said").open("w") as said:
        popen = subprocess.Popen(
            [sys.executable, *words], stdout=said, start_new_session=True
        )
    wait_until(lambda: running(MARK), 20, "the program of a node")
    time.sleep(0.2)
    return popen


def running(mark: str) -> list[str]:
    """Find the `sleep`s for so many seconds."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if words[:2] == [b"sleep", mark.encode()]:
            found.append(path.parent.name)
    return found
