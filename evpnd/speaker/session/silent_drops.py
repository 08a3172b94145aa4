"""Segments that the kernel drops silently because of MD5 or TTL security.

It counts them (`nstat`), for the whole network namespace: not by peer.
"""

from pathlib import Path

NETSTAT = Path("/proc/self/net/netstat")

REASONS = {
    "TCPMD5Failure": "segments arrive with another TCP MD5 password",
    "TCPMD5NotFound": "segments arrive without a TCP MD5 password",
    "TCPMD5Unexpected": "segments arrive with a TCP MD5 password, none is configured",
    "TCPMinTTLDrop": "segments arrive from farther away than ttl-security allows",
}
WITH_PASSWORD = ("TCPMD5Failure", "TCPMD5NotFound")
WITHOUT_PASSWORD = ("TCPMD5Unexpected",)
WITH_TTL_SECURITY = ("TCPMinTTLDrop",)


class SilentDrops:
    """Stores the counters, and returns those that increased."""

    def __init__(self, path: Path = NETSTAT) -> None:
        """Start with the counters' present values."""
        self._path = path
        self._seen = self._read()

    def rose(self) -> set[str]:
        """Return the counters that increased since the last call."""
        before, self._seen = self._seen, self._read()
        return {
            name for name, count in self._seen.items() if count > before.get(name, 0)
        }

    def _read(self) -> dict[str, int]:
        """Read the counters; a kernel that has none of them drops nothing."""
        try:
            lines = self._path.read_text().splitlines()
        except OSError:
            return {}
        for names, counts in zip(lines[::2], lines[1::2], strict=False):
            if names.startswith("TcpExt:"):
                pairs = zip(names.split(), counts.split(), strict=False)
                return {name: int(count) for name, count in pairs if name in REASONS}
        return {}
