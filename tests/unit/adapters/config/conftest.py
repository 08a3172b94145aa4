"""What tests of configuration files share."""

from pathlib import Path

import pytest

from evpnd.adapters.config import load_config
from evpnd.model.config import Config
from tests.unit.adapters.config.loading import HEAD, Load


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Load a text behind HEAD."""

    def load(text: str) -> Config:
        path = tmp_path / "evpnd.yaml"
        path.write_text(HEAD + text)
        return load_config(path)

    return load
