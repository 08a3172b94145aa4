"""What peers were told, and what they sent: the part that outlives an agent.

Read `adj_rib_out`, `journal`, `condensing`, `record` and `neighbor`.
"""
