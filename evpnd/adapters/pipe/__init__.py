"""The agent's end of the pipe to the speaker; `wire/messages.py` has what is said.

Read `streams` (octets in and out), `pace` (how many at once), `translation` (messages
to events and actions to messages), then `intake` (when no more is read).
"""
