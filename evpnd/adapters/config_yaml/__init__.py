"""YAML to configuration, with every error named by file, line and key."""

from evpnd.adapters.config_yaml.errors import ConfigError, ConfigErrors
from evpnd.adapters.config_yaml.json_schema import json_schema
from evpnd.adapters.config_yaml.load import check_file, load_config
from evpnd.adapters.config_yaml.policies import load_policy, parse_route, policy_paths

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
