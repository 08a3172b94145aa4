"""``evpnd check``: files, without a daemon."""

from pathlib import Path

import click

from evpnd.adapters.config import ConfigErrors, check_file
from evpnd.cli.host import look_only, tell
from evpnd.cli.options import all_files, file_options


@click.command()
@file_options
@click.option(
    "--this-host",
    is_flag=True,
    help="Exit with status 1 if `evpnd run` would refuse this host.",
)
@click.pass_context
def check(
    ctx: click.Context,
    configs: tuple[str, ...],
    files: tuple[str, ...],
    *,
    this_host: bool,
) -> None:
    """Validate configuration and policy files; change nothing.

    Prints every error of every FILE to standard error, as FILE:LINE: KEY: what is
    wrong; what to do. A file with the key `policy` at its top is a policy. Any other
    file is a configuration; the password and policy files that it names are checked
    as well. What is valid but pointless, such as a rule that is never reached, is
    printed with the word `warning:` and is no error.

    For a valid configuration, evpnd also prints why `evpnd run` would refuse this
    host: another process has the BGP port, FRR runs EVPN on the same devices, or
    this user lacks capabilities. These lines begin with `this host:`. They are not
    errors of FILE, which may be for another host, and change the exit status only
    with --this-host.

    \b
    Examples:
      evpnd check
      evpnd check policies/*.yaml && systemctl reload evpnd
      evpnd check --this-host && systemctl start evpnd

    \b
    Exit status: 0 all good, 1 with --this-host: `evpnd run` would refuse this host,
    2 an error in a file or wrong usage.
    """  # noqa: D301 - click wants the character
    good, fit = True, True
    told: set[str] = set()
    for file in all_files(configs, files):
        try:
            checked = check_file(Path(file))
        except ConfigErrors as errors:
            click.echo(str(errors), err=True)
            good = False
            continue
        for warning in checked.warnings:
            click.echo(str(warning), err=True)
        click.echo(f"{file}: ok")
        if checked.config is not None:
            found = look_only(checked.config)
            tell(found, told)
            fit = fit and not found.obstacles
    if not good:
        ctx.exit(2)
    if this_host and not fit:
        ctx.exit(1)
