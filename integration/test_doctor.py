"""`evpnd doctor`: each test breaks one thing, sees the finding, and does its fix."""

import json
import socket

import pytest

from integration.lab import MakeLab, evi
from integration.lab_doctor import BRIDGE, FAR, PORT, VNI, VXLAN, Patient
from integration.lab_netns import inside, ip, sysctl, wait_until

pytestmark = pytest.mark.root


@pytest.fixture
def patient(make_lab: MakeLab) -> Patient:
    made = Patient(make_lab(1)[1])
    wait_until(lambda: made.worse() == [], 5, "a healthy host", seen=made.worse)
    return made


def test_a_healthy_host_has_an_ok_for_each_check(patient: Patient) -> None:
    rows = patient.examine()
    levels = {row["check"]: row["level"] for row in rows}
    people = patient.ask()

    assert set(levels.values()) <= {"ok", "note"}
    assert levels["mtu"] == levels["udp-port"] == levels["firewall"] == "ok"
    assert levels["daemon"] == "note"
    assert all(set(r) == {"check", "level", "subject", "text", "fix"} for r in rows)
    assert people.returncode == 0
    assert "ok       mtu: the tenants' largest packets fit\n" in people.stdout
    assert people.stdout.splitlines()[-1].startswith("0 faults, 0 warnings, ")


def test_a_file_with_errors_is_refused(patient: Patient) -> None:
    patient.path.write_text("asn: 65001\nvtpe: {}\n")

    done = patient.ask()

    assert done.returncode == 2
    assert f"{patient.path}:2:" in done.stderr


# UDP port


def test_another_configured_udp_port(patient: Patient) -> None:
    patient.write(vtep={"address": patient.host.vtep, "udp-port": 8472})

    found = {row["check"]: row for row in patient.worse()}

    assert set(found) == {"config-port", "udp-port", "evi"}
    row = found["config-port"]
    assert (row["level"], row["subject"]) == ("warning", str(patient.path))
    assert "8472" in str(row["text"])
    assert "`udp-port: 4789`" in str(row["fix"])
    patient.write()
    assert patient.worse() == []


def test_a_vxlan_device_with_linuxs_old_port(patient: Patient) -> None:
    patient.shell(
        f"ip link del {VXLAN} && ip link add {VXLAN} type vxlan id {VNI} local "
        f"{patient.host.vtep} dstport 8472 nolearning && ip link set {VXLAN} master "
        f"{BRIDGE} up && ip link set dev {VXLAN} type bridge_slave learning off "
        "neigh_suppress on"
    )

    found = {row["check"]: row for row in patient.worse()}

    assert set(found) == {"udp-port", "evi"}
    row = found["udp-port"]
    assert (row["level"], row["subject"]) == ("fault", VXLAN)
    assert "uses UDP port 8472, not vtep.udp-port 4789" in str(row["text"])
    patient.mend(row)


def test_a_program_that_has_the_port(patient: Patient) -> None:
    patient.shell(f"ip link set {VXLAN} down")
    with inside(patient.namespace), socket.socket(type=socket.SOCK_DGRAM) as taken:
        taken.bind(("0.0.0.0", 4789))
        found = {row["check"]: row for row in patient.worse()}
        row = found["port-taken"]
        assert (row["level"], row["subject"]) == ("fault", "UDP port 4789")
        assert "(pid " in str(row["text"])
        assert str(row["fix"]).startswith("stop ")
    patient.shell(f"ip link set {VXLAN} up")
    assert patient.worse() == []


def test_another_vxlan_device_with_the_port(patient: Patient) -> None:
    ip(["link add vx7 type vxlan id 7 dstport 4789 nolearning"], patient.namespace)

    row = patient.only("port-shared", "note", "vx7")

    assert "no EVI uses it" in str(row["text"])


def test_few_source_ports(patient: Patient) -> None:
    patient.shell("sysctl -w net.ipv4.ip_local_port_range='40000 40100'")

    row = patient.only("source-ports", "warning", "net.ipv4.ip_local_port_range")

    assert "40000..40100" in str(row["text"])
    patient.mend(row)


def test_few_source_ports_of_a_device(make_lab: MakeLab) -> None:
    patient = Patient(make_lab(1)[1])
    tunnel = f"id {VNI} local {patient.host.vtep} dstport 4789 nolearning"
    patient.shell(
        f"ip link del {VXLAN} && ip link add {VXLAN} type vxlan {tunnel} srcport 5000 "
        f"5001 && ip link set {VXLAN} master {BRIDGE} up && ip link set dev {VXLAN} "
        "type bridge_slave learning off neigh_suppress on"
    )

    row = patient.only("source-ports", "warning", VXLAN)

    assert "5000..5001 alone" in str(row["text"])


# Devices


def test_learning_of_the_device(patient: Patient) -> None:
    patient.shell(f"ip link set {VXLAN} type vxlan learning")
    row = patient.only("learning", "warning", VXLAN)
    assert "learns MACs from received frames" in str(row["text"])
    patient.mend(row)


def test_learning_of_its_bridge_port(patient: Patient) -> None:
    patient.shell(f"bridge link set dev {VXLAN} learning on")
    row = patient.only("learning", "warning", VXLAN)
    assert "`learning on`" in str(row["text"])
    patient.mend(row)


def test_suppression_that_is_off(patient: Patient) -> None:
    patient.shell(f"bridge link set dev {VXLAN} neigh_suppress off")
    row = patient.only("suppression", "warning", VXLAN)
    assert "ARP and ND" in str(row["text"])
    patient.mend(row)
    patient.shell(f"bridge link set dev {VXLAN} neigh_suppress off")
    patient.write(evis=[evi(VNI, suppress=False)])
    assert patient.worse() == []


def test_a_bridge_without_ipv6(patient: Patient) -> None:
    sysctl(patient.namespace, {f"net/ipv6/conf/{BRIDGE}/disable_ipv6": 1})
    row = patient.only("ipv6", "warning", BRIDGE)
    assert "IPv6 is disabled" in str(row["text"])
    patient.mend(row)


def test_a_bridge_that_forgets_too_soon(patient: Patient) -> None:
    patient.shell(f"ip link set {BRIDGE} type bridge ageing_time 2000")
    row = patient.only("ageing", "warning", BRIDGE)
    assert "after 20 s" in str(row["text"])
    patient.mend(row)


@pytest.mark.parametrize("device", [VXLAN, BRIDGE])
def test_a_device_that_is_down(patient: Patient, device: str) -> None:
    patient.shell(f"ip link set {device} down")
    found = {row["check"]: row for row in patient.worse()}
    row = found["evi"]
    assert (row["level"], row["subject"]) == ("fault", f"vni-{VNI}")
    assert f"it will not be ready: {device} is down" in str(row["text"])
    patient.shell(str(row["fix"]))
    wait_until(lambda: patient.worse() == [], 5, "no finding", seen=patient.worse)


def test_another_local_address(patient: Patient) -> None:
    patient.shell(f"ip link set {VXLAN} type vxlan local 10.1.0.1")
    row = patient.only("evi", "fault", f"vni-{VNI}")
    assert "local address 10.1.0.1, not the VTEP address 10.0.0.1" in str(row["text"])
    patient.mend(row)


def test_a_device_that_discover_passes_over(make_lab: MakeLab) -> None:
    patient = Patient(make_lab(1)[1], evis=[], discover=True)
    patient.shell(f"ip link set {VXLAN} type vxlan learning")
    row = patient.only("discover", "warning", VXLAN)
    assert "passes it over: it learns from the data plane" in str(row["text"])
    patient.mend(row)
    ip(["link add vx8 type vxlan external dstport 4790"], patient.namespace)
    row = patient.only("discover", "note", "vx8")
    assert "it is external" in str(row["text"])


def test_a_tenant_port_that_is_down(patient: Patient) -> None:
    patient.shell(f"ip link set {PORT} down")
    row = patient.only("tenant-port", "warning", PORT)
    assert f"tenant port of vni-{VNI} is down" in str(row["text"])
    patient.shell(str(row["fix"]))
    wait_until(lambda: patient.worse() == [], 5, "no finding", seen=patient.worse)


def test_a_tenant_port_without_carrier(patient: Patient) -> None:
    (tenant,) = patient.host.tenants
    ip(["link set eth0 down"], tenant.namespace)
    row = patient.only("tenant-port", "note", PORT)
    assert "no carrier" in str(row["text"])


def test_a_port_that_does_not_exist_or_is_elsewhere(make_lab: MakeLab) -> None:
    patient = Patient(make_lab(1)[1])
    ip(
        [
            "link add other type bridge",
            "link add p9 type veth peer name p8",
            "link set p9 master other",
            f"link set {BRIDGE} alias evpnd",
            f"link set {VXLAN} alias evpnd",
        ],
        patient.namespace,
    )
    patient.write(evis=[evi(VNI, manage=True, ports=["tap7", "p9"])])
    found = {row["subject"]: row for row in patient.findings("tenant-port")}
    assert "does not exist" in str(found["tap7"]["text"])
    assert f"is in other, not in {BRIDGE}" in str(found["p9"]["text"])


# MTU


def test_tenants_device_and_underlay_all_at_1500(patient: Patient) -> None:
    ip(["link set eth0 mtu 1500"], patient.namespace)
    row = patient.only("mtu", "fault", VXLAN)
    assert row["text"] == (
        f"tenants send packets of up to 1500 octets (MTU of {PORT}), but the route to "
        f"VTEP {FAR} by eth0 takes 1500, and VXLAN adds 50: packets of more than 1450 "
        "octets are lost or fragmented"
    )
    assert row["fix"] == "ip link set eth0 mtu 1550"
    patient.mend(row)


def test_an_underlay_that_is_too_small_before_evpnd_made_the_devices(
    make_lab: MakeLab,
) -> None:
    host = make_lab(1)[1]
    patient = Patient(host)
    ip([f"link del {VXLAN}", f"link del {BRIDGE}"], host.namespace)
    ip(["link set eth0 mtu 1500"], host.namespace)
    patient.write(evis=[evi(VNI, manage=True, ports=[PORT])])
    row = patient.only("mtu", "fault", f"vni-{VNI}")
    assert "eth0 takes 1500, and VXLAN adds 50" in str(row["text"])
    patient.mend(row)


def test_an_underlay_that_was_raised_later(patient: Patient) -> None:
    ip(["link set eth0 mtu 1600", f"link set {VXLAN} mtu 1450"], patient.namespace)
    row = patient.only("mtu", "fault", VXLAN)
    assert "its MTU is 1450, but tenants send packets of up to 1500" in str(row["text"])
    assert row["fix"] == f"ip link set {VXLAN} mtu 1500"
    patient.mend(row)


def test_a_device_larger_than_the_underlay(patient: Patient) -> None:
    (tenant,) = patient.host.tenants
    ip([f"link set {PORT} mtu 1400", f"link set {VXLAN} mtu 1500"], patient.namespace)
    ip(["link set eth0 mtu 1400"], tenant.namespace)
    ip(["link set eth0 mtu 1500"], patient.namespace)
    row = patient.only("mtu", "warning", VXLAN)
    assert "what is larger than 1450 octets is lost or fragmented" in str(row["text"])
    patient.mend(row)


def test_a_route_with_a_smaller_mtu_than_its_device(patient: Patient) -> None:
    ip([f"route add {FAR}/32 via 10.255.1.1 mtu 1500"], patient.namespace)
    row = patient.only("mtu", "fault", VXLAN)
    assert "raise the MTU to 1550 on all links" in str(row["fix"])
    ip([f"route del {FAR}/32"], patient.namespace)
    assert patient.worse() == []


def test_a_bridge_with_an_address_that_is_larger_than_its_device(
    patient: Patient,
) -> None:
    (tenant,) = patient.host.tenants
    ip(
        [
            f"addr add 192.168.100.254/24 dev {BRIDGE}",
            f"link set {PORT} mtu 1400",
            f"link set {VXLAN} mtu 1400",
            f"link set {BRIDGE} mtu 1500",
        ],
        patient.namespace,
    )
    ip(["link set eth0 mtu 1400"], tenant.namespace)
    row = patient.only("mtu", "warning", BRIDGE)
    assert "larger packets of this host itself are lost" in str(row["text"])
    patient.mend(row)


# The way to other VTEPs


def test_a_vtep_address_that_nobody_has(patient: Patient) -> None:
    ip([f"addr del {patient.host.vtep}/32 dev lo"], patient.namespace)
    row = patient.only("vtep-address", "fault", patient.host.vtep)
    assert "no interface has the VTEP address" in str(row["text"])
    assert row["fix"] == f"ip addr add {patient.host.vtep}/32 dev lo"
    patient.mend(row)


def test_a_vtep_address_on_a_device_that_is_down(patient: Patient) -> None:
    ip(
        [
            f"addr del {patient.host.vtep}/32 dev lo",
            "link add other type veth peer name rehto",
            f"addr add {patient.host.vtep}/32 dev other",
        ],
        patient.namespace,
    )
    (row,) = patient.findings("vtep-address")
    assert (row["level"], row["subject"]) == ("fault", "other")
    assert "and is down" in str(row["text"])
    patient.shell(str(row["fix"]))
    assert patient.findings("vtep-address") == []


def test_no_route_to_a_vtep_and_a_peer(patient: Patient) -> None:
    ip(["route del default"], patient.namespace)
    found = {row["check"]: row for row in patient.worse()}
    assert set(found) == {"vtep-route", "peer-route"}
    row = found["vtep-route"]
    assert (row["level"], row["subject"]) == ("fault", FAR)
    assert "Network is unreachable" in str(row["text"])
    assert "session cannot come up" in str(found["peer-route"]["text"])
    ip(["route add default via 10.255.1.1"], patient.namespace)
    assert patient.worse() == []


def test_a_route_into_the_overlay(patient: Patient) -> None:
    ip([f"route add {FAR}/32 dev {BRIDGE}"], patient.namespace)
    (row,) = patient.findings("vtep-route")
    assert f"leads into the overlay, by {BRIDGE}" in str(row["text"])
    ip([f"route del {FAR}/32"], patient.namespace)
    assert patient.worse() == []


def test_a_remote_vtep_that_is_this_host(patient: Patient) -> None:
    ip([f"addr add {FAR}/32 dev lo"], patient.namespace)
    row = patient.only("vtep-route", "fault", FAR)
    assert "this host has its address itself" in str(row["text"])


def test_a_device_that_is_bound_elsewhere(patient: Patient) -> None:
    tunnel = f"id {VNI} local {patient.host.vtep} dstport 4789 nolearning"
    patient.shell(
        "ip link add other mtu 1600 type veth peer name rehto && ip link set other up "
        f"&& ip link del {VXLAN} && ip link add {VXLAN} mtu 1500 type vxlan {tunnel} "
        f"dev other && ip link set {VXLAN} master {BRIDGE} up && ip link set dev "
        f"{VXLAN} type bridge_slave learning off neigh_suppress on"
    )
    patient.flood(FAR)
    row = patient.only("vtep-route", "warning", FAR)
    assert f"leads by eth0, but {VXLAN} is bound to other" in str(row["text"])


def test_a_next_hop_that_does_not_answer(patient: Patient) -> None:
    ip(["link set host1 arp off"], patient.host.lab.router)
    ip(["addr flush dev host1"], patient.host.lab.router)
    ip(["neigh flush dev eth0"], patient.namespace)
    with inside(patient.namespace), socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.sendto(b"", (FAR, 9))
    wait_until(lambda: patient.findings("next-hop"), 10, "a next hop that failed")
    (row,) = patient.findings("next-hop")
    assert (row["level"], row["subject"]) == ("fault", FAR)
    assert "next hop 10.255.1.1 does not answer ARP on eth0" in str(row["text"])


def test_a_strict_reverse_path_filter(patient: Patient) -> None:
    lab = patient.host.lab
    ip(
        [
            f"link add eth1 netns {patient.namespace} type veth peer name side",
            "link set side mtu 1600",
            "addr add 10.254.1.1/24 dev side",
            "link set side up",
            "neigh add 10.254.1.2 lladdr 02:00:00:00:aa:01 dev side",
        ],
        lab.router,
    )
    uplink = "address 02:00:00:00:aa:01 mtu 1600 up"
    ip(
        [f"link set eth1 {uplink}", "addr add 10.254.1.2/24 dev eth1"],
        patient.namespace,
    )
    sysctl(
        patient.namespace,
        {"net/ipv4/conf/all/rp_filter": 0, "net/ipv4/conf/eth1/rp_filter": 1},
    )
    ip([f"addr add {FAR}/32 dev lo"], lab.router)
    ip([f"route replace {patient.host.vtep}/32 via 10.254.1.2 src {FAR}"], lab.router)

    def dropped() -> bool:
        with inside(lab.router), socket.socket(type=socket.SOCK_DGRAM) as sock:
            sock.bind((FAR, 0))
            sock.sendto(b"", (patient.host.vtep, 9))
        return bool(patient.worse())

    wait_until(dropped, 10, "packets that the filter drops")
    row = patient.only("rp-filter", "warning", "eth1")
    assert f"a packet from VTEP {FAR} that arrives by eth1 is dropped" in str(
        row["text"]
    )
    patient.mend(row)


def test_segmentation_that_is_off(patient: Patient) -> None:
    patient.shell("ethtool -K eth0 tx-udp_tnl-segmentation off")
    row = patient.only("offloads", "warning", "eth0")
    assert "tx-udp_tnl-segmentation is off" in str(row["text"])
    patient.mend(row)


# Firewalls


@pytest.mark.parametrize(
    ("hook", "rule", "seen"),
    [
        ("input", "udp dport 4789 drop", "VXLAN packets from 10.0.0.2 are dropped"),
        ("input", "ip saddr 10.0.0.0/24 counter reject", "VXLAN packets from"),
        ("output", "udp dport { 53, 4789 } drop", "VXLAN packets to 10.0.0.2"),
        ("input", "tcp dport 179 drop", "BGP connections from 10.1.0.2"),
        ("output", "oifname eth0 tcp dport bgp drop", "BGP connections to 10.1.0.2"),
        ("prerouting", "iifname eth0 udp dport 4000-5000 drop", "VXLAN packets from"),
    ],
)
def test_a_rule_that_drops(patient: Patient, hook: str, rule: str, seen: str) -> None:
    patient.shell(
        "nft 'add table inet t; add chain inet t c { type filter hook "
        f"{hook} priority 0; }}; add rule inet t c ct state established accept; "
        f"add rule inet t c {rule}'"
    )
    check = "firewall-bgp" if "BGP" in seen else "firewall"
    row = patient.only(check, "fault", "nft inet t c")
    assert str(row["text"]).startswith(seen)
    patient.mend(row)


def test_a_policy_that_drops_and_a_chain_that_is_jumped_to(patient: Patient) -> None:
    patient.shell(
        "nft 'add table ip t; add chain ip t c { type filter hook input priority 0; "
        "policy drop; }; add chain ip t vxlan; add rule ip t c iif lo accept; "
        "add rule ip t c tcp dport { 22, 179 } accept; add rule ip t c jump vxlan'"
    )
    row = patient.only("firewall", "fault", "nft ip t c")
    assert "its policy is drop" in str(row["text"])
    patient.shell(
        "nft 'add set ip t vteps { type ipv4_addr; elements = { 10.0.0.2 }; }; "
        "add rule ip t vxlan ip saddr @vteps udp dport 4789 accept'"
    )
    assert patient.worse() == []
    patient.shell("nft flush chain ip t vxlan")
    patient.mend(row)


def test_a_rule_that_may_accept_leaves_doubt(patient: Patient) -> None:
    patient.shell(
        "nft 'add table inet t; add chain inet t c { type filter hook input priority "
        "0; }; add rule inet t c limit rate 10/second accept; "
        "add rule inet t c udp dport 4789 drop'"
    )
    row = patient.only("firewall", "warning", "nft inet t c")
    assert "may be dropped" in str(row["text"])


def test_a_rule_of_legacy_iptables(patient: Patient) -> None:
    patient.shell(
        "iptables-legacy -A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT; "
        "iptables-legacy -A INPUT -s 10.0.0.0/8 -p udp -m udp --dport 4789 -j DROP"
    )
    row = patient.only("firewall", "fault", "iptables-legacy ip filter INPUT")
    assert "--dport 4789 -j DROP" in str(row["text"])
    patient.mend(row)


def test_a_policy_of_iptables_in_nftables(patient: Patient) -> None:
    patient.shell(
        "iptables-nft -A INPUT -p tcp --dport 179 -j ACCEPT; iptables-nft -P INPUT DROP"
    )
    row = patient.only("firewall", "fault", "nft ip filter INPUT")
    patient.mend(row)


# Rows


def test_a_flood_row_of_somebody_else(patient: Patient) -> None:
    patient.shell(
        f"bridge fdb del 00:00:00:00:00:00 dev {VXLAN} dst {FAR} self && bridge fdb "
        f"append 00:00:00:00:00:00 dev {VXLAN} dst 10.0.0.3 self permanent"
    )
    row = patient.only("foreign-rows", "warning", VXLAN)
    assert "1 row of its flood list was not made by evpnd" in str(row["text"])
    assert "VTEP 10.0.0.3" in str(row["text"])
    patient.mend(row)


def test_a_mac_row_of_somebody_else(patient: Patient) -> None:
    patient.shell(f"bridge fdb add 02:00:00:00:00:77 dev {VXLAN} dst {FAR} self static")
    row = patient.only("foreign-rows", "warning", VXLAN)
    assert "frames to 02:00:00:00:00:77 go to VTEP 10.0.0.2" in str(row["text"])
    patient.mend(row)


def test_neighbours_of_zebra(patient: Patient) -> None:
    entry = f"192.168.100.77 lladdr 02:00:00:00:00:77 dev {BRIDGE}"
    ip([f"neigh add {entry} nud noarp protocol zebra"], patient.namespace)
    rows = {row["check"]: row for row in patient.worse()}
    assert "FRR's zebra" in str(rows["foreign-rows"]["text"])
    assert "`advertise-all-vni`" in str(rows["foreign-rows"]["fix"])


def test_frames_that_the_device_dropped(patient: Patient) -> None:
    (tenant,) = patient.host.tenants
    patient.shell(f"bridge fdb del 00:00:00:00:00:00 dev {VXLAN} dst {FAR} self")

    def dropped() -> bool:
        # No ARP, and no ND: a port with neigh_suppress keeps what nobody asked for.
        tenant.speak_as(tenant.mac)
        return bool(patient.findings("drops"))

    wait_until(dropped, 5, "a frame that is dropped")
    row = patient.only("drops", "note", VXLAN)
    assert "frames on the way out" in str(row["text"])


# Start


def test_what_run_would_refuse(patient: Patient) -> None:
    with inside(patient.namespace), socket.socket() as taken:
        taken.bind((patient.host.session, 179))
        taken.listen()
        row = patient.only("start", "fault", "evpnd run")
    assert "port 179 on 10.1.0.1 is taken" in str(row["text"])
    assert patient.worse() == []


def test_json_is_one_document(patient: Patient) -> None:
    done = patient.ask("--json")
    assert isinstance(json.loads(done.stdout), list)


def test_many_findings_of_one_kind_are_told_by_the_first(patient: Patient) -> None:
    lines = []
    for number in range(8):
        lines += [
            f"link add p{number} type veth peer name q{number}",
            f"link set p{number} master {BRIDGE}",
        ]
    ip(lines, patient.namespace)

    done = patient.ask()

    told = [line for line in done.stdout.splitlines() if line.startswith("warning")]
    assert len(told) == 6
    assert told[-1] == "warning  tenant-port: 3 more of the same kind; --json lists all"
    assert "0 faults, 8 warnings, " in done.stdout
    assert len(patient.findings("tenant-port")) == 8
