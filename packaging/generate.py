"""Writes the man pages and the shells' completions from what evpnd itself says.

    .venv/bin/python packaging/generate.py [FOLDER]

evpnd(8) is the text of every ``--help``, evpnd.yaml(5) and evpnd-policy(5) the JSON
Schemas. The files are kept in the repository, so that a package needs nothing to have
them; tests/unit/test_generated.py fails where they are not what this program writes.
"""

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
from click.shell_completion import get_completion_class

from evpnd.adapters.config.json_schema import json_schema
from evpnd.cli.main import evpnd

HERE = Path(__file__).parent
SHELLS = {"bash": "evpnd.bash", "zsh": "_evpnd", "fish": "evpnd.fish"}
_VARIABLE = "_EVPND_COMPLETE"
_SEE = {
    "evpnd.8": ("evpnd.yaml(5)", "evpnd-policy(5)", "bridge(8)", "ip-link(8)"),
    "evpnd.yaml.5": ("evpnd(8)", "evpnd-policy(5)"),
    "evpnd-policy.5": ("evpnd(8)", "evpnd.yaml(5)"),
}

Schema = Mapping[str, Any]


def main() -> None:
    """Write every file that is not as it should be."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    for name, text in generated().items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
            click.echo(f"written: {path}")


def generated() -> dict[str, str]:
    """Return the text of every file, by its path below this folder."""
    pages = {
        "evpnd.8": _commands_page(),
        "evpnd.yaml.5": _configuration_page(),
        "evpnd-policy.5": _policy_page(),
    }
    files = {
        f"man/{name}": "\n".join([*lines, *_see_also(name), ""])
        for name, lines in pages.items()
    }
    for shell, name in SHELLS.items():
        kind = get_completion_class(shell)
        assert kind is not None
        text = kind(evpnd, {}, "evpnd", _VARIABLE).source()
        files[f"completion/{name}"] = text.rstrip() + "\n"
    return files


# Pages


def _commands_page() -> Iterator[str]:
    yield from _title("EVPND", 8, "evpnd", "BGP EVPN control plane for Linux hosts")
    yield from (".SH SYNOPSIS", r"\fBevpnd\fR [\fIOPTIONS\fR] \fICOMMAND\fR ...")
    yield ".SH DESCRIPTION"
    context = click.Context(evpnd, info_name="evpnd")
    yield from _command(evpnd, context)
    yield ".SH COMMANDS"
    yield from _subcommands(evpnd, context)


def _subcommands(group: click.Group, context: click.Context) -> Iterator[str]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        below = click.Context(command, parent=context, info_name=name)
        usage = " ".join(command.collect_usage_pieces(below))
        yield f".SS {_escape(below.command_path)}"
        yield from (f"\\fB{_escape(below.command_path)}\\fR {_escape(usage)}", ".PP")
        yield from _command(command, below)
        if isinstance(command, click.Group):
            yield from _subcommands(command, below)


def _command(command: click.Command, context: click.Context) -> Iterator[str]:
    yield from _paragraphs(command.help or "")
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None and record[1] and "--help" not in record[0]:
            yield from (".TP", rf"\fB{_escape(record[0])}\fR", _line(record[1]))


def _configuration_page() -> Iterator[str]:
    summary = "configuration of evpnd"
    yield from _title("EVPND.YAML", 5, "evpnd.yaml", summary)
    yield from (".SH SYNOPSIS", _line("/etc/evpnd/evpnd.yaml"), ".SH DESCRIPTION")
    yield from _paragraphs(
        "A YAML file. Scalars are those of YAML 1.2: 52:54:00:12:34:56, 65000:7, no "
        "and on are text; booleans are true and false. A file has at least asn, vtep, "
        "one peer, and one EVI or `discover: true`. Every key, with its default or an "
        "example, is in /usr/share/doc/evpnd/examples/evpnd.example.yaml.\n\n"
        "`evpnd check` prints every error with file, line and key; `evpnd plan` what a "
        "reload would change; `evpnd reload` makes the daemon read the file again."
    )
    yield ".SH KEYS"
    yield from _keys(json_schema("config"))


def _policy_page() -> Iterator[str]:
    summary = "policies of evpnd: which routes pass, and how they change"
    yield from _title("EVPND-POLICY", 5, "evpnd-policy", summary)
    yield ".SH DESCRIPTION"
    context = click.Context(evpnd, info_name="evpnd")
    policy = evpnd.get_command(context, "policy")
    assert policy is not None
    yield from _paragraphs(policy.help or "")
    yield from (".SH FILES", _line("/usr/share/evpnd/policies: policies to copy."))
    yield ".SH KEYS"
    yield from _keys(json_schema("policy"))


def _title(name: str, section: int, title: str, summary: str) -> Iterator[str]:
    yield r".\" Written by packaging/generate.py"
    yield f'.TH {name} {section} "" "evpnd" "evpnd"'
    # No hyphenation, no stretched lines: there are addresses and keys in them.
    yield from (".nh", ".ad l", ".SH NAME", rf"{_escape(title)} \- {_escape(summary)}")


def _see_also(name: str) -> Iterator[str]:
    yield ".SH SEE ALSO"
    words = (re.match(r"(.*)\((\d)\)", each) for each in _SEE[name])
    yield ",\n".join(f".BR {_escape(w[1])} ({w[2]})" for w in words if w).replace(
        ",\n.BR", " ,\n.BR"
    )


# Keys of a schema


def _keys(schema: Schema) -> Iterator[str]:
    for path, key, required in _walk(schema, schema, ()):
        told = _kind(key, schema)
        if "default" in key and key["default"] not in (None, [], {}, ""):
            told += f"; default: {_value(key['default'])}"
        elif required:
            told += "; required"
        yield from (".TP", rf"\fB{_escape(path)}\fR ({_escape(told)})")
        own = key.get("description", "")
        section = _resolve(key, schema).get("description", "")
        said = section if section.startswith(own) else f"{own} {section}"
        yield from _paragraphs(said, before=".IP") if said else [r"\&"]


def _walk(
    part: Schema, schema: Schema, seen: tuple[int, ...], path: str = ""
) -> Iterator[tuple[str, Schema, bool]]:
    """Yield each key with its path; one that holds itself is not entered again."""
    for name, key in part.get("properties", {}).items():
        here = f"{path}.{name}" if path else name
        yield here, key, name in part.get("required", ())
        for below, suffix in _sections(key, schema):
            if id(below) not in seen:
                yield from _walk(below, schema, (*seen, id(below)), here + suffix)


def _sections(key: Schema, schema: Schema) -> Iterator[tuple[Schema, str]]:
    """Yield the mappings that a key may be, or be a list of."""
    found = _resolve(key, schema)
    if "properties" in found:
        yield found, ""
    for each in found.get("anyOf", ()):
        yield from _sections(each, schema)
    if isinstance(found.get("items"), Mapping):
        yield from ((below, f"[]{s}") for below, s in _sections(found["items"], schema))


def _resolve(key: Schema, schema: Schema) -> Schema:
    reference = key.get("$ref")
    if reference is None:
        return key
    found: Schema = schema["$defs"][reference.rpartition("/")[2]]
    return found


def _kind(key: Schema, schema: Schema) -> str:
    """Say what a value may be."""
    found = _resolve(key, schema)
    if "anyOf" in found:
        kinds = dict.fromkeys(_kind(each, schema) for each in found["anyOf"])
        return " or ".join(kinds)
    if "enum" in found:
        return ", ".join(map(_value, found["enum"]))
    if "const" in found:
        return _value(found["const"])
    match found.get("type"):
        case "array":
            return f"list of {_kind(found.get('items', {}), schema)}"
        case "object":
            return "mapping"
        case "integer" | "number":
            low, high = found.get("minimum"), found.get("maximum")
            if high is None:
                return "number"
            return f"number {'' if low is None else _value(low)}..{_value(high)}"
        case "string":
            return "text"
        case str(other):
            return other
        case _:
            return "any value"


def _value(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


# Text


def _paragraphs(text: str, before: str = ".PP") -> Iterator[str]:
    """Yield the paragraphs of a help text; those behind a backspace keep lines."""
    for number, paragraph in enumerate(re.split(r"\n\s*\n", text.strip())):
        if number:
            yield before
        lines = paragraph.split("\n")
        if lines[0].strip() == "\b":
            yield ".nf"
            yield from map(_line, lines[1:])
            yield ".fi"
        else:
            yield _line(" ".join(line.strip() for line in lines))


def _line(text: str) -> str:
    """Write a line of text, whatever it begins with."""
    escaped = _escape(text)
    return rf"\&{escaped}" if escaped.startswith((".", "'", " ")) else escaped


def _escape(text: str) -> str:
    plain = text.replace("\b", "")
    return plain.replace("\\", r"\e").replace("-", r"\-")


if __name__ == "__main__":
    main()
