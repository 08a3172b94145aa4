"""The engine: events in, desired state, difference out. Pure."""
