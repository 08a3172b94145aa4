"""``evpnd check`` and ``evpnd schema``: files, without a daemon."""

import json
from pathlib import Path
from typing import Literal

import click

from evpnd.adapters.config_yaml import ConfigErrors, check_file, json_schema
from evpnd.cli.options import all_files, file_options


@click.command()
@file_options
@click.pass_context
def check(ctx: click.Context, configs: tuple[str, ...], files: tuple[str, ...]) -> None:
    """Validate configuration and policy files; touch nothing.

    Prints every error of every FILE to standard error, as FILE:LINE: KEY: what is
    wrong; what to do. A file with a key `policy` at its top is a policy, any other
    a configuration, of which the password and policy files that it names are
    checked too. What is allowed and yet no good, such as a rule that is never
    reached, is printed with the word `warning:` and refuses nothing.

    \b
    Examples:
      evpnd check /etc/evpnd/evpnd.yaml
      evpnd check policies/*.yaml && systemctl reload evpnd

    \b
    Exit status: 0 all good, 2 an error in a file or wrong usage.
    """  # noqa: D301 - click wants the character
    good = True
    for file in all_files(configs, files):
        try:
            warnings = check_file(Path(file))
        except ConfigErrors as errors:
            click.echo(str(errors), err=True)
            good = False
        else:
            for warning in warnings:
                click.echo(str(warning), err=True)
            click.echo(f"{file}: ok")
    if not good:
        ctx.exit(2)


@click.command()
@click.argument("kind", type=click.Choice(["config", "policy"]), default="config")
def schema(kind: Literal["config", "policy"]) -> None:
    """Print the JSON Schema (draft 2020-12) of a configuration or a policy.

    Editors complete and check with it. What one value says about another only
    `evpnd check` knows.

    \b
    Example:
      evpnd schema > evpnd.schema.json
      # and at the top of the YAML file:
      # yaml-language-server: $schema=evpnd.schema.json

    \b
    Exit status: 0 done, 2 wrong usage.
    """  # noqa: D301 - click wants the character
    click.echo(json.dumps(json_schema(kind), indent=2))
