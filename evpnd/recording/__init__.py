"""Recordings: what the core was told, and when, as lines of JSON.

Octets and text in, records out, and back; files, threads and the replay itself are in
`adapters/recording`. docs/recordings.md describes the form. Read `values` (events and
configuration as JSON), `passwords` (which are cut), `records` (a line), `state`
(all that an agent knows, where a recording begins in the middle), `anonymise` (other
addresses), `mrt` (dumps of BGP sessions), then `spoken` (records to dumps and back).
"""
