"""Messages for systemd's ``Type=notify`` (sd_notify(3))."""

import os
import socket


def notify(state: str) -> None:
    """Notify the service manager, if one asked for it.

    A manager that went away is no reason to fail.
    """
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as to:
        try:
            to.sendto(state.encode(), address)
        except OSError:
            return
