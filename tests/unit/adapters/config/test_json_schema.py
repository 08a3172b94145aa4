import json
from collections.abc import Iterator
from typing import Literal

import pytest

from evpnd.adapters.config.json_schema import json_schema

Kind = Literal["config", "policy"]


def sections(schema: dict) -> Iterator[tuple[str, dict]]:
    yield schema["title"], schema
    yield from schema["$defs"].items()


@pytest.mark.parametrize("kind", ["config", "policy"])
def test_it_is_titled_and_names_its_dialect(kind: Kind) -> None:
    schema = json_schema(kind)

    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert kind[:6] in schema["title"]
    assert json.loads(json.dumps(schema)) == schema


@pytest.mark.parametrize("kind", ["config", "policy"])
def test_every_key_is_described_in_kebab_case_and_no_other_is_allowed(
    kind: Kind,
) -> None:
    schema = json_schema(kind)

    for name, section in sections(schema):
        assert section["additionalProperties"] is False, name
        for key, value in section["properties"].items():
            referred = schema["$defs"].get(value.get("$ref", "").rpartition("/")[2], {})
            assert value.get("description", referred.get("description")), (name, key)
            assert "_" not in key, (name, key)
            assert key == key.lower()


@pytest.mark.parametrize("kind", ["config", "policy"])
def test_every_reference_leads_somewhere_and_null_is_no_value(kind: Kind) -> None:
    schema = json_schema(kind)

    def walk(node: object) -> None:
        if isinstance(node, dict):
            if "$ref" in node:
                assert node["$ref"].removeprefix("#/$defs/") in schema["$defs"]
            assert node.get("type") != "null"
            assert node.get("default", 0) is not None
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk(schema)


def test_what_is_required() -> None:
    schema = json_schema("config")

    assert schema["required"] == ["asn", "vtep", "peers"]
    assert schema["$defs"]["PeerSection"]["required"] == ["address", "asn"]
    evi = schema["$defs"]["EviSection"]
    assert "required" not in evi
    assert evi["oneOf"] == [{"required": ["vni"]}, {"required": ["vnis"]}]
    assert evi["properties"]["vni"]["maximum"] == 16777215
    assert schema["$defs"]["BridgeSection"]["required"] == ["name"]
