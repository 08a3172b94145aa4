"""The JSON Schema (draft 2020-12) that editors complete and check with."""

from typing import Literal

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from evpnd.adapters.config.schema import ConfigFile
from evpnd.adapters.policy_files.schema import PolicyFile
from evpnd.adapters.yaml.section import Section


class _Generator(GenerateJsonSchema):
    """Leaves null out: an optional key is left away, never empty."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        written = super().default_schema(schema)
        if written.get("default", ...) is None:
            del written["default"]
        return written


def json_schema(kind: Literal["config", "policy"]) -> dict[str, object]:
    """Return the schema of a kind of file."""
    model: type[Section] = ConfigFile if kind == "config" else PolicyFile
    title = "evpnd configuration" if kind == "config" else "evpnd policy"
    schema = model.model_json_schema(schema_generator=_Generator)
    return {"$schema": _Generator.schema_dialect, **schema, "title": title}
