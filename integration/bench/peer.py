"""A BGP peer that knows no daemon: it announces, withdraws, moves and counts.

It is a process of its own in the peer's namespace: `python -m integration.bench.peer`.
Words on standard input, lines of JSON on standard output. Times are CLOCK_MONOTONIC
seconds, which all processes of a machine share. While the clock runs nothing is encoded
but one route that moves, and nothing decoded but the NLRIs that come.

=====================  ==================================================
word                   what it does, and what it prints
=====================  ==================================================
``feed``               announces all: ``fed`` with the time of the first octet
``withdraw``           withdraws the type 2 routes: ``withdrawn``
``move N VTEP SEQ``    announces MAC N behind another VTEP: ``moved``
``replace N VTEP SEQ`` the same, and withdraws the old route in the same write
``hear N``             prints ``heard`` with the time when routes for N MACs of
                       tenants had come
``quit``               ends
=====================  ==================================================
"""

import argparse
import contextlib
import json
import os
import socket
import struct
import sys
import threading
import time
from collections.abc import Iterator

from integration.bench.routes import (
    ASN,
    EVPN,
    KEEPALIVE,
    OPEN,
    TENANTS,
    UPDATE,
    Load,
    message,
    vtep,
)

HOLD = 180
RETRY = 0.02
"""Seconds between two attempts to connect."""
_PIECE = 64 << 10


def say(event: str, **fields: object) -> None:
    """Print one line."""
    print(json.dumps({"event": event, **fields}), flush=True)


class Peer:
    """One session, of the peer's making."""

    def __init__(self, local: str, remote: str, load: Load, *, at_once: bool) -> None:
        """Encode all; `at_once`: announce it whenever the session comes up."""
        self._local, self._remote = local, remote
        self._load = load
        self._feed = _pieces(load.announcements())
        self._gone = _pieces(load.withdrawals())
        self._at_once = at_once
        self._socket = socket.socket()
        self._sending = threading.Lock()
        self._counting = threading.Lock()
        self._heard: set[bytes] = set()
        self._wanted: int | None = None

    def run(self) -> None:
        """Keep a session, and do what standard input says."""
        threading.Thread(target=self._live, daemon=True).start()
        threading.Thread(target=self._keep_alive, daemon=True).start()
        say("encoded")
        for line in sys.stdin:
            word, *rest = line.split()
            numbers = list(map(int, rest))
            match word:
                case "feed":
                    self._send_all("fed", self._feed)
                case "withdraw":
                    self._send_all("withdrawn", self._gone)
                case "move" | "replace":
                    self._move(*numbers, withdrawn=word == "replace")
                case "hear":
                    self._hear(*numbers)
                case _:
                    break
        os._exit(0)

    def _send_all(self, event: str, pieces: list[bytes]) -> None:
        at = time.monotonic()
        for piece in pieces:
            self._send(piece)
        say(event, at=at)

    def _move(self, number: int, where: int, sequence: int, *, withdrawn: bool) -> None:
        octets = self._load.move(number, where, sequence)
        if withdrawn:
            octets += self._load.withdrawal(number)
        at = time.monotonic()
        self._send(octets)
        say("moved", at=at, vtep=socket.inet_ntoa(vtep(where)))

    def _hear(self, wanted: int) -> None:
        with self._counting:
            if len(self._heard) < wanted:
                self._wanted = wanted
                return
        say("heard", at=time.monotonic())

    def _send(self, octets: bytes) -> None:
        with self._sending:
            self._socket.sendall(octets)

    # The session

    def _live(self) -> None:
        while True:
            io = socket.socket()
            with contextlib.suppress(OSError), io:
                io.bind((self._local, 0))
                io.connect((self._remote, 179))
                io.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._speak(io)
            time.sleep(RETRY)

    def _speak(self, io: socket.socket) -> None:
        self._socket = io
        capabilities = b"\x01\x04\x00\x19\x00\x46\x02\x00\x41\x04"
        capabilities += struct.pack("!I", ASN)
        parameters = b"\x02" + bytes([len(capabilities)]) + capabilities
        head = struct.pack("!BHH", 4, ASN, HOLD) + socket.inet_aton(self._local)
        self._send(message(OPEN, head + bytes([len(parameters)]) + parameters))
        buffer = bytearray()
        up = False
        while octets := io.recv(1 << 18):
            now = time.monotonic()
            buffer += octets
            start = 0
            while len(buffer) - start >= 19:
                length = buffer[start + 16] << 8 | buffer[start + 17]
                if len(buffer) - start < length:
                    break
                kind = buffer[start + 18]
                if kind == OPEN:
                    self._send(message(KEEPALIVE))
                elif kind == KEEPALIVE and not up:
                    up = True
                    say("established", at=now)
                    if self._at_once:
                        threading.Thread(
                            target=self._send_all, args=("fed", self._feed)
                        ).start()
                elif kind == UPDATE:
                    self._count(bytes(buffer[start + 19 : start + length]), now)
                start += length
            del buffer[:start]
        say("down")

    def _count(self, body: bytes, now: float) -> None:
        with self._counting:
            self._heard.update(_tenants(body))
            if self._wanted is None or len(self._heard) < self._wanted:
                return
            self._wanted = None
        say("heard", at=now)

    def _keep_alive(self) -> None:
        while True:
            time.sleep(HOLD / 4)
            with contextlib.suppress(OSError):
                self._send(message(KEEPALIVE))


def _tenants(body: bytes) -> Iterator[bytes]:
    """Yield the MACs of tenants in the type 2 routes that an UPDATE announces.

    A daemon may announce MACs of bridges and ports as well; these are none.
    """
    position = 4 + int.from_bytes(body[:2])
    while position < len(body):
        wide = 2 if body[position] & 0x10 else 1
        code = body[position + 1]
        start = position + 2 + wide
        position = start + int.from_bytes(body[position + 2 : start])
        if code != 14 or body[start : start + 3] != EVPN:
            continue
        at = start + 5 + body[start + 3]
        while at < position:
            mac = body[at + 25 : at + 31]
            if body[at] == 2 and mac.startswith(TENANTS):
                yield mac
            at += 2 + body[at + 1]


def _pieces(messages: list[bytes]) -> list[bytes]:
    """Join messages, so that each call sends many."""
    pieces, some, size = [], [], 0
    for each in messages:
        some.append(each)
        size += len(each)
        if size >= _PIECE:
            pieces.append(b"".join(some))
            some, size = [], 0
    return [*pieces, b"".join(some)] if some else pieces


def main() -> None:
    """Read what to announce, and run."""
    parser = argparse.ArgumentParser()
    parser.add_argument("local")
    parser.add_argument("remote")
    parser.add_argument("macs", type=int)
    parser.add_argument("vnis", type=int)
    for name in ("--with-ips", "--alone", "--at-once"):
        parser.add_argument(name, action="store_true")
    given = parser.parse_args()
    load = Load(given.macs, given.vnis, given.with_ips, given.alone)
    Peer(given.local, given.remote, load, at_once=given.at_once).run()


if __name__ == "__main__":
    main()
