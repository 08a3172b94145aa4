"""`evpnd show --json`: the fields that programs rely on, with true values."""

import json
import urllib.request

import pytest

from integration.lab import Host, Lab, MakeLab, evi
from integration.lab_evpnd import Evpnd
from integration.lab_fabric import converge, expect_flood, mesh
from integration.lab_kernel import FLOOD_MAC, remote_macs
from integration.lab_netns import inside, run, wait_until
from integration.peer import UPDATE, BgpPeer, announcement, mac_route, message

pytestmark = pytest.mark.root
VNI = 10100
METRICS = "127.0.0.1:9471"

FIELDS = {
    "peers": "address asn description state uptime routes_received"
    " routes_advertised last_error",
    "evis": "name vni bridge vxlan rd import_targets export_targets vtep state reason"
    " local_macs remote_macs remote_vteps",
    "macs": "vni mac ips kind vtep sequence sticky duplicate interface state since",
    "neighbors": "vni ip mac kind vtep state",
    "vteps": "vtep vnis macs flood peer",
    "routes": "peer type rd ethernet_tag esi mac ip originator vni next_hop"
    " route_targets encapsulation sequence sticky default_gateway accepted best reason",
}


def fabric(make_lab: MakeLab) -> tuple[Lab, Evpnd]:
    lab = make_lab(2)
    for host in lab.hosts:
        host.prepare(VNI)
        host.tenant(f"t{host.number}", VNI, 10 + host.number)
    evis = {1: [evi(VNI, name="tenant-a")], 2: [evi(VNI)]}
    one, _ = mesh(lab, evis, settings={"metrics": {"listen": METRICS}})
    converge(lab)
    expect_flood(lab[1], VNI, [lab[2]])
    return lab, one


def one_of(rows: list[dict[str, object]], **values: object) -> dict[str, object]:
    found = [
        row for row in rows if all(row[name] == value for name, value in values.items())
    ]
    assert len(found) == 1, f"{values} in {rows}"
    return found[0]


def test_show_prints_the_fields_of_the_interface_with_true_values(
    make_lab: MakeLab,
) -> None:
    lab, one = fabric(make_lab)
    local, remote = lab.tenants
    shown = {what: one.show(what) for what in FIELDS}

    for what, fields in FIELDS.items():
        assert shown[what], what
        for row in shown[what]:
            assert set(fields.split()) <= row.keys(), what
    peer = one_of(shown["peers"], address=lab[2].session)
    assert (peer["asn"], peer["state"]) == (65001, "established")
    # Type 3, the MAC alone, and the MAC with either IP.
    assert (peer["routes_received"], peer["routes_advertised"]) == (4, 4)
    it = one_of(shown["evis"], vni=VNI)
    assert (it["name"], it["bridge"], it["vxlan"]) == (
        "tenant-a",
        f"br{VNI}",
        f"vx{VNI}",
    )
    assert (it["state"], it["vtep"]) == ("ready", lab[1].vtep)
    assert (it["local_macs"], it["remote_macs"], it["remote_vteps"]) == (1, 1, 1)
    assert it["export_targets"] == [f"65001:{VNI}"]
    assert str(it["rd"]).startswith(f"{lab[1].router_id}:")
    mine = one_of(shown["macs"], mac=local.mac)
    assert (mine["kind"], mine["interface"]) == ("local", local.name)
    theirs = one_of(shown["macs"], mac=remote.mac)
    assert (theirs["kind"], theirs["vtep"]) == ("remote", lab[2].vtep)
    ips = theirs["ips"]
    assert isinstance(ips, list)
    assert set(ips) == {remote.ip, remote.ip6}
    assert one_of(shown["neighbors"], ip=remote.ip6)["mac"] == remote.mac
    assert one_of(shown["neighbors"], ip=local.ip)["kind"] == "local"
    vtep = one_of(shown["vteps"], vtep=lab[2].vtep)
    assert (vtep["vnis"], vtep["macs"], vtep["flood"]) == ([VNI], 1, True)
    route = one_of(shown["routes"], type=2, mac=remote.mac, ip=remote.ip)
    assert (route["next_hop"], route["vni"]) == (lab[2].vtep, VNI)
    assert (route["accepted"], route["best"]) == (True, True)
    assert route["route_targets"] == [f"65001:{VNI}"]
    assert one_of(shown["routes"], type=3, originator=lab[2].vtep)["accepted"] is True


def test_filters_choose_among_the_rows(make_lab: MakeLab) -> None:
    lab, one = fabric(make_lab)
    _, remote = lab.tenants

    assert [row["mac"] for row in one.show("macs", "--mac", remote.mac)] == [remote.mac]
    assert one.show("macs", "--vni", "10200") == []
    assert {row["mac"] for row in one.show("macs", "--vni", str(VNI))} == {
        tenant.mac for tenant in lab.tenants
    }
    assert [row["ip"] for row in one.show("neighbors", "--ip", remote.ip)] == [
        remote.ip
    ]
    assert all(
        row["peer"] == lab[2].session
        for row in one.show("routes", "--peer", lab[2].session)
    )


def test_a_table_in_a_pipe_is_plain(make_lab: MakeLab) -> None:
    lab, one = fabric(make_lab)
    done = one.run("show", "macs", "--socket", str(one.socket))

    assert done.returncode == 0
    assert lab.tenants[1].mac in done.stdout
    assert done.stdout.isascii()
    assert "\x1b" not in done.stdout


def test_events_tell_what_happened(make_lab: MakeLab) -> None:
    _, one = fabric(make_lab)

    assert one.show("events")


def scrape(host: Host) -> dict[str, float]:
    """Read the metrics of the evpnd on a host."""
    with inside(host.namespace):
        page = urllib.request.urlopen(f"http://{METRICS}/metrics", timeout=30)
    with page:
        lines = page.read().decode().splitlines()
    pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return {name: float(value) for name, value in pairs}


def test_rows_that_others_take_away_come_back_and_are_counted(
    make_lab: MakeLab,
) -> None:
    lab, one = fabric(make_lab)
    host, tenant = lab[1], lab[2].tenants[0]
    where = ["-n", host.namespace]

    run(["bridge", *where, "fdb", "del", tenant.mac, "dev", f"vx{VNI}", "self"])
    flood = ["fdb", "del", FLOOD_MAC, "dev", f"vx{VNI}", "dst", lab[2].vtep]
    run(["bridge", *where, *flood])
    run(["ip", *where, "neigh", "del", tenant.ip, "dev", f"br{VNI}"])

    expected = {"fdb": 1, "flood": 1, "neighbor": 1}
    family = "evpnd_drift_repaired_total"
    names = {
        f'{family}{{cause="notified",table="{table}"}}': n
        for table, n in expected.items()
    }
    wait_until(lambda: names.items() <= scrape(host).items(), 5, "the counts")
    converge(lab)
    expect_flood(host, VNI, [lab[2]])
    told = [each for each in one.show("events") if each["event"] == "drift_repaired"]
    assert {str(each["table"]): each["rows"] for each in told} == expected


def test_metrics_count_what_show_shows(make_lab: MakeLab) -> None:
    lab = make_lab(2)
    for host in lab.hosts:
        host.prepare(VNI)
        host.tenant(f"t{host.number}", VNI, 10 + host.number)
    metrics = {"listen": METRICS}
    mesh(lab, {1: [evi(VNI)], 2: [evi(VNI)]}, settings={"metrics": metrics})
    converge(lab)
    values = scrape(lab[1])

    assert {
        value for name, value in values.items() if name.startswith("evpnd_peer_up")
    } == {1}
    for family in (
        "evpnd_routes{",
        "evpnd_evi_ready",
        "evpnd_fdb_entries",
        "evpnd_neighbor_entries",
        "evpnd_flood_list_size",
        "evpnd_convergence_seconds_count",
    ):
        found = [name for name in values if name.startswith(family)]
        assert found, f"{family} in {list(values)}"
        assert sum(values[name] for name in found) > 0, family


def test_status_three_says_that_no_daemon_is_there(make_lab: MakeLab) -> None:
    lab, one = fabric(make_lab)
    nowhere = str(lab.directory / "nobody.sock")

    assert one.run("show", "peers", "--socket", nowhere).returncode == 3


def test_an_invalid_file_is_refused_with_status_two(make_lab: MakeLab) -> None:
    lab = make_lab(1)
    bad = lab[1].config(evis=[evi(1 << 24)], unknown=1)
    daemon = lab[1].evpnd(json.dumps(bad))

    assert daemon.process.wait(20) == 2
    assert "unknown" in daemon.process.tail()
    assert "vni" in daemon.process.tail()


def test_a_large_table_is_shown_whole(make_lab: MakeLab) -> None:
    lab = make_lab(2)
    one, two = lab.hosts
    one.prepare(VNI)
    daemon = one.evpnd(
        one.config({"address": two.session, "asn": 65000}, evis=[evi(VNI)], asn=65000)
    )
    with BgpPeer(two.namespace, two.session, one.session) as peer:
        peer.wait_established()
        for start in range(0, 6000, 100):
            nlris = [mac_route(number) for number in range(start, start + 100)]
            peer.send(message(UPDATE, announcement(nlris)))
        daemon.wait_show(
            "macs",
            lambda rows: sum(row["state"] == "installed" for row in rows) == 6000,
            "6,000 MACs installed",
        )

        assert len(daemon.show("routes", "--peer", two.session)) == 6000
        assert len(daemon.show("macs", "--mac", "02:00:00:00:17:6f")) == 1
        assert len(remote_macs(one.namespace, f"vx{VNI}")) == 6000
