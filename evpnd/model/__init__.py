"""Values: identifiers, routes, rows, events, actions, configuration.

Standard library only; everything above imports from here and nothing here imports from
above. Read `ids`, `key` and `routes` (what is received), `advert` (what is announced),
then `events` (into the core) and `actions`, `bridge_actions`, `vrf_actions` (out of
it). `numbers` has constants of BGP,
`communities` the octets of extended communities and `community_text` their text.
"""
