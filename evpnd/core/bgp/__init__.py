"""What the peers say: sessions, their routes, and which EVIs import them.

Read `path`, `endpoints`, `imports`, `importer`, `adj_rib_in`, `session`, `peers`; then
what an EVI has of it (`evi_routes`, `slots`, `crowds`, `imets`, `select`), what a VRF
has (`vrf_routes`), routes of other types than 2 (`other_routes`), what stands between
(`import_policy`, `limits`, `limit_buckets`, `max_routes`), what ends (`withdrawals`,
`earlier_withdrawals`), how a large table grows (`pieces`), and what is told of it
(`route_target_hints`, `peer_diagnostics`, `acceptance`, `rewriting`).
"""
