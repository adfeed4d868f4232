"""A worker reads the query that names a kind's recipients: from a database, into Firestore."""

import itertools
import json
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

import grpc
import pytest
import requests

from functions.shared.firestore.audience_reading import AudienceReading
from functions.shared.firestore.write import Write
from functions.shared.records.audience import AUDIENCE_TASK_PATH, Audience, AudienceTask, erased_path
from functions.shared.records.audience_row import AudienceRow
from functions.shared.records.system_alert import AlertKind, SystemAlert
from functions.worker.read_audience import ReadAudience
from functions.worker.task_answer import TaskAnswer
from operations.kinds.audience_preview import accept_leaving
from tests.functions.worker.integration.conftest import (
    DEFAULTS,
    Cloud,
    Letters,
    an_attempt,
    builder,
    in_this_process,
    task,
)
from tests.functions.worker.integration.test_failures import failing
from tests.kinds_elsewhere import kinds_in

pytestmark = pytest.mark.usefixtures("well_again")

NOW = datetime(2026, 11, 25, 20, 20, tzinfo=UTC)
TODAY = "20261125T0000Z"
REPORT = """
source: SALES_DATABASE_URL
title: Sales
audience:
  sql: SELECT id, email, name, hour FROM customers
  defaults: {cadence: daily, hour: 8, time_zone: Europe/Berlin}
queries:
  orders: SELECT product FROM orders WHERE customer = :user_id ORDER BY product
table: {title: Orders, query: orders, columns: [{column: product, label: Product}]}
"""


@dataclass
class Shop:
    """A kind with a database, and what a worker that reads its audience tells people."""

    cloud: Cloud
    url: str
    file: Path
    report: Path
    now: datetime = NOW
    told: list[SystemAlert] = field(default_factory=list)

    def execute(self, sql: str, *rows: tuple[Any, ...]) -> None:
        with sqlite3.connect(self.file) as database:
            database.executemany(sql, rows or [()])

    def has(self, *customers: tuple[Any, ...]) -> None:
        """The customers of the database: id, email, name and hour of each."""
        self.execute("DELETE FROM customers")
        if customers:
            self.execute("INSERT INTO customers VALUES (?, ?, ?, ?)", *customers)

    def read(self, *, attempt: int = 1, url: str = "", now: Callable[[], datetime] | None = None) -> TaskAnswer:
        """A worker carries out the task of a run."""
        settings = {"sales": {"SALES_DATABASE_URL": url or self.url}}
        carry_out = ReadAudience(
            self.cloud.door, DEFAULTS, settings, tell=self.told.append, now=now or (lambda: self.now)
        )
        body = AudienceTask(kind="sales", run_id="20261125T2000Z").to_json()
        return carry_out(body, an_attempt(attempt, last=False))

    def figures(self) -> dict[str, Any]:
        """What the last whole reading has come to, without what is 0."""
        found: dict[str, Any] = self.cloud.database.document("audiences/sales").get().to_dict() or {}
        return {name: value for name, value in found.items() if value}

    def subscription(self, user_id: str) -> Any:
        return self.cloud.subscription_of(user_id, "sales")

    def replace(self, old: str, new: str) -> None:
        """Somebody changes the report.yaml."""
        text = self.report.read_text(encoding="utf-8")
        assert old in text
        self.report.write_text(text.replace(old, new), encoding="utf-8")

    def meanwhile(self, do: Callable[[], object]) -> None:
        """Something happens between the next reading's reads and its first write."""

        async def middleware(method: str, carry_out: Callable[[], Awaitable[Any]]) -> Any:
            if method.endswith("/Commit") and self.cloud.firestore_faults.middleware:
                self.cloud.firestore_faults.middleware = None
                await self.cloud.background.loop.run_in_executor(None, do)
            return await carry_out()

        self.cloud.firestore_faults.middleware = middleware


def erase(shop: Shop, user_id: str) -> None:
    """What `./reports users erase` writes first."""
    shop.cloud.door.commit([Write(erased_path(user_id), {"erased_at": NOW}, None, None)])


@pytest.fixture
def shop(cloud: Cloud, tmp_path: Path) -> Iterator[Shop]:
    cloud.background.run(cloud.firestore.clear())
    folder = tmp_path / "kinds" / "sales"
    folder.mkdir(parents=True)
    (folder / "report.yaml").write_text(REPORT, encoding="utf-8")
    file = tmp_path / "shop.db"
    made = Shop(cloud, f"sqlite:///{file}", file, folder / "report.yaml")
    made.execute("CREATE TABLE customers (id, email, name, hour)")
    made.execute("CREATE TABLE orders (customer, product)")
    with kinds_in(folder.parent):
        yield made


ADA, BOB = ("ada", "ada@customer.example", "Ada", None), (4711, "bob@customer.example", "Bob", 17)


def test_recipients_are_those_of_the_query(shop: Shop) -> None:
    shop.has(ADA, BOB)
    assert shop.read() == TaskAnswer(HTTPStatus.OK, "read")
    assert shop.figures() == {"read_at": NOW, "rows": 2, "added": 2}
    assert shop.cloud.user_of("ada") == {
        "email": "ada@customer.example",
        "name": "Ada",
        "time_zone": "Europe/Berlin",
        "active": True,
        "enrolled_at": NOW,
        "audiences": ["sales"],
    }
    bob = shop.subscription("4711")
    assert (bob["kind"], bob["cadence"], bob["hour"], bob["active"]) == ("sales", "daily", 17, True)
    # At 17 in Berlin, and not before.
    assert bob["next_report_at"] == datetime(2026, 11, 26, 16, tzinfo=UTC)

    # What is as it was costs no write.
    version = shop.cloud.subscription("ada", "sales").get().update_time
    shop.has(ADA, (*BOB[:3], 9))
    shop.read()
    assert shop.figures() == {"read_at": NOW, "rows": 2, "changed": 1, "kept": 1}
    assert shop.cloud.subscription("ada", "sales").get().update_time == version

    # Who leaves keeps their documents, and gets reports again when they are back.
    shop.has(BOB)
    shop.read()
    left = shop.subscription("ada")
    assert (left["active"], left["paused_because"], left["hour"]) == (False, "not-in-audience", 8)
    shop.has(ADA, BOB)
    shop.now += timedelta(days=3)
    shop.read()
    assert shop.figures() == {"read_at": shop.now, "rows": 2, "returned": 1, "kept": 1}
    back = shop.subscription("ada")
    assert (back["active"], back["next_report_at"]) == (True, datetime(2026, 11, 29, 7, tzinfo=UTC))
    assert shop.told == []


def test_a_report_has_its_recipients_own_rows(shop: Shop) -> None:
    shop.has(ADA, BOB)
    shop.execute("INSERT INTO orders VALUES (?, ?)", ("ada", "Teapot"), ("4711", "Kettle"))
    shop.read()
    due_at = datetime(2026, 11, 26, 7, tzinfo=UTC)
    settings = {"sales": {"SALES_DATABASE_URL": shop.url}}
    send = in_this_process(
        shop.cloud, Letters(), builder=builder(settings=settings), now=lambda: due_at + timedelta(minutes=1)
    )
    body = task("ada", "sales", due_at=due_at, kind="sales", run=due_at)
    assert send(body, an_attempt(1, last=False)).result == "sent"

    async def mail() -> str:
        (found,) = shop.cloud.inbox.mails.to("ada@customer.example")
        return shop.cloud.inbox.mails.read(found.id).text or ""

    text = shop.cloud.background.run(mail())
    assert "Teapot" in text
    assert "Kettle" not in text


def test_a_row_that_is_no_recipient_is_told_and_stops_no_other(shop: Shop) -> None:
    shop.has(ADA, BOB)
    shop.read()
    shop.has(
        (None, "x@customer.example", "", 8), ("ada", "nobody", "", 8), BOB, BOB, ("eve", "eve@customer.example", "", 8)
    )
    assert shop.read().result == "read"
    assert shop.figures() == {"read_at": NOW, "rows": 5, "refused": 3, "added": 1, "kept": 1}
    (alert,) = shop.told
    assert (alert.alert, alert.about, alert.run_id) == (AlertKind.AUDIENCE_INCOMPLETE, "sales", TODAY)
    assert alert.detail.split("; ") == [
        "row 1: id: must be a text or a whole number that can be a document's id",
        "row 2 (ada): email: must be an email address",
        "row 4 (4711): id: is there twice",
    ]
    # Whose row is wrong is in the query.
    ada = shop.subscription("ada")
    assert ada["active"]


def test_a_row_with_an_option_that_fits_no_report_is_refused(shop: Shop) -> None:
    shop.replace("queries:\n", "options: {vip: {type: boolean, required: true}}\nqueries:\n")
    shop.replace("name, hour FROM", "name, 8 AS hour, hour AS vip, 0 AS skip_empty FROM")
    shop.has((*ADA[:3], 1), BOB, ("eve", "eve@customer.example", "", None))
    shop.read()
    ada = shop.subscription("ada")
    assert (ada["options"], ada["skip_empty"]) == ({"vip": True}, False)
    assert shop.told[0].detail.split("; ") == [
        "row 2 (4711): options.vip: must be true or false",
        "row 3 (eve): options.vip: is missing: must be true or false",
    ]


def test_a_query_that_lost_its_recipients_stops_nobody_before_a_person_says_so(shop: Shop) -> None:
    shop.has(ADA, BOB)
    shop.read()
    shop.has()
    assert shop.read().result == "read"
    assert shop.figures() == {"read_at": NOW, "held_back": 2}
    assert [alert.alert for alert in shop.told] == [AlertKind.AUDIENCE_INCOMPLETE]
    assert shop.told[0].detail == "2 who got reports are not in it any more"
    for accepted, active in ((1, True), (2, False)):
        accept_leaving(shop.cloud.door, "sales", accepted)
        shop.read()
        assert shop.subscription("ada")["active"] is active
    assert shop.figures() == {"read_at": NOW, "left": 2}


@pytest.mark.parametrize(
    ("sql", "error"),
    [
        ("SELECT id, mail FROM customers", "kinds/sales/report.yaml:5: audience: no such column: mail"),
        ("SELECT id, email, 1 AS vip FROM customers", "kinds/sales/report.yaml:5: audience: there is no column 'vip'"),
        ("DELETE FROM customers", "kinds/sales/report.yaml:5: audience: attempt to write a readonly database"),
    ],
)
def test_a_query_with_a_mistake_is_told_and_changes_nothing(shop: Shop, sql: str, error: str) -> None:
    shop.has(ADA)
    shop.read()
    shop.replace("SELECT id, email, name, hour FROM customers", sql)
    assert shop.read() == TaskAnswer(HTTPStatus.OK, "not-read", details={"cause": "mistake"})
    (alert,) = shop.told
    assert (alert.alert, alert.about) == (AlertKind.AUDIENCE_NOT_READ, "sales")
    assert error in alert.detail
    assert shop.figures() == {"read_at": NOW, "rows": 1, "added": 1}


def test_a_database_that_does_not_answer_is_asked_again_and_told_of_after_a_while(shop: Shop) -> None:
    for attempt, told in ((1, 0), (4, 0), (5, 1)):
        answer = shop.read(attempt=attempt, url=f"sqlite:///{shop.file}.gone")
        assert answer == TaskAnswer(
            HTTPStatus.INTERNAL_SERVER_ERROR, "retry", details={"cause": "database-unavailable"}
        )
        assert len(shop.told) == told


def test_an_erased_user_does_not_come_back(shop: Shop) -> None:
    shop.has(ADA, BOB)
    erase(shop, "ada")
    shop.read()
    assert shop.figures() == {"read_at": NOW, "rows": 2, "added": 1, "erased": 1}
    assert shop.cloud.user_of("ada") is None
    assert shop.subscription("ada") is None


def test_a_reading_that_ends_early_is_carried_on_by_the_next_one(shop: Shop) -> None:
    customers = [
        AudienceRow.from_columns({"id": f"c{n}", "email": f"c{n}@x.example"}, {}, (), cadence=DEFAULTS.cadence)
        for n in range(500)
    ]

    def reading(most: int) -> AudienceReading:
        made = AudienceReading(shop.cloud.door, Audience("sales", DEFAULTS, NOW))
        for _ in itertools.islice(made.read(customers), most):
            pass
        return made

    assert reading(300).figures["added"] == 300
    assert shop.figures() == {}
    reading(1_000)
    assert shop.figures() == {"read_at": NOW, "rows": 500, "added": 200, "kept": 300}


def test_a_reading_that_never_ends_is_told(shop: Shop) -> None:
    shop.has(ADA, BOB)
    for attempt, told in ((4, 0), (5, 1)):
        # Each row takes a minute.
        answer = shop.read(attempt=attempt, now=(NOW + n * timedelta(minutes=1) for n in itertools.count()).__next__)
        assert (answer.status, answer.details) == (HTTPStatus.INTERNAL_SERVER_ERROR, {"cause": "goes-on"})
        assert [each.alert for each in shop.told] == [AlertKind.AUDIENCE_NOT_READ] * told


def test_a_large_reading_that_takes_many_attempts_is_not_told(shop: Shop) -> None:
    shop.has(ADA)
    shop.meanwhile(lambda: setattr(shop, "now", NOW + timedelta(minutes=2)))
    assert shop.read(attempt=5).details == {"cause": "goes-on"}
    assert shop.told == []
    assert shop.read(attempt=6).result == "read"
    assert shop.figures() == {"read_at": shop.now, "rows": 1, "kept": 1}


def test_a_reading_that_dies_anywhere_is_made_good_by_the_next_one(shop: Shop) -> None:
    def begin() -> None:
        """One will be kept, one changed, one gone, and one new."""
        shop.cloud.background.run(shop.cloud.firestore.clear())
        shop.has(ADA, BOB, ("eve", "eve@customer.example", "Eve", 8))
        shop.read()
        shop.has(ADA, (*BOB[:3], 9), ("dan", "dan@customer.example", "Dan", 8))

    def documents() -> list[Any]:
        return [(each, shop.cloud.user_of(each), shop.subscription(each)) for each in ("ada", "4711", "eve", "dan")]

    begin()
    shop.read()
    right = documents()
    assert [fields["active"] for _, _, fields in right] == [True, True, False, True]
    # One commit for the recipients, and one for the figures.
    for commit, is_written in itertools.product(range(2), (False, True)):
        begin()
        dies = failing("Commit", grpc.StatusCode.PERMISSION_DENIED, skip=commit, after=is_written)
        shop.cloud.firestore_faults.middleware = dies
        assert shop.read().details == {"cause": "firestore"}
        assert shop.read().result == "read"
        assert documents() == right


def test_a_new_row_with_the_id_of_another_person_is_told_and_changes_nothing(shop: Shop) -> None:
    supplier = {"email": "sup@supplier.example", "active": True, "audiences": ["bills"]}
    shop.cloud.users.document("4711").set(supplier)
    shop.has(ADA, BOB)
    shop.read()
    assert shop.figures() == {"read_at": NOW, "rows": 2, "added": 1, "refused": 1}
    assert shop.told[0].alert is AlertKind.AUDIENCE_INCOMPLETE
    assert shop.told[0].detail == "row 2 (4711): email: is not that of the user who has this id already"
    assert shop.subscription("4711") is None


def test_a_user_who_was_deleted_is_not_made_again_as_another_person(shop: Shop) -> None:
    below = shop.cloud.users.document("4711").collection("report_subscriptions")
    row = {"email": "sup@supplier.example"}
    below.document("bills").set({"kind": "sales", "audience": "bills", "audience_row": row})
    shop.has(ADA, BOB)
    shop.read()
    assert shop.figures() == {"read_at": NOW, "rows": 2, "added": 1, "refused": 1}
    assert shop.cloud.user_of("4711") is None
    below.document("bills").delete()
    shop.now += timedelta(days=1)
    shop.read()
    assert shop.figures() == {"read_at": shop.now, "rows": 2, "added": 1, "kept": 1}


def test_a_query_that_fails_half_way_changes_nothing(shop: Shop) -> None:
    shop.has(ADA, BOB)
    shop.read()
    shop.replace("name, hour", "name, abs(hour) AS hour")
    shop.has(("dan", "dan@customer.example", "Dan", 8), ("odd", "odd@customer.example", "", -(2**63)), ADA)
    assert shop.read().details == {"cause": "mistake"}
    assert shop.told[0].detail == "kinds/sales/report.yaml:5: audience: integer overflow"
    assert shop.subscription("4711")["active"]
    assert shop.subscription("dan") is None
    assert shop.figures() == {"read_at": NOW, "rows": 2, "added": 2}


def test_what_somebody_writes_meanwhile_is_seen(shop: Shop) -> None:
    shop.has(ADA)
    shop.read()
    reference = shop.cloud.subscription("ada", "sales")
    shop.has((*ADA[:3], 9))
    shop.meanwhile(lambda: reference.update({"hour": 23}))
    shop.read()
    ada = shop.subscription("ada")
    assert (ada["hour"], ada["audience_row"]["hour"]) == (23, 9)


def test_two_readings_at_once_do_what_one_does(shop: Shop) -> None:
    shop.has(ADA, BOB)
    other: list[TaskAnswer] = []
    shop.meanwhile(lambda: other.append(shop.read()))
    first = shop.read()
    assert other == [TaskAnswer(HTTPStatus.OK, "read")]
    # The queue calls again, and finds all done.
    assert first.details == {"cause": "firestore"}
    assert shop.figures() == {"read_at": NOW, "rows": 2, "added": 2}
    shop.read()
    assert shop.figures() == {"read_at": NOW, "rows": 2, "kept": 2}


def test_a_user_who_is_erased_while_the_query_is_read_does_not_come_back(shop: Shop) -> None:
    shop.has(ADA, BOB)
    shop.meanwhile(lambda: erase(shop, "ada"))
    shop.read()
    assert shop.figures() == {"read_at": NOW, "rows": 2, "added": 1, "erased": 1}
    assert shop.cloud.user_of("ada") is None


def test_that_recipients_leave_is_accepted_also_while_the_query_is_read(shop: Shop) -> None:
    shop.has(ADA, BOB)
    shop.read()
    shop.has()
    shop.meanwhile(lambda: accept_leaving(shop.cloud.door, "sales", 2))
    assert shop.read().details == {"cause": "firestore"}
    shop.read()
    assert shop.figures() == {"read_at": NOW, "left": 2}


def test_the_task_calls_the_worker(cloud: Cloud) -> None:
    url = f"http://127.0.0.1:{cloud.worker().port}{AUDIENCE_TASK_PATH}"
    headers = {"Authorization": f"Bearer {cloud.token()}"}
    assert requests.post(url, timeout=60).status_code == 401
    body = AudienceTask(kind="activity", run_id="20261125T2000Z").to_json()
    answer = requests.post(url, data=body, headers=headers, timeout=60)
    assert (answer.status_code, answer.json()) == (200, {"result": "not-read", "cause": "mistake"})
    cloud.letters()
    assert "no query names its recipients" in json.dumps(cloud.system_alerts)
    answer = requests.post(url, data=b"{}", headers=headers, timeout=60)
    assert (answer.status_code, answer.json()) == (200, {"result": "not-read", "cause": "invalid-task"})
