"""Roots that daemons of a lab are run from: the machine's own, or another Debian's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from shutil import chown
from typing import Literal

Source = Path | Literal["tmpfs"]
"""What is mounted below a root: a folder of the machine, or an empty tmpfs."""

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_ENTER = """
root=$1
shift
if [ "$root" != / ]; then
    mount --rbind /dev "$root/dev"
    mount --rbind /sys "$root/sys"
    mount -t proc proc "$root/proc"
fi
while [ "$1" != -- ]; do
    case $1 in
    tmpfs) mount -t tmpfs tmpfs "$root/$2" ;;
    *) mount --bind "$1" "$root/$2" ;;
    esac
    shift 2
done
shift
exec chroot "$root" "$@"
"""
_TIED = ("--pid", "--fork", "--kill-child")
"""Options of unshare(1): a PID namespace that is killed with its parent."""


@dataclass(frozen=True, slots=True)
class Root:
    """A root file system whose programs run on this machine's kernel."""

    path: Path
    name: str
    """For the ids of tests."""

    def has(self, program: str) -> bool:
        """Return whether there is a file of this absolute path."""
        return (self.path / program.lstrip("/")).exists()

    def command(
        self,
        argv: Sequence[str],
        mounts: Mapping[str, Source] | None = None,
        *,
        tied: bool = False,
    ) -> list[str]:
        """Return what runs a command below this root.

        ``mounts`` maps folders that exist below the root to what is mounted there.
        The mounts are seen by the command alone, and go with it. The process that is
        started becomes the command, in the network namespace that it is started in.
        With ``tied`` it stays a parent of the command, and all that the command has
        started is killed when the caller ends, however it ends.
        """
        places = [
            str(word)
            for target, source in (mounts or {}).items()
            for word in (source, PurePosixPath(target))
        ]
        before = ["setpriv", "--pdeathsig", "KILL", "--"] if tied else []
        own = ["unshare", "--mount", *(_TIED if tied else ()), "--"]
        words = ["env", f"PATH={_PATH}", *argv]
        shell = ["sh", "-ec", _ENTER, "sh", str(self.path)]
        return [*before, *own, *shell, *places, "--", *words]

    def give(self, path: Path, user: str) -> None:
        """Make a user of this root, and the group of that name, a file's owner."""
        chown(path, self._number(user, "passwd"), self._number(user, "group"))

    def _number(self, name: str, table: str) -> int:
        lines = (self.path / "etc" / table).read_text().splitlines()
        found = (line.split(":") for line in lines)
        return next(int(words[2]) for words in found if words[0] == name)


MACHINE = Root(Path("/"), "machine")
