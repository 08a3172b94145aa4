"""Questions to the engine; nothing here changes it.

`query` lists what of the engine is read. `show` and `routes` are the tables, `parts`
are some rows of the long ones, `policies` and `policy_counts` are those of policies,
`explain` is the way of an address, `plan`, `plan_routes` and `rehearse` say what a
change would do, `summary` and `rejected_routes` are numbers.
"""
