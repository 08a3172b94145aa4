"""How many octets a turn of the agent reads, and how many wait in the pipe before it.

What is in the pipe is in front of every peer's next message, so that it is measured in
time: an UPDATE of one route whose attributes nobody has seen costs a hundred times as
much an octet as a full one.
"""

import errno
import fcntl
import os

TURN = 0.004
"""Seconds of processor time that the messages of one turn are to take."""
MOST = 32 << 10
"""Octets of a turn and of the pipe, where messages cost little."""
FEW = 8 << 10
"""Octets where they cost much; a message of UPDATEs is as long."""
LEAST = 4 << 10
"""Octets where `FEW` would take longer than twice a turn. A turn has a cost of its own,
so that turns are not made shorter than that without need."""
_TRIES = 8
"""How often to make the pipe smaller beside a writer that fills it again."""
_NEWS = 0.25
"""Share of the last turn in the mean."""


class PacedPipe:
    """Reads as many octets a turn as take about the same time."""

    def __init__(self, fd: int) -> None:
        """Store the reading end of a pipe; its messages may be expensive."""
        self._fd = fd
        self._cost = TURN / FEW
        """Seconds for an octet, in the mean of the last turns."""
        self.turn = FEW
        """Octets that the next turn reads."""
        self._capacity = 0
        """Octets that the pipe takes; 0: nobody has asked yet."""

    def read(self) -> bytes:
        """Read the octets of one turn; empty at end of file.

        Raises BlockingIOError where there are none.
        """
        if self._capacity == self.turn:
            return os.read(self._fd, self.turn)
        # It becomes smaller only while there is less in it: all of it is read first,
        # and what the writer put there in the meantime.
        octets = os.read(self._fd, MOST)
        for _ in range(_TRIES):
            try:
                fcntl.fcntl(self._fd, fcntl.F_SETPIPE_SZ, self.turn)
            except OSError as error:
                if error.errno != errno.EBUSY:  # EPERM: above the user's limit
                    break
            else:
                self._capacity = self.turn
                break
            try:
                octets += os.read(self._fd, MOST)
            except BlockingIOError:
                continue
        return octets

    def took(self, octets: int, seconds: float) -> None:
        """Record how long some octets took to handle; few octets are ignored."""
        if octets < LEAST // 2:
            return
        self._cost += _NEWS * (seconds / octets - self._cost)
        turn = MOST
        while turn > FEW and turn * self._cost > TURN:
            turn //= 2
        if turn * self._cost > 2 * TURN:
            turn = LEAST
        self.turn = turn
