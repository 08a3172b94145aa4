"""A copy answers; the process that it is of goes on as if nothing were."""

import asyncio
import contextlib
import json
import os
import select
import time
from collections.abc import Callable, Iterator

import pytest

from evpnd.adapters import copy as copy_module
from evpnd.adapters.copy import AT_ONCE, Copies, CopyFailed

Work = Callable[[], dict[str, object]]


async def read(copies: Copies, work: Work) -> bytes:
    return b"".join([piece async for piece in copies.ask(work)])


def ask(work: Work) -> dict[str, object]:
    answer = json.loads(asyncio.run(read(Copies(), work)))
    assert isinstance(answer, dict)
    return answer


def sleep(seconds: float) -> dict[str, object]:
    time.sleep(seconds)
    return {"ok": True}


def test_the_answer_is_what_the_work_returns() -> None:
    table = {"a": 1}

    def work() -> dict[str, object]:
        table["a"] += 1
        return {"table": table, "rows": ["x" * 1000] * 1000}

    answer = ask(work)
    assert answer["table"] == {"a": 2}
    assert answer["rows"] == ["x" * 1000] * 1000
    assert table == {"a": 1}


def test_a_long_result_comes_in_pieces_as_it_is_made() -> None:
    """The copy would never end: it is not waited for, and ends with its reader."""

    def rows() -> Iterator[dict[str, object]]:
        while True:
            yield {"mac": "02:00:00:00:00:01"}

    async def main() -> list[bytes]:
        pieces = []
        copies = Copies()
        async with contextlib.aclosing(
            copies.ask(lambda: {"ok": True, "result": rows()})
        ) as answer:
            async for piece in answer:
                pieces.append(piece)
                if len(pieces) == 20:
                    break
        # Its place is free again.
        assert json.loads(await read(copies, lambda: {"ok": True})) == {"ok": True}
        return pieces

    pieces = asyncio.run(main())
    assert b"".join(pieces).startswith(b'{"ok":true,"result":[{"mac":')
    assert max(map(len, pieces)) <= 64 << 10


def test_an_error_in_the_copy_is_told_and_harms_nobody() -> None:
    def work() -> dict[str, object]:
        raise ValueError("no such thing")

    assert ask(work) == {"ok": False, "error": "ValueError: no such thing"}


def test_a_copy_that_dies_is_told() -> None:
    def work() -> dict[str, object]:
        os.abort()

    assert ask(work) == {
        "ok": False,
        "error": "the copy that answers died: SIGABRT",
    }


def test_an_answer_that_breaks_off_is_no_answer() -> None:
    def rows() -> Iterator[int]:
        yield from range(100_000)
        raise ValueError("no more")

    with pytest.raises(CopyFailed):
        ask(lambda: {"ok": True, "result": rows()})


def test_a_copy_that_takes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copy_module, "PATIENCE", 0.2)

    assert ask(lambda: sleep(60.0)) == {
        "ok": False,
        "error": "no answer within 0.2 seconds",
    }


def test_questions_beyond_those_at_work_wait_and_are_refused_in_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(copy_module, "WAIT", 0.3)

    async def main() -> tuple[bytes, bytes]:
        copies = Copies()
        busy = [
            asyncio.create_task(read(copies, lambda: sleep(3.0)))
            for _ in range(AT_ONCE)
        ]
        await asyncio.sleep(0.1)
        refused = await read(copies, lambda: sleep(0))
        for task in busy:
            await task
        return refused, await read(copies, lambda: sleep(0))

    refused, answered = asyncio.run(main())
    assert json.loads(refused) == {
        "ok": False,
        "error": "2 long answers are on their way already; ask again",
    }
    assert json.loads(answered) == {"ok": True}


def test_the_loop_goes_on_while_the_copy_works() -> None:
    async def main() -> int:
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0.01)

        counting = asyncio.create_task(count())
        await read(Copies(), lambda: sleep(0.3))
        counting.cancel()
        return turns

    assert asyncio.run(main()) > 5


def test_the_copy_keeps_none_of_the_pipes_open() -> None:
    reader, writer = os.pipe()

    async def main() -> bool:
        asking = asyncio.create_task(read(Copies(), lambda: sleep(3.0)))
        await asyncio.sleep(0.2)
        os.close(writer)
        ended, _, _ = select.select([reader], [], [], 0.5)
        working = not asking.done()
        await asking
        return working and bool(ended)

    assert asyncio.run(main())
    assert os.read(reader, 1) == b""
    os.close(reader)
