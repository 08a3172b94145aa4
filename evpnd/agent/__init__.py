"""The agent: one event loop that puts the adapters and the core together.

It can be killed at any moment: the sessions live in the speaker and the rows in the
kernel, and a new agent learns both anew.

    speaker ──stdin──► ┌─ agent ─────────────────────────────────────┐
     (process)         │ loop's thread          netlink thread       │
        ▲              │   core, intake  ──jobs──►  rows, dumps, ──► │ ─► kernel
        └───stdout──── │   control socket ◄─events─ devices, probes  │
                       │   metrics            │ ListMacs             │
       kernel ───────► │   notifications,     ▼                      │
        (rows, links)  │   ARP and ND     lister thread              │ ─► kernel
                       │     │                large FDBs, by parts   │
                       │     └──lines──► log thread                  │ ─► stderr
                       └──────┬──────────────────────────────────────┘
            path ▼  ▲ values  │ fork
          config child        ▼
           YAML; half     copies, two at most: long answers of
           a second       show, explain, plan and rehearse

Every event is handled, and every decision made, in the loop's thread. Each arrow is a
queue that does not block the loop:

- *stdin* is a pipe of 8 to 32 KiB. It is left unread while more than 1,536 rows wait
  for the kernel (adapters/pipe/intake.py): each peer's messages wait in the speaker.
- *jobs* is one deque, first in, first out; *events* come by call_soon_threadsafe.
- *stdout* is a deque before a pipe, without a bound: what the core has to announce.
- *lines* are bounded, and dropped and counted where nobody takes them.

Threads of asyncio's pool wait for what may block and has no queue: the kept
configuration, metrics as text, a copy's end. Read `__main__`, `loop`, `reload`,
`requests`.
"""
