"""YAML to configuration, with every error named by file, line and key."""

from evpnd.adapters.config.json_schema import json_schema
from evpnd.adapters.config.load import check_file, load_config
from evpnd.adapters.policy_files.load import load_policy, parse_route, policy_paths
from evpnd.adapters.yaml.errors import ConfigError, ConfigErrors

__all__ = [
    "ConfigError",
    "ConfigErrors",
    "check_file",
    "json_schema",
    "load_config",
    "load_policy",
    "parse_route",
    "policy_paths",
]
