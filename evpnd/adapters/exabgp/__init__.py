"""The API lines between the speaker and the agent."""
