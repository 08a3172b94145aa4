"""The messages between the speaker and the agent, at the agent's end."""
