"""No file makes `load_config` raise anything but its own errors."""

import contextlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evpnd.adapters.config import ConfigErrors, load_config
from evpnd.adapters.config.load import check_file
from evpnd.model.config import Config

EXAMPLE = (Path(__file__).parents[4] / "docs/evpnd.example.yaml").read_text()
LINES = [
    line
    for line in EXAMPLE.splitlines()
    if line.strip() and not line.lstrip().startswith("#")
]
FRAGMENTS = st.sampled_from(
    [
        "null",
        "[]",
        "{}",
        "*a",
        "&a ",
        "yes",
        "0",
        "-1",
        "1e999",
        "'",
        '"',
        "\t",
        "\0",
        "- ",
        "? ",
        ": ",
        "<<: ",
        "!!int ",
        "|",
        "9" * 50,
        "asn",
        "vni",
        "peers",
        "\n",
        "{asn: 1, vni: 2}",
        "[asn, vni]",
        ".nan",
        "\u2028",
        "\ud800",
        "%",
        "@",
        "---\n",
    ]
)
any_file = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)


Load = Callable[[bytes], Config | None]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    path = tmp_path / "file.yaml"

    def load(content: bytes) -> Config | None:
        path.write_bytes(content)
        with contextlib.suppress(ConfigErrors):
            check_file(path)
        try:
            return load_config(path)
        except ConfigErrors as refused:
            lines = [str(error) for error in refused.errors]
        assert lines
        assert all(line.startswith(str(path)) for line in lines)
        assert all(line.isprintable() for line in lines)
        return None

    return load


@any_file
@given(content=st.binary())
def test_octets(load: Load, content: bytes) -> None:
    load(content)


@any_file
@given(content=st.text())
def test_text(load: Load, content: str) -> None:
    load(content.encode(errors="surrogatepass"))


keys = st.sampled_from(
    [
        "asn",
        "vtep",
        "peers",
        "evis",
        "address",
        "vni",
        "vnis",
        "vlan",
        "vlans",
        "bridges",
        "bridge",
        "name",
        "tagged",
        "untagged",
        "static",
        "mac",
        "ip",
        "rd",
        "route-targets",
        "import",
        "export",
        "ttl-security",
        "metrics",
        "listen",
        "<<",
        "policies",
        "password-file",
        "control",
        "socket",
        "ports",
        "discover",
        "x",
    ]
)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(
        [
            *("10.0.0.1", "::1", "auto", "*:1", "65000:1", "02:00:00:00:00:01"),
            *("1-3", "3-1", "{vni}", "{vlan}", "vnet*", "65000:{vni}", "{", "br{vni}"),
        ]
    ),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4)
    ),
    max_leaves=20,
)


@any_file
@given(value=st.dictionaries(keys, values, max_size=8))
def test_known_keys_with_any_values(load: Load, value: object) -> None:
    load(json.dumps(value).encode())


@any_file
@given(data=st.data())
def test_a_good_file_that_was_mangled(load: Load, data: st.DataObject) -> None:
    lines = list(LINES)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(lines) - 1))
        line = lines[place]
        match data.draw(st.integers(0, 4)):
            case 0:
                del lines[place]
            case 1:
                lines[place] = line.split(":")[0] + ": " + data.draw(FRAGMENTS)
            case 2:
                lines.insert(place, data.draw(st.sampled_from(LINES)))
            case 3:
                cut = data.draw(st.integers(0, len(line)))
                lines[place] = line[:cut] + data.draw(FRAGMENTS) + line[cut:]
            case _:
                lines[place] = " " * data.draw(st.integers(0, 6)) + line.strip()

    load("\n".join(lines).encode(errors="surrogatepass"))


def test_the_example_loads_as_it_is(load: Load) -> None:
    assert load("\n".join(LINES).encode()) is not None
