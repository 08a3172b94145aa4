"""YAML to configuration, with every error named by file, line and key.

`json_schema` and `policy_files.load` are for whoever asks for them: each imports as
much as all that is needed to read a configuration without policies.
"""

from evpnd.adapters.config.load import check_file, load_config
from evpnd.adapters.yaml.errors import ConfigError, ConfigErrors

__all__ = [
    "ConfigError",
    "ConfigErrors",
    "check_file",
    "load_config",
]
