"""The speaker's process: its loop, its agent, and what the agent asks for.

Read `configuration`, `agent_process`, `reactor`, `agent_pipe`, `turns`,
`commands`; then `systemd` and `logs`.
"""
