"""YAML to configuration, with every error named by file, line and key."""
