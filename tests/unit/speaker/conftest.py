"""What these tests share: ExaBGP as the speaker sets it up."""
# ruff: noqa: TID251 # the extension's classes stand on exabgp's

import pytest
from exabgp.environment import getenv
from exabgp.logger import log


@pytest.fixture(scope="session", autouse=True)
def exabgp_log() -> None:
    """Its logger is None until somebody asks for it, and used everywhere."""
    environment = getenv()
    environment.log.level = "CRITICAL"
    log.init(environment)
