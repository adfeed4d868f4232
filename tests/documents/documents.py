"""The tables of docs/reference/documents.md, made from the classes of the documents that the pipeline writes."""

import ast
import inspect
import re
import textwrap
from collections.abc import Iterable, Mapping
from enum import StrEnum
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from functions.shared.records.audience import Effect
from functions.shared.records.dead_letter import DeadLetterReason, DeadLetterState, StoredDeadLetter
from functions.shared.records.delivery import Delivery, DeliveryState, SkipReason
from functions.shared.records.delivery_attempt import MOST_ATTEMPTS
from functions.shared.records.mail_event import MailRecord, MailStatus
from functions.shared.records.run import RunAttempt, RunCounter, RunState, StoredRun
from functions.shared.records.subscription import Subscription
from functions.shared.records.system_alert import AlertKind, StoredSystemAlert
from functions.shared.records.user import User
from tests.documents.generated_parts import linked, table

_ENUMS = (DeadLetterReason, DeadLetterState, DeliveryState, SkipReason, MailStatus, RunCounter, RunState, AlertKind)
_TYPES = {
    **dict.fromkeys(("str", *(enum.__name__ for enum in _ENUMS), "QueueCondition", "ZoneInfo"), "string"),
    **dict.fromkeys(("Cadence", "Covers", "CronLine", "PauseReason", "SendBetween", "WorkingDay"), "string"),
    "datetime": "timestamp",
    "int": "integer",
    "bool": "boolean",
    **dict.fromkeys(("tuple", "frozenset"), "list"),
    **dict.fromkeys(("Deliver", "Mapping", "StoredRequest", "StatisticsReading"), "map"),
}
_NAME = re.compile(r"(?<![`\w])(?!API\b|BCP\b|DLQ\b|IANA\b|JSON\b)[A-Z]{3,}(?:_[A-Z]+)*\b")
"""A member of an enumeration, or a setting."""
_WRITTEN_BY_THE_PIPELINE = frozenset(
    {"user_id", "shard", "paused_at", "objections", "suppressed", "bounced_address", "resumed_at"}
    | {"next_report_at", "reported_until", "settled_at"}
)
"""The fields of a subscription that are in the second table."""
_OF_NO_DOCUMENT = {"id", "problem", "version", "days_off", "fields"}


def _fields(kinds: Iterable[type[Any]], renamed: Mapping[str, str], left_out: frozenset[str], _part: str) -> str:
    rows = []
    for kind in kinds:
        meanings = _attributes(kind)
        rows += [
            (f"`{renamed.get(name, name)}`", _type(str(annotation)), meanings[name] + _default(kind, name))
            for name, annotation in inspect.get_annotations(kind).items()
            if name not in _OF_NO_DOCUMENT | left_out
        ]
    return table(("field", "type", "meaning"), rows)


def _type(annotation: str) -> str:
    named = re.findall(r"\w+", annotation.replace("<class '", "").replace("datetime.datetime", "datetime"))
    return next(_TYPES[name] for name in named if name in _TYPES)


def _default(kind: type[Any], name: str) -> str:
    """The default of a field that an application writes."""
    match getattr(kind, "_field_defaults", vars(kind)).get(name) if kind in {Subscription, User} else None:
        case bool(value):
            return f"; default `{str(value).lower()}`"
        case int() | ZoneInfo() | str() as value if str(value):
            return f"; default `{value}`"
        case _:
            return ""


def _attributes(kind: type[Any]) -> dict[str, str]:
    """What the docstring of a class says of each attribute."""
    section = inspect.getdoc(kind).partition("\nAttributes:\n")[2]  # type: ignore[union-attr]  # each has one
    found = re.findall(r"^(\w+): (.*(?:\n    .*)*)", textwrap.dedent(section), re.MULTILINE)
    return {name: _plain(text) for name, text in found}


def _members(enum: type[StrEnum], _part: str) -> str:
    """Each member with the text below it."""
    [definition] = ast.parse(textwrap.dedent(inspect.getsource(enum))).body
    assert isinstance(definition, ast.ClassDef)
    rows = []
    for member, text in zip(definition.body, definition.body[1:], strict=False):
        match member, text:
            case ast.Assign(value=ast.Constant(value=str(value))), ast.Expr(value=ast.Constant(value=str(meaning))):
                rows.append((f"`{value}`", _plain(meaning)))
    assert len(rows) == len(enum)
    return table(("value", "meaning"), rows)


def _plain(text: str) -> str:
    """A text of the code for readers who do not read it."""
    text = re.sub(r" \((?:functions\.[\w.]+|[A-Z]\w+)\)", "", " ".join(text.split()))
    text = re.sub(r"\ban? (?:DeadLetterReason|AlertKind)\b", "one of the values below", text)
    text = text.replace("None", "absent").replace("MOST_ATTEMPTS", str(MOST_ATTEMPTS))
    members = {name: member.value for enum in _ENUMS for name, member in enum.__members__.items()}
    text = re.sub(_NAME, lambda match: f"`{members.get(match[0], match[0])}`", text)
    return linked(text.removesuffix("."))


def _of(*kinds: type[Any], renamed: Mapping[str, str] | None = None, left_out: frozenset[str] = frozenset()) -> Any:
    return partial(_fields, kinds, renamed or {}, left_out)


PARTS: dict[str, Any] = {
    "users": _of(User),
    "subscriptions": _of(Subscription, left_out=_WRITTEN_BY_THE_PIPELINE),
    "subscriptions-written": _of(Subscription, left_out=frozenset(Subscription._fields) - _WRITTEN_BY_THE_PIPELINE),
    "deliveries": _of(Delivery),
    "delivery-states": partial(_members, DeliveryState),
    "skip-reasons": partial(_members, SkipReason),
    "dead-letters": _of(StoredDeadLetter),
    "dead-letter-states": partial(_members, DeadLetterState),
    "dead-letter-reasons": partial(_members, DeadLetterReason),
    "runs": _of(StoredRun, RunAttempt, left_out=frozenset({"latest", "counters"})),
    "run-counters": partial(_members, RunCounter),
    "mail-events": _of(MailRecord),
    "mail-statuses": partial(_members, MailStatus),
    "system-alerts": _of(StoredSystemAlert, renamed={"kind": "alert"}),
    "alert-kinds": partial(_members, AlertKind),
}
"""By name, what makes a part of the page."""

AUDIENCE_PARTS = {"audience-effects": partial(_members, Effect)}
"""The same of the page about reports from SQL."""
