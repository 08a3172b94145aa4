"""Fuzzes the codec along what of it is reached: `make fuzz`, needs atheris.

The first octet of an input says on which kind of session the rest is decoded.
What a run learned stays in build/fuzz, next to the inputs that broke something.
"""

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["evpnd"]):
    from tests.fuzz.oracle import SESSIONS, Oracle
    from tests.fuzz.seeds import seeds

CORPUS = Path("build/fuzz/corpus")
ORACLE = Oracle()


def decode(octets: bytes) -> None:
    """Decode one input and check the result."""
    if octets:
        session, body = SESSIONS[octets[0] % len(SESSIONS)], octets[1:]
        update = ORACLE.decode(body, session)
        ORACLE.check(body, session, update)
        ORACLE.check_afresh(body, session, update)


def change(octets: bytes, max_size: int, seed: int) -> bytes:
    """Change an input; mostly its length of all attributes fits afterwards."""
    changed = atheris.Mutate(octets, max_size)
    if seed % 4 and len(changed) > 5:
        size = (len(changed) - 5).to_bytes(2, "big")
        changed = changed[:1] + bytes(2) + size + changed[5:]
    return bytes(changed)


def main() -> None:
    """Begin from the golden vectors, then from what earlier runs found."""
    CORPUS.mkdir(parents=True, exist_ok=True)
    for number, body in enumerate(seeds()):
        for kind in range(len(SESSIONS)):
            (CORPUS / f"seed-{number}-{kind}").write_bytes(bytes([kind]) + body)
    options = [f"-artifact_prefix={CORPUS.parent}/", "-max_len=4078", "-timeout=10"]
    atheris.Setup(
        [sys.argv[0], str(CORPUS), *options, *sys.argv[1:]],
        decode,
        custom_mutator=change,
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main()
