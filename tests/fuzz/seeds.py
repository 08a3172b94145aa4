"""Bodies of UPDATEs to begin with: the golden ones, and one of everything."""

import json
from pathlib import Path

from evpnd.wire.framing import encode_attribute

GOLDEN = Path(__file__).parent.parent / "golden"
RD = bytes.fromhex("00010a0000010064")
ESI = bytes.fromhex("0300112233445566778a")
HOP4, HOP6 = bytes([10, 0, 0, 1]), bytes.fromhex("20010db8") + bytes(11) + b"\x01"
MAC, LABEL = bytes.fromhex("020000000001"), bytes.fromhex("002774")
TAG = bytes(4)

NLRIS = [
    b"\x01\x19" + RD + ESI + b"\xff\xff\xff\xff" + LABEL,
    b"\x02\x21" + RD + bytes(10) + TAG + b"\x30" + MAC + b"\x00" + LABEL,
    b"\x02\x25" + RD + ESI + TAG + b"\x30" + MAC + b"\x20" + HOP4 + LABEL,
    b"\x02\x31" + RD + ESI + TAG + b"\x30" + MAC + b"\x80" + HOP6 + LABEL,
    b"\x02\x28" + RD + ESI + TAG + b"\x30" + MAC + b"\x20" + HOP4 + LABEL * 2,
    b"\x03\x11" + RD + TAG + b"\x20" + HOP4,
    b"\x03\x1d" + RD + TAG + b"\x80" + HOP6,
    b"\x04\x17" + RD + ESI + b"\x20" + HOP4,
    b"\x04\x23" + RD + ESI + b"\x80" + HOP6,
    b"\x05\x22" + RD + bytes(10) + TAG + b"\x18" + HOP4 + bytes(4) + LABEL,
    b"\x05\x3a" + RD + bytes(10) + TAG + b"\x40" + HOP6 + bytes(16) + LABEL,
    b"\x06\x18" + RD + TAG + b"\x00\x20\xe0\x01\x01\x01\x20" + HOP4 + b"\x02",
]

ATTRIBUTES = [
    encode_attribute(0x40, 1, b"\x02"),
    encode_attribute(0x40, 2, bytes.fromhex("0202000000010000fde8")),
    encode_attribute(0x40, 3, HOP4),
    encode_attribute(0x80, 4, bytes(4)),
    encode_attribute(0x40, 5, b"\x00\x00\x00\x64"),
    encode_attribute(0x40, 6, b""),
    encode_attribute(0xC0, 7, b"\x00\x00\xfd\xe8" + HOP4),
    encode_attribute(0xC0, 8, bytes.fromhex("fde80001fde80002")),
    encode_attribute(0x80, 9, HOP4),
    encode_attribute(0x80, 10, HOP4 * 2),
    encode_attribute(
        0xC0,
        16,
        bytes.fromhex(
            "0002fde800002774"
            "0202fa56ea012774"
            "01020a0000010064"
            "030c000000000008"
            "0600010000000005"
            "0608030000000000"
            "030d000000000000"
            "0603020000000001"
        ),
    ),
    encode_attribute(0xC0, 17, bytes.fromhex("0201fa56ea01")),
    encode_attribute(0xC0, 18, b"\xfa\x56\xea\x01" + HOP4),
    encode_attribute(0xC0, 22, b"\x00\x06" + LABEL + HOP4),
    encode_attribute(0xC0, 23, bytes.fromhex("0008000c01060a0000010001")),
    encode_attribute(0xC0, 32, bytes.fromhex("0000fde80000000100000002")),
    encode_attribute(0xC0, 40, bytes.fromhex("0100070000000000000a")),
]


def body(*attributes: bytes, withdrawn: bytes = b"", nlris: bytes = b"") -> bytes:
    """Put attributes into an UPDATE."""
    block = b"".join(attributes)
    lengths = len(withdrawn).to_bytes(2, "big"), len(block).to_bytes(2, "big")
    return lengths[0] + withdrawn + lengths[1] + block + nlris


def reach(nlris: bytes, hop: bytes = HOP4) -> bytes:
    """Write MP_REACH_NLRI."""
    head = b"\x00\x19\x46" + bytes([len(hop)]) + hop + b"\x00"
    return encode_attribute(0x80, 14, head + nlris)


def unreach(nlris: bytes) -> bytes:
    """Write MP_UNREACH_NLRI."""
    return encode_attribute(0x80, 15, b"\x00\x19\x46" + nlris)


def seeds() -> list[bytes]:
    """List the bodies."""
    mandatory = ATTRIBUTES[0] + encode_attribute(0x40, 2, b"") + ATTRIBUTES[4]
    runs = b"".join(NLRIS[1][:30] + bytes([n]) + NLRIS[1][31:] for n in range(20))
    bodies = [
        body(reach(b"".join(NLRIS)), *ATTRIBUTES),
        body(*ATTRIBUTES, unreach(b"".join(NLRIS)), reach(NLRIS[5], HOP6)),
        body(reach(runs), mandatory),
        body(reach(runs + NLRIS[5], HOP6 * 2), mandatory, unreach(NLRIS[2])),
        body(unreach(runs)),
        body(unreach(b"")),
        body(mandatory, ATTRIBUTES[2], withdrawn=b"\x18\x0a\0\0", nlris=b"\x08\x0a"),
        body(reach(NLRIS[1]), mandatory, nlris=b"\x08\x0a"),
        body(encode_attribute(0x80, 14, b"\0\1\1\4" + HOP4 + b"\0\x08\x0a"), mandatory),
        bytes(4),
    ]
    bodies += [body(reach(nlri), mandatory) for nlri in NLRIS]
    bodies += [body(unreach(nlri)) for nlri in NLRIS]
    bodies += [body(reach(NLRIS[1]), mandatory, each) for each in ATTRIBUTES]
    for path in sorted(GOLDEN.glob("*.json")):
        vector = json.loads(path.read_text())
        if vector["kind"] == "update":
            bodies.append(bytes.fromhex(vector["hex"])[19:])
    return bodies
