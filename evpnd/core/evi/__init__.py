"""The EVIs: their MAC-VRFs, their devices, and what keeps them from being ready.

Read `mac_vrf` and its parts (`local_macs`, `local_bindings`, `remembered`, `sent`),
`domains`, `instances`, `inventory`, `changes`, `links`, `readiness`; then `discovery`,
`managed_devices`, `made_bridges`, `made_ports`, `made_tunnels`, `made_refusals`,
`device_retries`, `bridge_vlans`, `shared_device`, `bridge_ports`, `vxlan_ports`,
`underlay`, `vtep_address`, `rds`, `notes` and `news`.
"""
