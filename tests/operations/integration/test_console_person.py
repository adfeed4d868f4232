"""A user's page answers the customer who asks: what was due, what came, why not, and what anybody changed."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from operations.kinds.kind_pausing import KindPausing
from tests.operations.integration.browser import Browser
from tests.operations.integration.conftest import Project
from tests.seeding import subscription_reference
from tests.support import now

NOW = datetime.now(UTC)
TODAY = NOW.replace(hour=8, minute=0, second=0, microsecond=0)
LAST = TODAY if TODAY <= NOW else TODAY - timedelta(days=1)
"""When the report of the last day was due."""


def put_report(project: Project, days_ago: int, **fields: Any) -> str:
    due_at = LAST - timedelta(days=days_ago)
    name = f"u1:default:{due_at:%Y%m%dT%H%MZ}"
    own = {"user_id": "u1", "subscription_id": "default", "kind": "activity", "due_at": due_at, "shard": 3}
    period = {"period_start": due_at - timedelta(days=1), "period_end": due_at}
    project.set_delivery(name, **{**own, **period, "state": "sent", **fields})
    return name


def rows(page: str) -> dict[str, str]:
    """What the page says of each due time."""
    table = page.partition("Due in the last weeks</h2>")[2].partition("<h2>")[0]
    found = re.findall(r'<time datetime="([^"]+)">.*?</th>(.*?)</tr>', table, re.S)
    return {moment[:10]: re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", rest)).strip() for moment, rest in found}


def day(days_ago: int) -> str:
    return f"{LAST - timedelta(days=days_ago):%Y-%m-%d}"


def test_it_says_of_each_due_time_what_came_and_why_not(console: Browser, project: Project) -> None:
    project.put_user(enrolled_at=LAST - timedelta(days=8, hours=1))
    delivered = put_report(project, 1)
    project.put_mail(delivered, delivered=NOW)
    put_report(project, 2, state="skipped", reason="nothing-to-report", note="no orders")
    # A run was missing: the next report has its time, too.
    put_report(project, 3, period_start=LAST - timedelta(days=5))
    letter = put_report(project, 6, state="dead", reason="retries-exhausted", last_error="SendGrid answered 503")
    fields = {"state": "dismissed", "note": "the customer knows", "received_at": NOW, "reason": "retries-exhausted"}
    payload = {"user_id": "u1", "subscription_id": "default", "delivery_id": letter, "run_id": "20261124T1300Z"}
    payload |= {"due_at": (LAST - timedelta(days=6)).isoformat(), "kind": "activity"}
    project.database.collection("dead_letters").document(letter).set({"payload": payload, **fields})
    found = rows(console.get("/people/u1").text)
    assert found[day(1)] == "default activity sent delivered"
    assert found[day(2)] == "default activity skipped nothing-to-report: no orders"
    assert found[day(4)].endswith("UTC covers its time.")
    assert found[day(6)].endswith("retries-exhausted: SendGrid answered 503 · dead letter dismissed the customer knows")
    assert found[day(7)].startswith("default activity none There is no record of it")
    assert found[day(9)] == "default activity none The user was not enrolled yet."
    assert day(10) not in found


def test_what_waits_for_a_paused_kind_says_so(console: Browser, project: Project) -> None:
    project.put_user(enrolled_at=LAST - timedelta(days=8))
    put_report(project, 4)
    subscription_reference(project.database, "u1").update({"next_report_at": LAST - timedelta(days=3)})
    assert KindPausing(project.door).pause("activity", by="ada", now=now())
    page = console.get("/people/u1").text
    assert rows(page)[day(1)] == rows(page)[day(3)] == "default activity none The kind activity is paused: it waits."
    for said in (page, project.reports("users", "show", "u1").out):
        assert "no reports until their kind is resumed (activity)" in re.sub(r"\s+", " ", said)


def test_it_says_what_recipients_changed_on_their_page(console: Browser, project: Project) -> None:
    project.put_user()
    assert "What recipients changed on their page" in console.get("/people/u1").text
    pause = {"at": NOW - timedelta(hours=1), "wish": "pause", "fields": {"paused_until": NOW}}
    schedule = {"at": NOW, "wish": "schedule", "fields": {"cadence": "weekly", "hour": 9}}
    malformed = [7, {"wish": "no time"}, {"at": NOW, "fields": []}]
    subscription = subscription_reference(project.database, "u1", "default")
    subscription.update({"recipient_changes": [pause, schedule, *malformed]})
    page = console.get("/people/u1").text.partition("What recipients changed on their page")[2].partition("</table>")[0]
    said = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))
    assert "default schedule cadence weekly, hour 9" in said
    assert said.index("schedule") < said.index("default pause paused until")


def test_it_says_what_operators_did_to_the_user_and_to_nobody_else(console: Browser, project: Project) -> None:
    for user in ("u1", "u10", "u1-b"):
        project.put_user(user, enrolled_at=LAST - timedelta(days=40))
        console.act(f"/people/{user}/subscriptions/default/pause", note=f"{user} is away")
    project.reports("subscriptions", "resume", "u1")
    page = console.get("/people/u1").text
    assert "u1 is away" in page
    assert "u10 is away" not in page
    assert "u1-b is away" not in page
    assert page.index("Resume subscription") < page.index("Pause subscription")
    assert "was resumed at" in rows(page)[day(2)]
    subscription_reference(project.database, "u1", "default").update({"active": False, "paused_because": "user"})
    assert rows(console.get("/people/u1").text)[day(2)] == "default activity none The subscription is paused: user."
