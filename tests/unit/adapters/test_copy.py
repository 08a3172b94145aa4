"""A copy answers; the process that it is of goes on as if nothing were."""

import asyncio
import json
import os
import select
import time

import pytest

from evpnd.adapters.copy import Copies, CopyFailed


def ask(work: object) -> object:
    async def main() -> object:
        return json.loads(await Copies().ask(work))  # type: ignore[arg-type]

    return asyncio.run(main())


def test_the_answer_is_what_the_work_returns() -> None:
    table = {"a": 1}

    def work() -> object:
        table["a"] += 1
        return {"table": table, "rows": ["x" * 1000] * 1000}

    answer = ask(work)
    assert isinstance(answer, dict)
    assert answer["table"] == {"a": 2}
    assert len(answer["rows"]) == 1000
    assert table == {"a": 1}


def test_an_error_in_the_copy_is_told_and_harms_nobody() -> None:
    def work() -> object:
        raise ValueError("no such thing")

    with pytest.raises(CopyFailed, match="ValueError: no such thing"):
        ask(work)


def test_a_copy_that_dies_is_told() -> None:
    def work() -> object:
        os.abort()

    with pytest.raises(CopyFailed):
        ask(work)


def test_the_loop_goes_on_while_the_copy_works() -> None:
    async def main() -> int:
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0.01)

        counting = asyncio.create_task(count())
        await Copies().ask(lambda: time.sleep(0.3))
        counting.cancel()
        return turns

    assert asyncio.run(main()) > 5


def test_the_copy_keeps_none_of_the_pipes_open() -> None:
    reader, writer = os.pipe()

    async def main() -> bool:
        asking = asyncio.create_task(Copies().ask(lambda: time.sleep(1.0)))
        await asyncio.sleep(0.2)
        os.close(writer)
        ended, _, _ = select.select([reader], [], [], 0.5)
        working = not asking.done()
        await asking
        return working and bool(ended)

    assert asyncio.run(main())
    assert os.read(reader, 1) == b""
    os.close(reader)
