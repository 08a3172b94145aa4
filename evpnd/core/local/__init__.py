"""Local tenants: their MACs, their IPs, and other claims to them.

Read `tenants`, `mobility`, `bindings`, `nd_flags`, `questions`, `probes`; then
`duplicate_macs`, `ip_claims`, `duplicate_ips`, `remote_claims`, `pins`, `flushed` and
`binding_notices`.
"""
