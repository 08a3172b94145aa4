"""What the peers say: sessions, their routes, and which EVIs import them.

Read `session`, `peers`, `path`, `imports`, `import_policy`, `adj_rib_in`; then what an
EVI has of it (`evi_routes`, `slots`, `crowds`, `imets`, `select`), what bounds it
(`limits`, `limit_buckets`, `max_routes`), what ends (`withdrawals`,
`earlier_withdrawals`), and what is told of it (`route_target_hints`,
`peer_diagnostics`, `acceptance`, `rewriting`).
"""
