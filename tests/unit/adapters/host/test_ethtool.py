"""Offloads, asked of the loopback device that every namespace has."""

from evpnd.adapters.host.ethtool import read_features, read_hashing


def test_the_loopback_device_tells_its_offloads() -> None:
    found = read_features("lo")

    assert found["tx-checksum-ip-generic"].on
    assert "tx-udp_tnl-segmentation" in found


def test_a_device_that_does_not_tell_is_left_out() -> None:
    assert read_features("nowhere") == {}
    assert read_hashing("nowhere") is None
    assert read_hashing("lo") is None
