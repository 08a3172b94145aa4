"""Octets that the tests of the codec share."""

from evpnd.wire.framing import encode_attribute

RD = bytes.fromhex("00010a0000010064")
MAC = bytes.fromhex("020000000001")
IP4 = bytes([192, 0, 2, 10])
IP6 = bytes.fromhex("20010db8000000000000000000000010")
VTEP = bytes([10, 0, 0, 1])
TARGET = bytes.fromhex("0002fde800002774")

T2 = bytes.fromhex(
    "022100010a000001006400000000000000000000000000003002000000000100002774"
)
T3 = bytes.fromhex("031100010a000001006400000000200a000001")
ORIGIN = bytes.fromhex("40010100")
AS_PATH = bytes.fromhex("400200")
LOCAL_PREF = bytes.fromhex("40050400000064")
MANDATORY = ORIGIN + AS_PATH + LOCAL_PREF


def reach(nlris: bytes, next_hop: bytes = VTEP) -> bytes:
    value = b"\x00\x19\x46" + bytes([len(next_hop)]) + next_hop + b"\x00" + nlris
    return encode_attribute(0x80, 14, value)


def unreach(nlris: bytes) -> bytes:
    return encode_attribute(0x80, 15, b"\x00\x19\x46" + nlris)


def body(*attributes: bytes, withdrawn: bytes = b"", nlris: bytes = b"") -> bytes:
    block = b"".join(attributes)
    return (
        len(withdrawn).to_bytes(2, "big")
        + withdrawn
        + len(block).to_bytes(2, "big")
        + block
        + nlris
    )
