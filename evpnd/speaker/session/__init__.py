"""One BGP session: its connection, its messages, its timers, its end.

Read `peer`, `protocol`, `connection`, `listener`, `opening`; then `hold_timer`,
`delay`, `damping`, `notifications` and `silent_drops`.
"""
