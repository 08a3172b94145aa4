"""``python -m evpnd.speaker [--flush-on-exit] FILE``: ExaBGP with evpnd in it.

FILE is what `launcher` wrote. The exit status is 1 when port 179 cannot be had.
"""

from evpnd import without_openssl  # noqa: F401

# isort: split
import argparse
import os
import signal
import sys
from pathlib import Path

from exabgp.configuration.configuration import Configuration
from exabgp.environment import getenv
from exabgp.logger import log as exabgp_log

from evpnd import log, log_stream
from evpnd.model.numbers import BGP_PORT
from evpnd.process_title import set_title
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
"""What ExaBGP's environment has to say, whatever its env file or variables do."""


def set_environment() -> None:
    """Settle ExaBGP's environment and start its log."""
    # The agent inherits our umask, and a control socket that others may use.
    umask = os.umask(0o022)
    os.umask(umask)
    os.environ.pop("exabgp_cli_pipe", None)
    environment = getenv()
    for section, settings in SETTINGS.items():
        environment[section].update(settings)
    environment.daemon.umask = umask
    exabgp_log.init(environment)


def main() -> int:
    """Run until SIGTERM; give the exit status. FILE does not outlive it."""
    # Before ExaBGP has its own handler; the agent is about to read the YAML anyway.
    signal.signal(signal.SIGHUP, lambda _number, _frame: None)
    parser = argparse.ArgumentParser(prog="python -m evpnd.speaker")
    parser.add_argument("--flush-on-exit", action="store_true")
    parser.add_argument("--log-format", choices=log.FORMATS, default=log.FORMATS[0])
    parser.add_argument("file", type=Path)
    arguments = parser.parse_args()
    set_title("speaker", str(arguments.file))
    log.configure(arguments.log_format)
    # What ExaBGP prints is log, too.
    sys.stdout = log_stream.install(log.dropped_lines)
    try:
        install()
    except SeamMoved as moved:
        log.error("unsupported_exabgp", reason=str(moved))
        return 1
    set_environment()
    configuration = Configuration([str(arguments.file.absolute())])
    reactor = SpeakerReactor(configuration, flush_on_exit=arguments.flush_on_exit)
    try:
        return int(reactor.run())
    finally:
        # It may hold passwords, and `launcher` writes it anew.
        arguments.file.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())
