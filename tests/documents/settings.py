"""The tables of docs/reference/settings.md, made from the classes that read the environment."""

import ast
import inspect
import re
import textwrap
from collections.abc import Iterable, Mapping
from enum import Enum
from itertools import pairwise
from typing import Any

from functions.shared.settings import MailProviderName, Settings
from operations.console.deployed import ConsoleSettings
from tests.documents.generated_parts import linked, table
from tests.function_settings import FUNCTION_SETTINGS


def functions(_part: str) -> str:
    """Every variable of the functions, with those that read it."""
    readers: dict[str, list[str]] = {}
    rows: dict[str, tuple[str, str]] = {}
    for reader, classes in FUNCTION_SETTINGS.items():
        for settings in classes:
            meanings = _meanings(settings)
            for name, field in settings.model_fields.items():
                if reader not in readers.setdefault(name, []):
                    readers[name].append(reader)
                if name in meanings:
                    rows.setdefault(name, (meanings[name], _default(field, _required(settings))))
    return table(
        ("variable", "read by", "meaning", "default"),
        (
            (f"`{name.upper()}`", "all" if len(by) == len(FUNCTION_SETTINGS) else ", ".join(by), *rows[name])
            for name, by in sorted(readers.items())
        ),
    )


def console(_part: str) -> str:
    """Every variable of the deployed console."""
    meanings = _meanings(ConsoleSettings)
    return table(
        ("variable", "meaning", "default"),
        (
            (f"`{name.upper()}`", meanings[name], _default(field, "required"))
            for name, field in sorted(ConsoleSettings.model_fields.items())
        ),
    )


def _meanings(settings: type[Settings]) -> Mapping[str, str]:
    """The text below each field, also of the classes that this one is made of."""
    found: dict[str, str] = {}
    for base in reversed(settings.__mro__):
        if issubclass(base, Settings):
            [definition] = ast.parse(textwrap.dedent(inspect.getsource(base))).body
            assert isinstance(definition, ast.ClassDef)
            found |= dict(_texts(definition.body))
    return found


def _texts(body: list[ast.stmt]) -> Iterable[tuple[str, str]]:
    for field, text in pairwise(body):
        match field, text:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(meaning))):
                yield name, linked(" ".join(meaning.split())).removesuffix(".")


def _required(settings: type[Settings]) -> str:
    """What a setting without a default is: those of one provider are read with that provider alone."""
    providers = {*settings.__module__.split(".")} & {*MailProviderName}
    return f"required with `{providers.pop()}`" if providers else "required"


def _default(field: Any, required: str) -> str:
    if field.is_required():
        return required
    match field.get_default(call_default_factory=True):
        case None | "" | [] | {}:
            return ""
        case Enum(value=value):
            return f"`{value}`"
        case bool(value):
            return f"`{str(value).lower()}`"
        case float(value):
            return f"`{value:g}`"
        case str(value) if re.match(r"https://(\w+\.)?(google|googleapis|gstatic)\.com/?", value):
            return "Google's"
        case value:
            return f"`{value}`"


PARTS = {"functions": functions, "console": console}
"""By name, what makes a part of the page."""
