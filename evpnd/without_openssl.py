"""Imported before anything else: keeps OpenSSL, 7 MiB, out of a process.

No evpnd speaks TLS. asyncio and hashlib know of Pythons that were built without
OpenSSL, and take this one for such; hashlib has its hashes in code of its own.
Whoever imports ssl later gets it.
"""

import sys
from importlib import import_module

_OPENSSL = ("ssl", "_hashlib")
_USERS = ("asyncio", "hashlib")

if sys.modules.keys().isdisjoint((*_OPENSSL, *_USERS)):
    sys.modules.update(dict.fromkeys(_OPENSSL))  # type: ignore[arg-type]
    try:
        for user in _USERS:
            import_module(user)
    finally:
        for name in _OPENSSL:
            del sys.modules[name]
