"""``evpnd schema``: what editors complete and check our files with."""

import json
from typing import Literal

import click

from evpnd.adapters.config.json_schema import json_schema


@click.command(short_help="Print the JSON Schema of a configuration or a policy.")
@click.argument("kind", type=click.Choice(["config", "policy"]), default="config")
def schema(kind: Literal["config", "policy"]) -> None:
    """Print the JSON Schema (draft 2020-12) of a configuration or a policy.

    Editors use it for completion and checks. Only `evpnd check` compares values with
    each other.

    \b
    Example:
      evpnd schema > evpnd.schema.json
      # and at the top of the YAML file:
      # yaml-language-server: $schema=evpnd.schema.json

    \b
    Exit status: 0 done, 2 wrong usage.
    """  # noqa: D301 - click wants the character
    click.echo(json.dumps(json_schema(kind), indent=2))
