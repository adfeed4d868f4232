"""Users and events that look like a product's own, the same every time."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

REFUSED_ADDRESS = "grace.hopper@navy..example"
"""Has the form that a sign-up page lets through, and SendGrid answers 400."""

_PEOPLE = (
    ("Amina Diallo", "Africa/Dakar", "en"),
    ("Yuki Tanaka", "Asia/Tokyo", "ja"),
    ("Liam O'Connor", "Europe/Dublin", "en"),
    ("Zoë Müller-Groß", "Europe/Berlin", "de"),
    ("Priya Nair", "Asia/Kolkata", "en"),
    ("Mateo Álvarez", "America/Argentina/Buenos_Aires", "es"),
    ("佐藤 花子", "Asia/Tokyo", "ja"),
    ("Olivia Smith", "America/New_York", "en"),
    ("Noah <noah> & Sons", "America/Los_Angeles", "en"),
    ("Aroha Ngata", "Pacific/Auckland", "en"),
    ("Bishal Gurung", "Asia/Kathmandu", "en"),
    ("Léa Tremblay", "America/Toronto", "fr"),
)
_CADENCES = ("hourly", "daily", "daily", "weekly", "monthly", "quarterly", "cron")
_TYPES = (
    ("page.viewed", 0.55),
    ("order.placed", 0.2),
    ("invoice.paid", 0.12),
    ("file.uploaded", 0.1),
    ("refund", 0.03),
)
_QUOTAS: dict[str, dict[str, Any]] = {
    "storage": {"name": "Storage", "allowed": 100, "unit": "GB"},
    "calls": {"name": "API calls", "allowed": 100_000},
}
_SPAN = {
    "hourly": 3,
    "daily": 3 * 24,
    "weekly": 3 * 7 * 24,
    "monthly": 3 * 31 * 24,
    "quarterly": 3 * 92 * 24,
    "cron": 3 * 24,
}
"""Hours of history: the period that has ended, the one before to compare with, and the one that goes on."""


@dataclass(frozen=True, kw_only=True)
class SampleUser:
    """One sample user.

    Attributes:
        id: the document's id.
        document: the user's fields.
        events: the fields of each event.
        quotas: the fields of each quota, by its id.
        usage: the fields of what is used of them.
        expected: the state that the delivery must end in, None where none may come to be.
    """

    id: str
    document: dict[str, Any]
    events: list[dict[str, Any]]
    expected: str | None
    quotas: dict[str, dict[str, Any]] = field(default_factory=dict)
    usage: list[dict[str, Any]] = field(default_factory=list)


def sample_users(count: int, *, now: datetime, events_per_user: int = 40) -> Iterator[SampleUser]:
    """Make users in several time zones, with several cadences.

    The third has an address that SendGrid refuses, the fifth is inactive (where there are so many), every tenth has
    done nothing lately, and every seventh gets the report on usage. Half are new to the pipeline, half were due at the
    last full hour.

    Args:
        count: how many.
        now: when the events end.
        events_per_user: on average.
    """
    this_hour = now.replace(minute=0, second=0, microsecond=0)
    for number in range(1, count + 1):
        chance = random.Random(number)  # noqa: S311  sample data, the same every time
        name, time_zone, locale = _PEOPLE[number % len(_PEOPLE)]
        cadence = _CADENCES[number % len(_CADENCES)]
        document: dict[str, Any] = {
            "email": f"user{number}@example.com",
            "name": name,
            "active": True,
            "time_zone": time_zone,
            "locale": locale,
            "report": {"cadence": cadence, "hour": 8},
        }
        if cadence == "cron":
            document["report"]["cron"] = "0 8 * * 1-5"
        expected: str | None = "sent"
        if number == 3:
            document["email"] = REFUSED_ADDRESS
            expected = "dead"
        elif number == 5:
            document["active"] = False
            expected = None
        if number % 2 == 0:
            document["next_report_at"] = this_hour
        quiet = number % 10 == 0
        if number % 7 == 0 and not quiet:
            document["report"]["kind"] = "usage"
            usage = list(_usage(chance, now, events_per_user))
            yield SampleUser(
                id=f"u{number}", document=document, events=[], expected=expected, quotas=_QUOTAS, usage=usage
            )
            continue
        events = [] if quiet else list(_events(chance, now, _SPAN[cadence], events_per_user))
        yield SampleUser(id=f"u{number}", document=document, events=events, expected=expected)


def _usage(chance: random.Random, now: datetime, count: int) -> Iterator[dict[str, Any]]:
    for _ in range(count):
        at = now - timedelta(hours=31 * 24 * chance.random())
        if chance.random() < 0.5:
            yield {"at": at, "quota": "storage", "amount": round(chance.uniform(1, 9), 1)}
        else:
            yield {"at": at, "quota": "calls", "amount": chance.randrange(500, 3_000)}


def _events(chance: random.Random, now: datetime, hours: int, average: int) -> Iterator[dict[str, Any]]:
    for _ in range(chance.randint(average // 2, average + average // 2)):
        kind = chance.choices([name for name, _ in _TYPES], [weight for _, weight in _TYPES])[0]
        # More of late than before, as in a product that grows.
        event: dict[str, Any] = {"at": now - timedelta(hours=hours * chance.random() ** 1.3), "type": kind}
        if kind in {"order.placed", "invoice.paid"}:
            event["amount"] = round(chance.lognormvariate(3.5, 0.8), 2)
        elif kind == "refund":
            event["amount"] = -round(chance.lognormvariate(3, 0.5), 2)
        yield event
