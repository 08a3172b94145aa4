"""Which errors end the agent: those that may have left its state half changed."""

import asyncio
from collections.abc import Callable
from functools import partial

import pytest

from evpnd.adapters.loop_faults import AT_MOST, WITHIN, LoopFaults

Context = dict[str, object]


def broken() -> None:
    raise ValueError("no such thing")


async def broken_task() -> None:
    broken()


def contexts(act: Callable[[asyncio.AbstractEventLoop], object]) -> list[Context]:
    """Collect what asyncio tells of something that goes wrong."""
    told: list[Context] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: told.append(context))
        act(loop)
        for _ in range(5):
            await asyncio.sleep(0)

    asyncio.run(main())
    return told


@pytest.mark.parametrize(
    "act",
    [
        lambda loop: loop.call_soon(broken),
        lambda loop: loop.call_soon(partial(broken)),
        lambda loop: loop.create_task(broken_task()) and None,
    ],
)
def test_an_error_of_our_own_ends_the_agent(
    act: Callable[[asyncio.AbstractEventLoop], object],
) -> None:
    [context] = contexts(act)

    assert LoopFaults().end_us(context, 0.0)


def test_an_error_of_the_machinery_ends_it_only_where_it_repeats() -> None:
    context: Context = {"message": "accept", "exception": OSError(), "socket": None}
    faults = LoopFaults()

    assert not any(faults.end_us(context, float(at)) for at in range(AT_MOST))
    assert faults.end_us(context, float(AT_MOST))


def test_errors_that_are_far_apart_do_not_repeat() -> None:
    context: Context = {"message": "accept", "exception": OSError(), "socket": None}
    faults = LoopFaults()

    assert not any(faults.end_us(context, at * WITHIN / 4) for at in range(100))


def test_a_message_without_an_error_is_none() -> None:
    assert not LoopFaults().end_us({"message": "slow callback"}, 0.0)
