"""The pydantic model below all sections of our files."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A mapping with known keys."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        alias_generator=lambda name: name.replace("_", "-"),
        use_attribute_docstrings=True,
        arbitrary_types_allowed=True,
        defer_build=True,
    )
