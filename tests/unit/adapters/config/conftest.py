"""What tests of configuration files share."""

from pathlib import Path

import pytest

from evpnd.adapters.config import load_config
from evpnd.model.config import Config
from tests.unit.adapters.config.loading import HEAD, Load


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Load a text behind HEAD, whether evpnd does all that it says or not."""
    monkeypatch.setattr("evpnd.adapters.config.load.refuse_unserved", lambda *_: None)

    def load(text: str) -> Config:
        path = tmp_path / "evpnd.yaml"
        path.write_text(HEAD + text)
        return load_config(path)

    return load
