"""YAML to configuration, with every error named by file, line and key.

`json_schema` is for whoever asks for it: it imports much of pydantic.
"""

from evpnd.adapters.config.load import check_file, load_config
from evpnd.adapters.policy_files.load import load_policy, parse_route, policy_paths
from evpnd.adapters.yaml.errors import ConfigError, ConfigErrors

__all__ = [
    "ConfigError",
    "ConfigErrors",
    "check_file",
    "load_config",
    "load_policy",
    "parse_route",
    "policy_paths",
]
