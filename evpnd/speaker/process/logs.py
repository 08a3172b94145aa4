"""ExaBGP's own log, warnings and worse, in the form of ours."""

import time
import traceback
from collections.abc import Callable

from evpnd import log


def exabgp_formatter(
    _short: object, _destination: object
) -> Callable[[str, str, str, time.struct_time], str]:
    """Stand in for `exabgp.logger.option.formater`: return what formats a line."""

    def entry(message: str, source: str, level: str, _when: time.struct_time) -> str:
        return log.line(message.strip(), level.lower(), source=source)

    return entry


def exabgp_traceback(error: BaseException) -> str:
    """Stand in for `exabgp.reactor.peer.format_exception`: one line, no advice."""
    return "".join(traceback.format_exception(error)).strip().replace("\n", " | ")
