"""The file that holds the TCP MD5 key of a session (RFC 2385)."""

import stat
from pathlib import Path

LONGEST_KEY = 80
"""TCP_MD5SIG_MAXKEYLEN of Linux, in octets."""


def read_password(path: Path) -> str:
    """Read the key, without the line end behind it.

    Raises ValueError with a sentence, which never shows the key.
    """
    try:
        # Opening a FIFO would wait for its writer.
        if not stat.S_ISREG(path.stat().st_mode):
            raise ValueError(f"{path} is not a regular file; name the file of the key")
        with path.open("rb") as file:
            octets = file.read(LONGEST_KEY + 3)
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    octets = octets.removesuffix(b"\n").removesuffix(b"\r")
    if not octets:
        raise ValueError(f"{path} is empty; write the key into it")
    if len(octets) > LONGEST_KEY:
        raise ValueError(
            f"{path} holds more than the {LONGEST_KEY} octets that TCP MD5 accepts"
        )
    try:
        key = octets.decode()
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not UTF-8 text; write the key as text") from None
    if not key.isprintable():
        raise ValueError(
            f"{path} contains control characters; write the key on one line"
        )
    return key
