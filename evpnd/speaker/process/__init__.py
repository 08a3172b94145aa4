"""The speaker's process: its loop, its agent, and what the agent asks for.

Read `launcher`, `configuration`, `first_agent`, `reactor`, `agent_pipe`, `turns`,
`commands`; then `systemd` and `logs`.
"""
