"""``python -m evpnd.cli.preparation FILE``: the child; answers on standard output."""

import contextlib
import gc
import sys
from pathlib import Path

from evpnd.adapters.config import ConfigErrors, load_config
from evpnd.adapters.handover import pack
from evpnd.cli.host import look_before_start
from evpnd.cli.preparation import Prepared, Refused
from evpnd.process_title import set_title


def prepare(path: Path) -> Prepared | Refused:
    """Read a configuration, and look whether the host is fit for it."""
    try:
        config = load_config(path)
        in_force = config if path.is_absolute() else load_config(path.absolute())
    except ConfigErrors as errors:
        return Refused(str(errors))
    found = look_before_start(config)
    return Prepared(config, in_force, found.obstacles, found.warnings)


def main() -> None:
    """Prepare the start of a daemon."""
    gc.disable()  # the end comes before it would pay
    (name,) = sys.argv[1:]
    set_title("check", name)
    answer = pack(prepare(Path(name)))
    with contextlib.suppress(BrokenPipeError):  # `evpnd run` was ended meanwhile
        sys.stdout.buffer.write(answer)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
