"""Answers to `evpnd clear peer`."""

from collections.abc import Callable

from evpnd.core.engine import Engine


def clear_peer(
    engine: Engine, name: str, turn_soon: Callable[[], None], *, soft: bool
) -> dict[str, object]:
    """Reset a peer's session, or with `soft` exchange all routes again.

    `turn_soon` has the engine reconcile. Returns the answer for the control socket.
    """
    refusal = engine.clear_peer(name, soft=soft)
    turn_soon()
    return {"ok": True} if refusal is None else {"ok": False, "error": refusal}
