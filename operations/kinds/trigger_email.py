"""What a kind of report takes from an export of Firebase's Trigger Email: a template, and what its emails tell.

An export is a JSON object with the documents of two collections by their ids: `templates`, and `mail`, which may be
missing.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from html import unescape
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from operations.errors import OperatorError
from operations.kinds.handlebars import NotConvertible, to_jinja

ITEM = "item"
"""What the templates of the kind call the data of one email."""

_VOID = re.compile(r"<(br|hr|img|input|wbr)\b([^<>]*?)\s*/?>", re.IGNORECASE)
_CADENCES = ((timedelta(hours=12), "hourly"), (timedelta(days=4), "daily"), (timedelta(days=20), "weekly"))


class Converted(NamedTuple):
    """What the files of the kind have of the template.

    Attributes:
        subject: in Jinja.
        html: the same, for within `<mj-text>`.
        text: the same.
        sample: made-up data, with the fields of the emails.
        told: what a person should know, a sentence a line.
    """

    subject: str
    html: str
    text: str
    sample: Mapping[str, Any]
    told: tuple[str, ...]


def converted(export: Path, kind: str) -> Converted:
    """Read the template of an export that has the name of a kind.

    Args:
        kind: its name. A template's id may have other signs and capitals in place of `_` and small letters.

    Raises:
        OperatorError: the file is no export, has no such template, or the template cannot be a report's.
    """
    try:
        read = json.loads(export.read_text(encoding="utf-8"))
        templates = {str(name): fields for name, fields in read["templates"].items() if isinstance(fields, dict)}
        emails = [fields for fields in read.get("mail", {}).values() if isinstance(fields, dict)]
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise OperatorError(f"{export} is not an export of templates and emails: {error!r}.") from error
    name = next((each for each in templates if re.sub(r"[^a-z0-9]+", "_", each.lower()) == kind), None)
    if name is None or templates[name].get("partial"):
        others = ", ".join(sorted(each for each in templates if not templates[each].get("partial")))
        raise OperatorError(f"{export} has no template {kind}, but: {others or 'none'}.")
    template = templates[name]
    mine = [each for each in emails if _map(each, "template").get("name") == name]
    try:
        subject, html, text = (_part(template, templates, part) for part in ("subject", "html", "text"))
    except NotConvertible as error:
        raise OperatorError(f"The template {name}: {error}.") from error
    html = _VOID.sub(r"<\1\2 />", _body(html or text))
    data = [_map(_map(each, "template"), "data") for each in mine]
    fields = {*_named(" ".join((subject, html, text)))}.union(*data)
    return Converted(
        subject=subject or kind,
        html=html,
        text="\n".join(map(_wrapped, (text or _plain(html)).splitlines())),
        sample={
            field: _made_up(field, next((each[field] for each in data if field in each), ""))
            for field in sorted(fields)
        },
        told=(*_left_out(template), *_habits(mine)),
    )


def _map(fields: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A map in a document; empty where there is none."""
    value = fields.get(name)
    return value if isinstance(value, dict) else {}


def _part(template: Mapping[str, Any], templates: Mapping[str, Any], part: str) -> str:
    partials = {name: str(each.get(part, "")) for name, each in templates.items() if each.get("partial")}
    return to_jinja(str(template.get(part) or ""), ITEM, partials)


def _body(html: str) -> str:
    """What is in the body, since the report has a head of its own."""
    found = re.search(r"<body[^>]*>(.*)</body>", html, re.DOTALL | re.IGNORECASE)
    return (found[1] if found else html).strip()


def _plain(html: str) -> str:
    lines = re.sub(r"<(?:br|/?(?:p|div|tr|li|h\d))\b[^>]*>", "\n", html)
    return re.sub(r"\n{3,}", "\n\n", unescape(re.sub(r"<[^>]+>", "", lines))).strip()


def _wrapped(line: str) -> str:
    """A line of the text part, with a second end, since Jinja takes the first for the filter's.

    A line with a statement stays as it is: no filter holds from one statement to another.
    """
    return line if "{%" in line or not line.strip() else f"{{% filter wrapped %}}{line.strip()}{{% endfilter %}}\n"


def _named(text: str) -> Iterator[str]:
    return (found[1] or found[2] for found in re.finditer(rf"(?<![\w.]){ITEM}(?:\.(\w+)|\['([^']+)'\])", text))


def _made_up(field: str, value: Any) -> Any:
    """A value as the application's, without anything of a person."""
    match value:
        case bool() | int() | float():
            return value
        case {**fields}:
            return {str(name): _made_up(str(name), each) for name, each in fields.items()}
        case [first, *_]:
            return [_made_up(field, first)]
        case []:
            return []
        case _:
            address = re.search(r"(?i)ur[il]$|link|path|image|href|src", field)
            return (
                f"https://example.com/{field.lower()}"
                if address
                else re.sub(r"(?<=[a-z])(?=[A-Z])", " ", field).capitalize()
            )


def _left_out(template: Mapping[str, Any]) -> Iterator[str]:
    if template.get("attachments"):
        yield "Its attachments are left out: docs/guides/attachments.md says how a report makes files."
    if template.get("amp"):
        yield "Its AMP part is left out."
    if "{{{" in str(template.get("html")) or "{{&" in str(template.get("html")):
        yield "It shows a value unescaped, which a report does not: put its markup into the template."


def _habits(emails: list[dict[str, Any]]) -> Iterator[str]:
    """What the emails tell about how often, and to whom."""
    if not emails:
        return
    by_user = sum(bool(each.get("toUids")) for each in emails)
    yield f"{len(emails)} emails use it, {by_user} of them to users by their ids (toUids)."
    times: dict[str, list[datetime]] = {}
    for each in emails:
        with suppress(ValueError):
            started = datetime.fromisoformat(str(_map(each, "delivery").get("startTime")))
            recipient = json.dumps(each.get("toUids") or each.get("to"))
            times.setdefault(recipient, []).append(started if started.tzinfo else started.replace(tzinfo=UTC))
    waits = sorted(after - before for sent in times.values() for before, after in pairwise(sorted(sent)))
    if waits:
        usual = waits[len(waits) // 2]
        cadence = next((name for limit, name in _CADENCES if usual < limit), "monthly")
        hour = Counter(each.hour for sent in times.values() for each in sent).most_common(1)[0][0]
        days = usual / timedelta(days=1)
        yield f"A recipient gets one every {days:.3g} days, mostly at {hour}:00 UTC: --cadence {cadence} --hour {hour}."
