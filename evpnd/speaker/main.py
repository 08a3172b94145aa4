"""ExaBGP's environment, its configuration and its loop, with evpnd in them."""

from evpnd import without_openssl  # noqa: F401

# isort: split
import os
import subprocess
import sys
from pathlib import Path

# It looks for its env file below it, and not below the program's folder.
os.environ["EXABGP_ROOT"] = str(Path(__file__).parent)

# isort: split
from exabgp.configuration.configuration import Configuration
from exabgp.environment import getenv
from exabgp.logger import log as exabgp_log

from evpnd import log, log_stream
from evpnd.model.numbers import BGP_PORT
from evpnd.speaker.process.agent_pipe import AgentPipe
from evpnd.speaker.process.reactor import SpeakerReactor
from evpnd.speaker.seams import SeamMoved, install

SETTINGS: dict[str, dict[str, object]] = {
    "daemon": {"daemonize": False, "drop": False, "pid": ""},
    "tcp": {"attempts": 0, "bind": [], "delay": 0, "once": False, "port": BGP_PORT},
    "bgp": {"passive": False, "openwait": 60},
    "cache": {"attributes": False},
    "api": {"ack": False, "cli": False, "respawn": True, "terminate": False},
    "reactor": {"speed": 1.0},
    "log": {"enable": True, "level": "WARNING", "destination": "stderr", "all": False},
    "debug": {"pdb": False, "defensive": False, "configuration": False},
    "profile": {"enable": False},
}
"""Settings of ExaBGP's environment that override its env file and variables."""


def set_environment() -> None:
    """Set ExaBGP's environment and start its log."""
    # The agent inherits our umask, and a control socket that others may use.
    umask = os.umask(0o022)
    os.umask(umask)
    os.environ.pop("exabgp_cli_pipe", None)
    environment = getenv()
    for section, settings in SETTINGS.items():
        environment[section].update(settings)
    environment.daemon.umask = umask
    exabgp_log.init(environment)


def run(
    file: Path,
    agent: subprocess.Popen[bytes] | None,
    *,
    flush_on_exit: bool,
    log_format: str,
) -> int:
    """Run until SIGTERM; return the exit status. FILE does not outlive it.

    `agent` was started already; where nobody comes to serve it, it ends with us.
    """
    AgentPipe.first = agent
    try:
        return _run(file, flush_on_exit=flush_on_exit, log_format=log_format)
    finally:
        left = AgentPipe.take_first()
        if left is not None:
            with left:
                left.kill()


def _run(file: Path, *, flush_on_exit: bool, log_format: str) -> int:
    log.configure(log_format)
    # What ExaBGP prints is log, too.
    sys.stdout = log_stream.install(log.dropped_lines)
    try:
        install()
    except SeamMoved as moved:
        log.error("unsupported_exabgp", reason=str(moved))
        return 1
    set_environment()
    configuration = Configuration([str(file.absolute())])
    reactor = SpeakerReactor(configuration, flush_on_exit=flush_on_exit)
    try:
        return int(reactor.run())
    finally:
        # It may hold passwords, and `write_speaker` writes it anew.
        file.unlink(missing_ok=True)
