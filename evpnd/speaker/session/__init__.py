"""One BGP session: connection, messages, timers and end.

Read `peer`, `protocol`, `connection`, `listener`, `opening`; then `hold_timer`,
`delay`, `damping`, `notifications` and `silent_drops`.
"""
