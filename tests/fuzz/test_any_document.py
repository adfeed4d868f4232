"""Whatever a document holds: everybody else is served, the run ends, and what is broken is one dead letter, once.

An example is many broken documents side by side, each of a user of its own: a field of the user's document, of a
subscription, of what a report reads, or of a delivery, that holds anything. Between two runs the documents that the
pipeline itself has made (dead letters, runs, alerts) are broken, too. Some users are healthy, and get what is theirs
with every run; and so does the other subscription of a user who has a broken one.
"""

import itertools
import json
import math
import os
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest
from google.cloud.firestore_v1 import GeoPoint
from google.cloud.firestore_v1.vector import Vector
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from functions.shared.records.delivery import DELIVERY_FIELDS, DeliveryState
from functions.shared.records.ids import delivery_id, malformed_letter_id, run_id
from functions.shared.records.subscription import (
    DEFAULT_SUBSCRIPTION,
    SUBSCRIPTION_FIELDS,
    Subscription,
    SubscriptionDefaults,
)
from functions.shared.records.user import User
from functions.shared.times.plausible_time import plausible
from functions.shared.times.schedule import Cadence
from report_kit.kinds import kinds
from tests.fuzz.conftest import Pipeline
from tests.seeding import subscription_document, subscription_reference, user_document, user_reference

HOUR = timedelta(hours=1)
FIRST_DUE = datetime(2126, 1, 1, tzinfo=UTC)
"""In the far future: a run comes after the runs before it in the machine's time, too."""

RUNS = (0, 1, 27, 28)
"""At which hours: by the third whatever has been tried since the first is lost, and by the fourth the next is sent."""

HEALTHY = 3

TURNS = int(os.environ.get("FUZZ_TURNS", "1"))
"""Each turn has another odd value in every field, and the field of a delivery in another state. After three times as
many turns as there are odd values each was in each. So many examples of hypothesis's own there are, too."""

_examples = itertools.count()


class Broken(NamedTuple):
    """A field, and what is in it.

    Attributes:
        target: of which document: `user`, `subscription`, `event`, `quota`, `usage`, or a delivery by its state.
        field: its name.
        value: anything that Firestore takes.
    """

    target: str
    field: str
    value: Any


USER = ("email", "active", "name", "time_zone", "locale", "enrolled_at", "anything")
SUBSCRIPTION = tuple(dict.fromkeys([*SUBSCRIPTION_FIELDS, "user_id", "anything"]))
DATA = {
    "event": ("at", "type", "amount"),
    "quota": ("allowed", "name", "unit", "renews_on"),
    "usage": ("at", "quota", "amount"),
}
DELIVERIES = ("pending", "sending", "sent")
"""By the state of each: the last is of a subscription that was set back to it."""
FIELDS = {
    "user": USER,
    "subscription": SUBSCRIPTION,
    **DATA,
    **dict.fromkeys(DELIVERIES, DELIVERY_FIELDS),
}
PLACES = [(target, field) for target, fields in FIELDS.items() for field in fields]

ODD: list[Any] = [
    *(None, True, False, 0, -1, 2**63 - 1, -(2**63), 1e308, 1e-320, math.inf, -math.inf, math.nan, -0.0),
    *("", "x", "sent", "a" * 3000, "\x00\x1b]52;c;x\x07\r\n", "\u202e\u2028\ufeff\U0001f3f4", "../..", "true", "__x__"),
    *(b"", b"\xff\x00", [], {}, [None], {"a": {"b": [{}]}}, GeoPoint(90, 180), Vector([1.0, math.nan])),
    *(datetime.min.replace(tzinfo=UTC), datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)),
    *(datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, 0, 0, 1, tzinfo=UTC)),
    datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC),
    {f"k{number}": number for number in range(2000)},
    {"a.b": 2, "`": 3, "_proto_": 4, "x" * 1000: 5},
]

MALFORMED = [
    Broken("user", "email", None),
    Broken("user", "time_zone", "America"),
    Broken("subscription", "next_report_at", datetime.min.replace(tzinfo=UTC)),
    Broken("subscription", "next_report_at", "tomorrow"),
    Broken("subscription", "reported_until", datetime.max.replace(tzinfo=UTC, microsecond=0)),
    Broken("subscription", "kind", 7),
    Broken("subscription", "kind", "no_such_kind"),
    Broken("subscription", "to", []),
    Broken("subscription", "cc", ["twice@example.com", "TWICE@example.com"]),
    *(Broken("subscription", "cron", line) for line in (7, "", "0 0 30 2 *", "@daily")),
]
KNOWN = [
    *MALFORMED,
    Broken("pending", "period_end", datetime(2200, 1, 1, tzinfo=UTC)),
    Broken("sending", "lease_expires_at", datetime(2200, 1, 1, tzinfo=UTC)),
    Broken("subscription", "cron", "* * * * *"),
    *(Broken("subscription", "shard", shard) for shard in (None, ..., -1, 30, "7", 7.0)),
    Broken("user", "enrolled_at", ...),
]
"""What has stopped everybody's reports before, or the user's own for ever. A field with ... in it is left out."""

values = st.one_of(
    st.sampled_from(ODD),
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**63), 2**63 - 1)
        | st.floats()
        | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
        | st.binary(max_size=20)
        | st.datetimes(timezones=st.just(UTC)),
        lambda inner: (
            st.lists(inner.filter(lambda value: not isinstance(value, list)), max_size=3)
            | st.dictionaries(
                st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=5), inner, max_size=3
            )
        ),
        max_leaves=5,
    ),
)
broken_documents = st.lists(
    st.builds(lambda place, value: Broken(place[0], place[1], value), st.sampled_from(PLACES), values),
    min_size=30,
    max_size=30,
)


BROKEN = "broken"
"""The id of a subscription that is broken, or whose report reads broken data."""

BESIDE = ("user", "subscription")
"""Where these are broken, the user has the default subscription, too."""


class Scene:
    """An example's documents.

    Args:
        pipeline: where they are.
        documents: the broken ones.
        due_at: when everybody's report is due.
    """

    def __init__(self, pipeline: Pipeline, documents: Sequence[Broken], due_at: datetime) -> None:
        self._pipeline = pipeline
        self._due_at = due_at
        number = next(_examples)
        # No two examples share a user: names of tasks are refused for a day after their end.
        self.healthy = [f"healthy{number}-{each}" for each in range(HEALTHY)]
        self.broken = {f"broken{number}-{index}": each for index, each in enumerate(documents)}
        self._users: dict[str, dict[str, Any]] = {}
        self._subscriptions: dict[str, dict[str, Any]] = {}

    def write(self) -> None:
        writer = self._pipeline.database.batch()
        for user_id in self.healthy:
            self._write_user(writer, user_id)
            self._write_subscription(writer, user_id, DEFAULT_SUBSCRIPTION)
        for user_id, broken in self.broken.items():
            self._write_user(writer, user_id, **({broken.field: broken.value} if broken.target == "user" else {}))
            if broken.target in BESIDE:
                self._write_subscription(writer, user_id, DEFAULT_SUBSCRIPTION)
            fields = self._break(user_id, broken, writer)
            self._write_subscription(writer, user_id, BROKEN, **fields)
        writer.commit()

    def _write_user(self, writer: Any, user_id: str, /, **fields: Any) -> None:
        self._users[user_id] = user_document(
            user_id, **{"name": "Ada", "time_zone": "Europe/Berlin", "locale": "en", **fields}
        )
        writer.set(user_reference(self._pipeline.database, user_id), self._users[user_id])

    def _write_subscription(self, writer: Any, user_id: str, subscription_id: str, /, **fields: Any) -> None:
        due = {"next_report_at": self._due_at, "reported_until": self._due_at - HOUR}
        document = subscription_document(user_id, subscription_id, **{**due, **fields})
        if subscription_id == BROKEN:
            self._subscriptions[user_id] = document
        writer.set(subscription_reference(self._pipeline.database, user_id, subscription_id), document)

    def _break(self, user_id: str, broken: Broken, writer: Any) -> dict[str, Any]:
        """Write what is broken beside users and subscriptions.

        Returns:
            fields of the subscription.
        """
        before = self._due_at - HOUR / 2
        user = user_reference(self._pipeline.database, user_id)
        match broken.target:
            case "user":
                return {}
            case "subscription":
                # Something to report, whatever is in skip_empty.
                writer.set(user.collection("events").document("e"), {"at": before, "type": "login"})
                by_cron = {"cadence": "cron", "covers": "calendar"} if broken.field == "cron" else {}
                return {**by_cron, broken.field: broken.value}
            case "event":
                event = {"at": before, "type": "login", "amount": 1}
                writer.set(user.collection("events").document("e"), {**event, broken.field: broken.value})
                return {}
            case "quota" | "usage":
                quota = {"allowed": 10, "name": "Space", "unit": "GB", "renews_on": 1}
                usage = {"at": before, "quota": "q", "amount": 1}
                (quota if broken.target == "quota" else usage)[broken.field] = broken.value
                writer.set(user.collection("quotas").document("q"), quota)
                writer.set(user.collection("usage").document("u"), usage)
                return {"kind": "usage"}
        name = delivery_id(user_id, BROKEN, self._due_at)
        delivery = {
            "user_id": user_id,
            "subscription_id": BROKEN,
            "due_at": self._due_at,
            "run_id": run_id(self._due_at),
            "kind": "activity",
            "state": broken.target,
            "attempts": 1,
            "created_at": before,
            "updated_at": before,
            "expire_at": before + 90 * 24 * HOUR,
            "period_start": self._due_at - HOUR,
            "period_end": self._due_at,
            # Long over, by the machine's clock, which is the worker's.
            **(
                {"owner": "x", "lease_expires_at": datetime(2020, 1, 1, tzinfo=UTC)}
                if broken.target == "sending"
                else {}
            ),
            broken.field: broken.value,
        }
        writer.set(self._pipeline.database.collection("deliveries").document(name), delivery)
        return {}

    def letter_of(self, user_id: str) -> str:
        """The id of the dead letter that tells of a document; empty where no report is kept from being made."""
        user = User.from_fields(user_id, self._users[user_id])
        subscription = self._subscription(user_id)
        if not user.active:
            return ""
        if user.problem:
            return malformed_letter_id(user_id)
        if not subscription.active or not self._is_met(user_id):
            return ""
        is_malformed = subscription.problem or subscription.kind not in kinds()
        return malformed_letter_id(user_id, BROKEN) if is_malformed else ""

    def is_wanted(self, user_id: str) -> bool:
        """Whether the reports of the broken subscription are due and not paused."""
        user, subscription = User.from_fields(user_id, self._users[user_id]), self._subscription(user_id)
        due_at = subscription.next_report_at
        return (
            user.active
            and not subscription.is_paused(self._due_at)
            and self._is_met(user_id)
            and (due_at is None or due_at <= self._due_at)
        )

    def _subscription(self, user_id: str) -> Subscription:
        defaults = SubscriptionDefaults("activity", Cadence.HOURLY)
        return Subscription.from_fields(user_id, BROKEN, self._subscriptions[user_id], defaults)

    def _is_met(self, user_id: str) -> bool:
        """Whether a run has to do with the subscription: in the due index, a null means that nothing is due."""
        fields = self._subscriptions[user_id]
        due_at = fields.get("next_report_at", ...)
        if self._subscription(user_id).shard is None:
            return True
        if due_at is None or due_at is ...:
            return False
        moment = plausible(due_at)
        return moment is None or moment <= self._due_at


def break_what_the_pipeline_keeps(pipeline: Pipeline, odd: Sequence[Any]) -> None:
    """Put odd values into dead letters, runs and alerts: one field of each document, another in each."""
    turn = itertools.count()
    for collection in ("dead_letters", "runs", "alerts", "system_alerts"):
        for document_id, fields in sorted(pipeline.documents(collection).items()):
            number = next(turn)
            field = sorted(fields)[number % len(fields)]
            pipeline.database.collection(collection).document(document_id).set(
                {**fields, field: odd[number % len(odd)]}
            )


@pytest.fixture
def pipeline(started: Pipeline) -> Pipeline:
    return started


@settings(
    max_examples=TURNS,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(documents=broken_documents, odd=st.lists(values, min_size=7, max_size=7))
def test_whatever_documents_hold(pipeline: Pipeline, documents: list[Broken], odd: list[Any]) -> None:
    check(pipeline, documents, odd)


@pytest.mark.parametrize("turn", range(TURNS))
def test_an_odd_value_in_every_field(pipeline: Pipeline, turn: int) -> None:
    places = [
        *((target, field) for target, field in PLACES if target not in DELIVERIES),
        *((DELIVERIES[(number + turn) % len(DELIVERIES)], field) for number, field in enumerate(DELIVERY_FIELDS)),
    ]
    documents = [
        Broken(target, field, ODD[(7 * index + turn) % len(ODD)]) for index, (target, field) in enumerate(places)
    ]
    check(pipeline, [*documents, *KNOWN], ODD[turn:])


def check(pipeline: Pipeline, documents: Sequence[Broken], odd: Sequence[Any]) -> None:
    pipeline.clear()
    scene = Scene(pipeline, documents, FIRST_DUE)
    scene.write()
    known: dict[str, str] = {}
    for number, hour in enumerate(RUNS):
        answer = pipeline.run(FIRST_DUE + hour * HOUR)

        assert answer["http_status"] == 200, answer
        assert pipeline.documents("runs")[run_id(FIRST_DUE + hour * HOUR)]["state"] == "finished"
        mails = Counter(pipeline.mailed())
        assert max(mails.values()) == 1
        for user_id in scene.healthy:
            assert mails_of(mails, user_id, DEFAULT_SUBSCRIPTION) == number + 1
        letters = letters_by_user(pipeline)
        for user_id, broken in scene.broken.items():
            theirs = letters.get(user_id, set())
            if broken.target == "subscription":
                assert mails_of(mails, user_id, DEFAULT_SUBSCRIPTION) == number + 1, broken
            if broken.target in DATA:
                assert mails_of(mails, user_id, BROKEN) == number + 1, broken
                assert not theirs, broken
            elif broken in MALFORMED or scene.letter_of(user_id):
                assert theirs == {scene.letter_of(user_id)}, (broken, theirs)
            assert len(theirs) <= 1, (broken, theirs)
            if known.setdefault(user_id, "".join(theirs)):
                assert theirs == {known[user_id]}, broken
        break_what_the_pipeline_keeps(pipeline, [*odd[number:], *odd[:number]])
    mails = Counter(pipeline.mailed())
    final = {str(state) for state in DeliveryState if state.is_final}
    deliveries = pipeline.documents("deliveries")
    for user_id, broken in scene.broken.items():
        if broken.target in DELIVERIES:
            # Neither stuck nor silent: the report that was broken has come to its end, and the next ones were sent.
            assert deliveries[delivery_id(user_id, BROKEN, FIRST_DUE)]["state"] in final, broken
            assert mails_of(mails, user_id, BROKEN), broken
        elif scene.is_wanted(user_id):
            assert mails_of(mails, user_id, BROKEN) or known[user_id], broken


def mails_of(mails: Counter[str], user_id: str, subscription_id: str) -> int:
    """How many emails of a subscription there were: delivery ids begin with both ids."""
    return sum(delivery.startswith(f"{user_id}:{subscription_id}:") for delivery in mails)


def letters_by_user(pipeline: Pipeline) -> dict[str, set[str]]:
    """The ids of each user's dead letters: they begin with the user's id."""
    found: dict[str, set[str]] = {}
    for letter_id in pipeline.documents("dead_letters"):
        found.setdefault(letter_id.partition(":")[0], set()).add(letter_id)
    return found


SURROGATES = ["\\ud800", "\\udfff\\ud800", "a\\udc00b"]
"""As JSON writes them: neither UTF-8 nor protobuf can."""


@pytest.mark.parametrize("text", SURROGATES)
@pytest.mark.parametrize(
    "field", ["user_id", "subscription_id", "delivery_id", "run_id", "kind", "error", "letter_id", "due_at"]
)
def test_lone_surrogates_in_a_message(pipeline: Pipeline, field: str, text: str) -> None:
    letter = {
        "user_id": "u",
        "subscription_id": "s",
        "delivery_id": "u:s:21260101T0000Z",
        "run_id": "r",
        "kind": "activity",
        "error": "e",
        "letter_id": "u:malformed",
        "due_at": "2126-01-01T00:00:00Z",
        "reason": "lost",
        "attempts": 1,
        "failed_at": "2126-01-01T00:00:00Z",
    }
    pipeline.clear()
    data = json.dumps({**letter, field: "?"}).replace('"?"', f'"{text}"').encode()

    assert pipeline.storing.receives(data).status_code == 200

    assert len(pipeline.documents("dead_letters")) == 1


@pytest.mark.parametrize("text", SURROGATES)
@pytest.mark.parametrize("field", ["user_id", "subscription_id", "delivery_id", "run_id", "kind", "due_at"])
def test_lone_surrogates_in_a_task(pipeline: Pipeline, field: str, text: str) -> None:
    task = {
        "user_id": "u",
        "subscription_id": "s",
        "delivery_id": "u:s:21260101T0000Z",
        "run_id": "r",
        "kind": "activity",
        "due_at": "2126-01-01T00:00:00Z",
    }
    pipeline.clear()

    pipeline.deliver(json.dumps({**task, field: "?"}).replace('"?"', f'"{text}"').encode())

    (letter,) = pipeline.documents("dead_letters").values()
    assert letter["reason"] == "invalid-task"
