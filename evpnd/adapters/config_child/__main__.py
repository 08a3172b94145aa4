"""``python -m evpnd.adapters.config_child config|policy FILE``: the child.

Writes what it accepted, or its errors as a tuple of lines, packed, on standard output.
"""

import gc
import sys
from pathlib import Path

from evpnd.adapters.config import ConfigErrors, load_config
from evpnd.adapters.config_child import CONFIG
from evpnd.adapters.handover import pack
from evpnd.process_title import set_title


def main() -> None:
    """Read one file."""
    gc.disable()  # the end comes before it would pay
    what, name = sys.argv[1:]
    set_title(f"read {what}", name)
    path = Path(name)
    found: object
    try:
        if what == CONFIG:
            found = load_config(path)
        else:
            from evpnd.adapters.policy_files.load import load_policy  # noqa: PLC0415

            found = load_policy(path).policy
    except ConfigErrors as refused:
        found = tuple(map(str, refused.errors))
    sys.stdout.buffer.write(pack(found))


if __name__ == "__main__":
    main()
