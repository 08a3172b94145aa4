"""Where the EVIs stand: their MAC-VRFs, the devices under them, what they lack.

Read `mac_vrf` (with `flushed_macs`), `domains`, `instances`, `inventory`, `changes`,
`readiness`; then `discovery`, `managed_devices`, `device_retries`, `bridge_vlans`,
`underlay`, `vtep_address`, `rds`, `notes` and `news`.
"""
