"""The docstring of a package names all of its files, in the order to read them."""

import ast
import re
from pathlib import Path

import pytest

import evpnd

ROOT = Path(evpnd.__file__).parent
PACKAGES = [
    "agent",
    "core",
    "doctor",
    "web",
    "adapters/host",
    "adapters/oam",
    "adapters/recording",
    "recording",
    *(f"core/{file.parent.name}" for file in ROOT.glob("core/*/*.py")),
]


@pytest.mark.parametrize("package", sorted(set(PACKAGES)))
def test_a_package_names_its_files(package: str) -> None:
    folder = ROOT / package
    head = ast.get_docstring(ast.parse((folder / "__init__.py").read_text())) or ""
    files = {file.stem for file in folder.glob("*.py")} - {"__init__"}
    folders = {file.parent.name for file in folder.glob("*/__init__.py")}

    assert set(re.findall(r"`(\w+)`", head)) == files | folders
