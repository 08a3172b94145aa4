"""Recordings as files: written beside the event loop, read, and played again.

Read `segments` (the files of a ring), `code` (which build wrote a state), `writer` (the
thread that writes), `recorder` (what the agent tells it), `reading` (files to records),
`replay` (records through the core), `mrt_replay` (the same for an MRT dump), `answers`
(show, explain and plan on its end), `as_case` (a conformance case of it), then
`dumping` (what peers sent as MRT).
"""
