"""Changes to UPDATEs that leave most of them standing, so that much is looked at."""

from random import Random

from evpnd.wire.framing import split_attributes

INTERESTING = bytes([0, 1, 2, 3, 4, 5, 6, 14, 15, 16, 25, 32, 48, 70, 127, 128, 255])
MAX_BODY = 4096 - 19


class Mutator:
    """Draws changed bodies from seeds, the same ones for the same number."""

    def __init__(self, seeds: list[bytes], number: int) -> None:
        """Store the seeds apart once."""
        self._random = Random(number)
        self._seeds = seeds
        self._attributes = [_cut(seed) for seed in seeds]
        self._pool = [each for some in self._attributes for each in some]

    def body(self) -> bytes:
        """Draw one body."""
        random = self._random
        choice = random.random()
        if choice < 0.02:
            return random.randbytes(random.randrange(60))
        if choice < 0.12:
            return self._octets(random.choice(self._seeds))
        attributes = list(random.choice(self._attributes))
        for _ in range(random.choice((1, 1, 2, 3))):
            self._change(attributes)
        if random.random() < 0.1:
            random.shuffle(attributes)
        block = b"".join(attributes)[:MAX_BODY]
        body = bytes(2) + len(block).to_bytes(2, "big") + block
        return self._octets(body) if random.random() < 0.05 else body

    def _change(self, attributes: list[bytes]) -> None:
        random = self._random
        if not attributes:
            attributes.append(random.choice(self._pool))
            return
        at = random.randrange(len(attributes))
        choice = random.random()
        if choice < 0.08:
            del attributes[at]
        elif choice < 0.16:
            attributes.insert(at, random.choice(self._pool))
        elif choice < 0.2:
            attributes.append(attributes[at])
        elif choice < 0.23:
            attributes[at] = self._octets(attributes[at])
        else:
            attributes[at] = self._attribute(attributes[at])

    def _attribute(self, octets: bytes) -> bytes:
        """Change one attribute; its length fits what comes out."""
        random = self._random
        flags, code = octets[:2] if len(octets) > 1 else (0xC0, 16)
        value = octets[4 if flags & 0x10 else 3 :]
        choice = random.random()
        if choice < 0.06:
            flags ^= 1 << random.randrange(8)
        elif choice < 0.1:
            code = random.choice(INTERESTING)
        elif code in (14, 15) and choice < 0.75:
            at = 3 if code == 15 else 5 + (value[3] if len(value) > 3 else 0)
            value = value[:at] + self._nlris(value[at:])
        else:
            value = self._octets(value)
        if flags & 0x10 or len(value) > 255:
            head = bytes([flags | 0x10, code]) + min(len(value), 65535).to_bytes(
                2, "big"
            )
            return head + value
        return bytes([flags, code, len(value)]) + value

    def _nlris(self, block: bytes) -> bytes:
        """Change one NLRI of a block; its length mostly fits what comes out."""
        random = self._random
        cuts, position = [], 0
        while position + 1 < len(block):
            stop = position + 2 + block[position + 1]
            cuts.append((position, stop))
            position = stop
        if not cuts:
            return self._octets(block)
        start, stop = random.choice(cuts)
        kind, value = block[start], self._octets(block[start + 2 : stop])
        choice = random.random()
        if choice < 0.1:
            kind = random.choice(INTERESTING)
        size = random.choice(INTERESTING) if choice > 0.98 else min(len(value), 255)
        return block[:start] + bytes([kind, size]) + value[:255] + block[stop:]

    def _octets(self, octets: bytes) -> bytes:
        """Flip, set, cut, insert, repeat or splice some octets."""
        random = self._random
        changed = bytearray(octets)
        at = random.randrange(len(changed) + 1)
        choice = random.randrange(7)
        if choice == 0 and at < len(changed):
            changed[at] ^= 1 << random.randrange(8)
        elif choice == 1 and at < len(changed):
            changed[at] = random.choice(INTERESTING)
        elif choice == 2:
            del changed[at : at + random.randint(1, 8)]
        elif choice == 3:
            changed[at:at] = random.randbytes(random.randint(1, 8))
        elif choice == 4:
            changed[at:at] = changed[at : at + random.randint(1, 64)]
        elif choice == 5:
            other = random.choice(self._seeds)
            start = random.randrange(len(other))
            changed[at:] = other[start : start + random.randint(1, 64)]
        else:
            del changed[at:]
        return bytes(changed[:MAX_BODY])


def _cut(body: bytes) -> list[bytes]:
    start = 4 + int.from_bytes(body[:2])
    block = body[start : start + int.from_bytes(body[start - 2 : start])]
    found, end = split_attributes(block)
    whole = [block[each[2] : each[4]] for each in found]
    return [*whole, block[end:]] if end < len(block) else whole
