"""How many examples a property of whole fabrics is tried with.

`make deep` tries all, in minutes. Other runs try a part of them, another one each time.
"""

import os

from hypothesis import settings

DEEP = "EVPND_DEEP" in os.environ
PART = 5


def examples(deep: int) -> settings:
    """Return settings for so many examples in a deep run."""
    return settings(max_examples=deep if DEEP else deep // PART)
