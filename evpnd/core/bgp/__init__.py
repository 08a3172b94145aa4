"""What the peers say: sessions, their routes, and which EVIs import them.

Read `session`, `peers`, `path`, `imports`, `import_policy`, `adj_rib_in`, `select`;
then what bounds it (`limits`, `limit_buckets`, `max_routes`, `crowds`), what ends
(`withdrawals`, `earlier_withdrawals`), and what is told of it
(`route_target_hints`, `peer_diagnostics`, `acceptance`, `rewriting`).
"""
