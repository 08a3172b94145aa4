"""Writes ExaBGP's configuration for ``evpnd run``, then becomes ExaBGP."""

import os
import sys
from pathlib import Path
from typing import NoReturn

from evpnd.model.config import Config
from evpnd.model.ids import format_ip
from evpnd.private_files import beside
from evpnd.speaker.process.configuration import (
    configuration_text,
    write_configuration,
)
from evpnd.wire.messages import Peers

__all__ = ["configuration_path", "exec_speaker"]


def configuration_path(control_socket: Path) -> Path:
    """Return the path of ExaBGP's configuration, beside the control socket."""
    return beside(control_socket, ".exabgp.conf")


def exec_speaker(
    config: Config, *, agent_command: list[str], flush_on_exit: bool
) -> NoReturn:
    """Replace this process with the speaker, which starts the agent.

    The process id stays, and with it what the service manager knows; the memory
    that checking the YAML took is given back. `flush_on_exit` is told to the
    agent when SIGTERM arrives. Raises OSError where the file cannot be written.
    """
    path = configuration_path(config.control_socket)
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    speaker = Peers(config.asn, format_ip(config.router_id), config.peers)
    write_configuration(path, configuration_text(speaker, agent_command))
    # -P keeps the current directory, which may be anybody's, off the import path.
    command = [sys.executable, "-P", "-m", "evpnd.speaker"]
    if flush_on_exit:
        command.append("--flush-on-exit")
    command += ["--log-format", config.log.format]
    os.execv(sys.executable, [*command, str(path)])  # noqa: S606
