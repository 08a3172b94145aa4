import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evpnd.adapters.control.requests import parse_request

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


def test_filters_come_out_as_the_tables_write_them() -> None:
    request = parse_request(
        json.dumps(
            {
                "command": "show",
                "what": "macs",
                "mac": "02-AA-BB-00-00-01",
                "ip": "2001:DB8:0::1",
                "peer": "2001:DB8::FE",
                "vni": 5,
                "vlan": 4094,
            }
        ).encode()
    )

    assert request["mac"] == "02:aa:bb:00:00:01"
    assert request["ip"] == "2001:db8::1"
    assert request["peer"] == "2001:db8::fe"
    assert (request["vni"], request["vlan"]) == (5, 4094)


def test_a_null_filter_is_no_filter_and_other_keys_stay() -> None:
    request = parse_request(
        b'{"command": "show", "what": "macs", "vni": null, "colour": 3}'
    )

    assert request == {"command": "show", "what": "macs", "colour": 3}


def test_a_part_of_a_table_begins_at_its_start_unless_it_says_where() -> None:
    line = b'{"command": "show", "what": "macs", "limit": 3, "vtep": "2001:DB8:0::1"}'

    request = parse_request(line)

    assert (request["offset"], request["vtep"]) == (0, "2001:db8::1")


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"what": "evis", "limit": 3}, "evis has no parts: limit does not apply"),
        ({"what": "macs", "offset": 3}, "offset needs a limit"),
        ({"what": "macs", "kind": "local"}, "kind needs a limit"),
        ({"what": "macs", "limit": 0}, "limit must be 1 to 1000"),
        ({"what": "macs", "limit": 1001}, "limit must be 1 to 1000"),
        ({"what": "macs", "limit": True}, "limit is not a whole number"),
        ({"what": "macs", "limit": 1, "offset": -1}, "offset must be 0 to"),
        ({"what": "macs", "limit": 1, "offset": "2"}, "offset is not a whole number"),
        ({"what": "macs", "limit": 1, "kind": "far"}, "kind must be one of local"),
        ({"what": "macs", "limit": 1, "vtep": 7}, "vtep is not text"),
        ({"what": "macs", "limit": 1, "mac": "02:00:00:00:00:01"}, "mac does not go"),
    ],
)
def test_a_part_that_cannot_be_given_is_refused(
    given: dict[str, object], sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        parse_request(json.dumps({"command": "show"} | given).encode())


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\xff",
        b"{",
        b"[]",
        b"null",
        b"{}",
        b"[" * 60_000,
        b'{"command": "stop"}',
        b'{"command": ["show"]}',
        b'{"command": {}}',
        b'{"command": "show"}',
        b'{"command": "show", "what": []}',
        b'{"command": "show", "what": "secrets"}',
        b'{"command": "show", "what": "macs", "vni": 0}',
        b'{"command": "show", "what": "macs", "vni": true}',
        b'{"command": "show", "what": "macs", "vni": "5"}',
        b'{"command": "show", "what": "macs", "vni": 16777216}',
        b'{"command": "show", "what": "macs", "vlan": 0}',
        b'{"command": "show", "what": "macs", "vlan": 4095}',
        b'{"command": "show", "what": "macs", "vlan": "5"}',
        b'{"command": "show", "what": "vteps", "vlan": 5}',
        b'{"command": "show", "what": "events", "vlan": 5}',
        b'{"command": "show", "what": "macs", "mac": "x"}',
        b'{"command": "show", "what": "macs", "mac": 2}',
        b'{"command": "show", "what": "macs", "ip": "10.0.0.0/24"}',
        b'{"command": "show", "what": "policies", "vni": 5}',
        b'{"command": "show", "what": "evis", "mac": "02:00:00:00:00:01"}',
        b'{"command": "show", "what": "macs", "vni": ' + b"9" * 5000 + b"}",
    ],
)
def test_what_is_no_request_is_refused_with_a_sentence(line: bytes) -> None:
    with pytest.raises(ValueError, match=" "):
        parse_request(line)


@given(
    request=st.dictionaries(
        st.sampled_from(["command", "what", "vni", "vlan", "peer", "mac", "ip"]),
        json_values | st.sampled_from(["show", "macs", "10.0.0.1"]),
    )
)
def test_any_json_is_a_request_or_a_value_error(request: object) -> None:
    try:
        parsed = parse_request(json.dumps(request).encode())
    except ValueError:
        return
    assert parsed["command"] in ("show", "reload", "status")


def test_clearing_a_peer_needs_its_name() -> None:
    with pytest.raises(ValueError, match="needs peer"):
        parse_request(b'{"command": "clear-peer"}')
    asked = parse_request(b'{"command": "clear-peer", "peer": "2001:DB8::FE"}')
    assert asked["peer"] == "2001:db8::fe"


@pytest.mark.parametrize(
    "given",
    [
        {"vni": 5},
        {"mac": "02:00:00:00:00:01"},
        {"vni": 5, "mac": "02:00:00:00:00:01", "ip": "192.0.2.1"},
    ],
)
def test_clear_takes_a_vni_and_one_address(given: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="clear needs vni, and mac or ip"):
        parse_request(json.dumps({"command": "clear", **given}).encode())
    request = {"command": "clear", "vni": 5, "ip": "2001:DB8::1"}
    assert parse_request(json.dumps(request).encode())["ip"] == "2001:db8::1"
