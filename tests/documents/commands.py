"""The commands of `reports` as the documents have them: the part of docs/reference/commands.md that is made from the
application, and the calls that it does not take."""

import re
import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import typer.main
from typer import Context

from operations.commands.app import app
from operations.commands.examples import EXAMPLES
from tests.documents.generated_parts import table
from tests.support import REPOSITORY

_VALUES = {"<str>": "TEXT", "list[str]": "TEXT", "<int>": "N", "<int range>": "N", "<float range>": "X"}


def all_commands() -> Iterator[tuple[str, Any]]:
    """Every command that can be called, by its words after `reports`, and every group of commands."""
    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        yield from _with_children(name, command)


def _with_children(path: str, command: Any) -> Iterator[tuple[str, Any]]:
    yield path, command
    for name, child in getattr(command, "commands", {}).items():
        yield from _with_children(f"{path} {name}", child)


def unknown_commands(texts: Iterable[str]) -> list[str]:
    """The calls of `reports` in lines of code that it does not take."""
    unknown = []
    whole: Any = typer.main.get_command(app)
    for words in _calls(texts):
        command = whole
        rest = list(words)
        while rest and (child := getattr(command, "commands", {}).get(rest[0])):
            command, rest = getattr(child, "command", child), rest[1:]
        # A group means its `list` where the call names none of its commands.
        if rest[:1] and rest[0].startswith("-"):
            command = getattr(command, "commands", {}).get("list", command)
        spellings = (each for parameter in command.params for each in (parameter.opts, parameter.secondary_opts))
        options = {option for spelling in spellings for option in spelling} | {"--help"}
        given = {word.partition("=")[0] for word in rest if word.startswith("-")}
        is_group = bool(getattr(command, "commands", {}))
        if command.context_settings.get("ignore_unknown_options"):
            continue  # they are another program's
        if (is_group and rest and not rest[0].startswith("-")) or not given <= options:
            unknown.append(" ".join(words))
    return unknown


def made_part() -> str:
    """All commands, each with what it takes and an example."""
    whole: Any = typer.main.get_command(app)
    return "\n\n".join(
        [
            "## Before the command",
            _parameters(whole),
            *(part for path, command in all_commands() for part in _about(path, command)),
        ]
    )


def _about(path: str, command: Any) -> Iterator[str]:
    yield f"{'##' if ' ' not in path else '###'} reports {path}"
    yield " ".join(command.help.split())
    if path not in EXAMPLES:
        return
    yield f"```sh\n./{EXAMPLES[path]}\n```"
    if command.params:
        yield _parameters(command)


def _parameters(command: Any) -> str:
    rows = [
        (_spelling(each, Context(command)), _default(each), _help(each))
        for each in sorted(command.params, key=lambda each: each.param_type_name)
        if not each.hidden
    ]
    return table(("argument or option", "default", "what it is"), rows)


def _spelling(parameter: Any, context: Any) -> str:
    if parameter.param_type_name == "argument":
        return f"`{parameter.metavar}`"
    value = "" if parameter.is_flag else _VALUES.get(type_ := parameter.display_type(context), type_.strip("<>"))
    names = [*parameter.opts, *parameter.secondary_opts]
    return ", ".join(f"`{name} {parameter.metavar or value}`".replace(" `", "`") for name in names)


def _help(parameter: Any) -> str:
    text = re.sub(r"(?<!\S)--[a-z-]+", r"`\g<0>`", parameter.help or "")
    if parameter.min is None:
        return text
    return f"{text} From {parameter.min:,}{'' if parameter.max is None else f' to {parameter.max:,}'}."


def _default(parameter: Any) -> str:
    value = parameter.default
    if parameter.required:
        return "required"
    if value in {None, False, ""}:
        return ""
    return f"`{value.relative_to(REPOSITORY) if isinstance(value, Path) else value}`"


def _calls(texts: Iterable[str]) -> Iterator[list[str]]:
    for text in texts:
        for call in re.findall(r"(?:^|[(|] ?)(?:\./)?reports ([^|)]+)", text):
            yield shlex.split(call.replace("…", ""), comments=True)
