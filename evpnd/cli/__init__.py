"""The commands: one file a family, imported when its command is called."""
