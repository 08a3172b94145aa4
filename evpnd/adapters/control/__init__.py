"""The control socket: JSON requests of the commands, answered by the agent."""
