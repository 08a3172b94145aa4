"""Addresses that servers listen at, as operators write them."""

import ipaddress
import re

from evpnd.adapters.yaml.reader import describe


def listen_address(word: str) -> tuple[str, int]:
    """Read ``127.0.0.1:9471`` or ``[::1]:9471``; unspecified is every address."""
    host, _, port = word.rpartition(":")
    example = "write it like 127.0.0.1:9471 or [::1]:9471"
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    try:
        ip = ipaddress.ip_address(bare)
    except ValueError:
        raise ValueError(
            f"{describe(word)} has no IP address before its port; {example}"
        ) from None
    if (ip.version == 6) == (bare is host):
        raise ValueError(f"{describe(word)} needs brackets around IPv6 only; {example}")
    if not re.fullmatch(r"[0-9]{1,5}", port) or not 0 < int(port) < 65536:
        raise ValueError(f"{describe(word)} has no port from 1 to 65535; {example}")
    return str(ip), int(port)
