"""Routes sent to peers and received from them: the part that outlives an agent.

Read `adj_rib_out`, `journal`, `condensing`, `record` and `neighbor`.
"""
