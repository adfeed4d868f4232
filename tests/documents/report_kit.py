"""The names that a kind may import, for docs/reference/report-kit.md: all of it is in their docstrings."""

import ast
import enum
import functools
import importlib
import inspect
import itertools
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping
from typing import Any, get_origin

import report_kit

SECTIONS: Mapping[str, tuple[str, ...]] = {
    "report": ("Report", "Skip", "PermanentError", "InlineImage", "Attachment", "API"),
    "request": ("ReportRequest", "User", "Period", "Cadence", "Schedule"),
    "data": (
        *("UserData", "Total", "NoIndex", "Documents", "InMemoryUserData"),
        *("StoredFigures", "Collections", "Figure", "Entry"),
        *("usable_amount", "LARGEST_AMOUNT", "SMALLEST_ALLOWED", "starts_of_days", "sanitize", "display_name"),
    ),
    "words": (
        *("Language", "language_for", "Words", "greeting", "period_name", "period_before", "how_often", "footer"),
    ),
    "email": (
        *("Headline", "compared", "change_share", "Tone", "Chart", "bar_chart", "series_chart", "Series", "ChartShape"),
        *("Table", "TableRow", "render"),
    ),
    "files": (
        *("read_formats", "FileFormat", "files_of", "Document", "DataTable", "Column", "ColumnKind", "dated"),
        *("csv_attachment", "xlsx_attachment", "pdf_attachment", "AttachmentError"),
    ),
    "tests": ("SampleAmount", "sample", "Sample", "Answer", "try_kind", "Trial"),
}
"""By part of the page, what it has."""

_HEADER = re.compile(r"^(Args|Attributes|Returns|Raises|Yields):$", re.MULTILINE)
_ITEM = re.compile(r"^([\w.]+): ", re.MULTILINE)
_QUALIFIED = re.compile(r"\b(?:[\w]+\.)+(?=\w)")


def made_part(part: str, _old: str = "") -> str:
    """A part of the page."""
    return "\n\n".join(f"### `{name}`\n\n{_described(name)}" for name in SECTIONS[part])


PARTS: Mapping[str, Callable[[str], str]] = {part: functools.partial(made_part, part) for part in SECTIONS}


def _described(name: str) -> str:
    thing = getattr(report_kit, name)
    if not inspect.isclass(thing) and not inspect.isroutine(thing):
        value = "" if get_origin(thing) else f"`{thing!r}`. "
        return value + _prose(_behind(name))
    lines = [_prose(inspect.getdoc(thing) or "")]
    if not inspect.isclass(thing):
        return "\n\n".join([_signature(name, thing), *lines])
    if issubclass(thing, enum.Enum):
        texts = _texts_behind(inspect.getsource(thing))
        members = [f"- `{each.name}`" + (f": {texts[each.name]}" if each.name in texts else "") for each in thing]
        return "\n\n".join([*lines, "\n".join(members)])
    if not issubclass(thing, Exception) and not getattr(thing, "_is_protocol", False):
        lines.insert(0, _signature(name, thing))
    return "\n\n".join([*lines, *_members(name, thing)])


def _members(of: str, thing: type) -> Iterator[str]:
    """The properties and methods of a class, each with its docstring."""
    for name, member in vars(thing).items():
        if name.startswith("_") or not (text := inspect.getdoc(getattr(thing, name))):
            continue
        if isinstance(member, property) and member.fget:
            yield f"`{name}: {_shown(inspect.signature(member.fget).return_annotation)}`. {_prose(text)}"
        elif callable(member) and not text.startswith("See "):
            yield f"{_signature(name, member)}\n\n{_prose(text)}"


def _signature(name: str, thing: Callable[..., Any]) -> str:
    """How something is called: on one line, or with a line for each argument."""
    signature = inspect.signature(thing)
    arguments: list[str] = []
    for each in signature.parameters.values():
        if each.kind is each.KEYWORD_ONLY and "*" not in arguments:
            arguments.append("*")
        if each.name != "self":
            arguments.append(f"{each.name}: {_shown(each.annotation)}{_default(each.default)}")
    returned = "" if inspect.isclass(thing) else f" -> {_shown(signature.return_annotation)}"
    line = f"{name}({', '.join(arguments)}){returned}"
    if len(line) > 100:
        line = "\n".join([f"{name}(", *(f"    {each}," for each in arguments), f"){returned}"])
    return f"```python\n{line}\n```"


def _default(value: Any) -> str:
    if value is inspect.Parameter.empty:
        return ""
    if isinstance(value, enum.Enum):
        return f" = {type(value).__name__}.{value.name}"
    return f" = {value!r}" if value in (None, ()) or isinstance(value, str | int | float) else " = …"


def _shown(annotation: Any) -> str:
    if hasattr(annotation, "__metadata__"):
        annotation = annotation.__origin__
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    return _QUALIFIED.sub("", text).replace("'", "")


def _prose(docstring: str) -> str:
    """A docstring as Markdown: sentences, examples, and a list of what each argument is."""
    intro, *sections = _HEADER.split(inspect.cleandoc(docstring))
    parts = [_paragraph(each) for each in re.split(r"\n\n(?=\S)", intro.strip())]
    items: list[str] = []
    for header, body in zip(sections[::2], sections[1::2], strict=True):
        text = textwrap.dedent(body.strip("\n"))
        if header in {"Returns", "Yields"}:
            items.append(f"{header.lower()} {_joined(text)}")
            continue
        verb = "raises " if header == "Raises" else ""
        items += [verb + _ITEM.sub(r"`\1`: ", _joined(each)) for each in re.split(r"\n(?=\S)", text) if each.strip()]
    return "\n\n".join(filter(None, [*parts, "\n".join(f"- {each}" for each in items)]))


def _paragraph(text: str) -> str:
    prose, prompt, example = re.split(r"(?:\n\n *|^)(>>> )", text, maxsplit=1) if ">>> " in text else (text, "", "")
    if not prompt:
        return _joined(prose)
    # The first line has lost its indent.
    lines = [f"{prompt}{example.splitlines()[0]}", *textwrap.dedent("\n".join(example.splitlines()[1:])).splitlines()]
    return "\n".join([_joined(prose), "", "```pycon", *lines, "```"]).strip()


def _joined(text: str) -> str:
    return " ".join(text.split())


def _behind(name: str) -> str:
    """The text behind a name that is no class and no function."""
    for module in (report_kit.__name__, *report_kit.MODULES):
        source = inspect.getsource(importlib.import_module(module))
        if text := _texts_behind(source).get(name):
            return text
    raise LookupError(f"{name} has no text behind it")


def _texts_behind(source: str) -> dict[str, str]:
    """The texts behind assignments, by the name that is assigned to."""
    found = {}
    for node in ast.walk(ast.parse(source)):
        body = getattr(node, "body", [])
        for one, following in itertools.pairwise(body) if isinstance(body, list) else ():
            match one, following:
                case ast.Assign(targets=[ast.Name(name)]), ast.Expr(ast.Constant(str(text))):
                    found[name] = _joined(text)
    return found
