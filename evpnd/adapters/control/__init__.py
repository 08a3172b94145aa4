"""The control socket: JSON requests of the commands, answered by the agent.

One request a line, one answer a line, as many as the client likes::

    {"command": "show", "what": "macs", "vni": 10100}
    {"ok": true, "result": [...]}

What goes wrong is ``{"ok": false, "error": "a sentence"}``. ``server`` needs an
event loop; ``client`` does without, so that commands start at once.
"""
