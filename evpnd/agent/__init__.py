"""The agent's process: `__main__` starts it, `loop` is its event loop."""
