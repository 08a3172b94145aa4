"""Loading of a file with a sound beginning."""

from collections.abc import Callable

from evpnd.model.config import Config

Load = Callable[[str], Config]
HEAD = """
asn: 65001
vtep: {address: 10.0.0.1}
peers: [{address: 10.0.0.254, asn: 65000}]
"""
