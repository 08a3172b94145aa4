"""What local tenants do: their MACs, their IPs, and who else claims them.

Read `tenants`, `mobility`, `bindings`, `binding_tables`, `questions`, `probes`; then
`duplicate_macs`, `ip_claims`, `duplicate_ips`, `remote_claims`, `pins`, `flushed` and
`binding_notices`.
"""
