"""A child reads the configuration, so that the daemon never loads the reader.

The reader, its schemas and its library cost 18 MiB and are needed for half a second.
The child (`__main__`) ends when it has handed over the values that it accepted, or the
errors that it found; `parent` is the agent's side.
"""

from typing import Final

CONFIG: Final = "config"
POLICY: Final = "policy"
"""What the child is asked to read: its first argument."""
