"""What a row of a query that names recipients changes, and what stays as others have written it."""

import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.mail_events.address_events import fields_for_event
from functions.preferences.changes import without_address
from functions.shared.firestore.found_document import FoundDocument
from functions.shared.records.address_hash import address_hash
from functions.shared.records.audience import Audience, Effect, Plan
from functions.shared.records.audience_comparison import FEW, Known, compare, loses_too_many
from functions.shared.records.audience_row import AudienceRow
from functions.shared.records.last_reading import LastReading
from functions.shared.records.mail_event import MailEvent, MailStatus
from functions.shared.records.mark import paused_fields, resumed_fields
from functions.shared.records.objections import all_taken_back, objection_fields
from functions.shared.records.recipient_pauses import Stored, paused, resumed, stopped
from functions.shared.records.states import PauseReason
from functions.shared.records.subscription import Subscription, SubscriptionDefaults
from functions.shared.records.user import User
from functions.shared.times.schedule import Cadence

DEFAULTS = SubscriptionDefaults("activity", Cadence.HOURLY)
NOW = datetime(2026, 11, 25, 20, 20, tzinfo=UTC)
DAY = timedelta(days=1)
ADA = {"id": "c1", "email": "ada@customer.example"}


@dataclass
class Kept:
    """The documents of one recipient, as readings and others write them."""

    user: dict[str, Any] | None = None
    subscription: dict[str, Any] | None = None
    now: datetime = NOW
    version: datetime = NOW
    effects: list[Effect] = field(default_factory=list)
    problem: str = ""

    def reads(self, *, is_erased: bool = False, elsewhere: Collection[str] = (), **row: Any) -> Effect:
        """A reading finds the recipient in the query."""
        read = AudienceRow.from_columns({**ADA, **row}, {}, ("region",), cadence=DEFAULTS.cadence)
        return self.written(self.audience.plan(read, *self.found, is_erased=is_erased, elsewhere=elsewhere))

    def misses(self) -> Effect:
        """A reading does not find the recipient in the query."""
        return self.written(self.audience.plan_leaving(*self.found))

    @property
    def audience(self) -> Audience:
        return Audience("sales", DEFAULTS, self.now)

    def written(self, what: Plan) -> Effect:
        self.version = self.now
        if what.user:
            self.user = {**(self.user or {}), **what.user}
        if what.subscription:
            self.subscription = {**(self.subscription or {}), **what.subscription}
        self.effects.append(what.effect)
        self.problem = what.problem
        return what.effect

    def writes(self, **fields: Any) -> None:
        """Somebody else writes fields of the subscription."""
        assert self.subscription is not None
        self.version = self.now
        self.subscription |= fields

    def does(self, decide: Callable[[Stored], Mapping[str, Any]]) -> None:
        """The recipient does something on the recipient's page."""
        assert self.user is not None
        assert self.subscription is not None
        user = User.from_fields("c1", self.user)
        self.writes(**decide(Stored(user=user, subscription=self.read, document=self.subscription)))

    @property
    def found(self) -> tuple[FoundDocument, FoundDocument]:
        return (
            FoundDocument("users/c1", self.user, self.version),
            FoundDocument("users/c1/report_subscriptions/sales", self.subscription, self.version),
        )

    @property
    def read(self) -> Subscription:
        """The subscription as all others read it."""
        assert self.subscription is not None
        found = Subscription.from_fields("c1", "sales", self.subscription, DEFAULTS, version=self.version)
        assert found.problem == ""
        return found


def test_a_new_recipient_is_a_user_whose_first_report_is_due_in_the_future() -> None:
    kept = Kept()
    row: dict[str, Any] = {
        "name": "Ada",
        "time_zone": "Asia/Tokyo",
        "cadence": "weekly",
        "weekday": "friday",
        "hour": Decimal(7),
    }
    assert kept.reads(**row, region="eu") is Effect.ADDED
    assert kept.user == {
        "email": "ada@customer.example",
        "name": "Ada",
        "time_zone": "Asia/Tokyo",
        "active": True,
        "enrolled_at": NOW,
        "audiences": ["sales"],
    }
    assert (kept.read.kind, kept.read.cadence, kept.read.weekday, kept.read.hour) == ("sales", Cadence.WEEKLY, 5, 7)
    assert kept.read.options == {"region": "eu"}
    # Friday at seven in Tokyo.
    assert kept.read.next_report_at == datetime(2026, 11, 26, 22, tzinfo=UTC)
    assert kept.read.reported_until is None


def test_a_field_follows_the_query_until_somebody_else_changes_it() -> None:
    kept = Kept()
    kept.reads(cadence="daily", hour=8, name="Ada", cc="a@customer.example b@customer.example")
    assert kept.reads(cadence="daily", hour=9, name="Ada L.", cc="a@customer.example") is Effect.CHANGED
    assert (kept.read.hour, kept.read.cc) == (9, ("a@customer.example",))
    assert kept.user is not None
    assert kept.user["name"] == "Ada L."
    kept.writes(hour=17)
    kept.user["name"] = "Countess"
    assert kept.reads(cadence="weekly", hour=10, name="Ada", cc="b@customer.example") is Effect.CHANGED
    assert (kept.read.cadence, kept.read.hour, kept.read.cc) == (Cadence.DAILY, 17, ("b@customer.example",))
    assert kept.user["name"] == "Countess"
    assert kept.reads(cadence="monthly", cc="b@customer.example") is Effect.KEPT
    assert kept.read.cadence is Cadence.DAILY


def test_what_the_query_does_not_say_any_more_has_its_default_again() -> None:
    kept = Kept()
    kept.reads(cadence="cron", cron="0 8 * * 1-5", locale="de", skip_empty=False)
    assert not kept.read.skip_empty
    kept.reads(cadence="daily", locale="")
    assert (kept.read.cadence, kept.read.cron, kept.read.skip_empty) == (Cadence.DAILY, None, True)
    assert User.from_fields("c1", kept.user or {}).locale == "en"


def test_a_new_schedule_counts_at_once() -> None:
    kept = Kept()
    kept.reads(cadence="weekly", hour=8)
    kept.reads(cadence="daily", hour=8)
    assert kept.read.next_report_at == datetime(2026, 11, 26, 8, tzinfo=UTC)


def test_who_leaves_gets_no_reports_and_who_returns_gets_the_next_one() -> None:
    kept = Kept()
    kept.reads(cadence="daily", hour=8)
    kept.now += DAY
    kept.writes(reported_until=datetime(2026, 11, 26, tzinfo=UTC), next_report_at=datetime(2026, 11, 27, 8, tzinfo=UTC))
    assert kept.misses() is Effect.LEFT
    assert (kept.read.active, kept.read.paused_because) == (False, PauseReason.NOT_IN_AUDIENCE)
    assert kept.read.next_report_at is None
    assert kept.misses() is Effect.KEPT
    # The page says that the team has paused it, and does not end that.
    kept.does(lambda stored: resumed(stored, now=kept.now))
    assert not kept.read.active
    kept.now += 3 * DAY
    assert kept.reads(cadence="daily", hour=8) is Effect.RETURNED
    assert (kept.read.active, kept.read.paused_because) == (True, None)
    assert kept.read.next_report_at == datetime(2026, 11, 30, 8, tzinfo=UTC)
    # What fell due while the recipient was away is skipped.
    assert kept.read.reported_until == datetime(2026, 11, 29, tzinfo=UTC)


def test_a_pause_of_the_recipients_goes_on_after_the_return() -> None:
    kept, until = Kept(), NOW + 10 * DAY
    kept.reads(cadence="daily")
    kept.does(lambda stored: paused(stored, until, now=kept.now))
    assert kept.misses() is Effect.LEFT
    kept.now += 2 * DAY
    assert kept.reads(cadence="daily") is Effect.RETURNED
    assert (kept.read.paused_until, kept.read.paused_because) == (until, PauseReason.USER)
    kept.misses()
    kept.now += 20 * DAY
    kept.reads(cadence="daily")
    assert not kept.read.is_paused(kept.now)
    assert kept.read.next_report_at is not None
    assert kept.read.next_report_at > kept.now


def test_a_pause_that_another_than_the_query_has_ended_does_not_come_back() -> None:
    kept, until = Kept(), NOW + 10 * DAY
    kept.reads(cadence="daily")
    kept.does(lambda stored: paused(stored, until, now=kept.now))
    kept.misses()
    # An operator resumes it, although the query does not name the recipient.
    kept.writes(**resumed_fields(kept.read, None, now=kept.now))
    assert kept.misses() is Effect.LEFT
    assert kept.reads(cadence="daily") is Effect.RETURNED
    assert not kept.read.is_paused(kept.now)


@pytest.mark.parametrize("because", [each for each in PauseReason if each is not PauseReason.NOT_IN_AUDIENCE])
def test_no_other_pause_is_ended(because: PauseReason) -> None:
    kept = Kept()
    kept.reads()
    kept.writes(**paused_fields(kept.read, None, because, now=kept.now))
    before = dict(kept.subscription or {})
    assert kept.misses() is Effect.KEPT
    assert kept.reads() is Effect.KEPT
    assert kept.subscription == before


def test_what_others_have_made_or_deleted_stays_so() -> None:
    kept = Kept()
    kept.reads()
    kept.subscription = None
    assert kept.reads() is Effect.REMOVED
    kept = Kept()
    kept.reads()
    kept.user = None
    assert kept.reads(name="Ada") is Effect.REMOVED
    kept = Kept(user={"email": "x@customer.example", "active": True}, subscription={"kind": "sales", "active": True})
    assert kept.reads() is Effect.NOT_ITS_OWN
    assert kept.misses() is Effect.NOT_ITS_OWN
    assert Kept().reads(is_erased=True) is Effect.ERASED


def test_a_user_of_the_applications_keeps_all_that_the_application_says() -> None:
    kept = Kept(user={"email": "Ada@Customer.example", "active": False, "plan": "pro", "audiences": ["usage"]})
    assert kept.reads(name="Ada") is Effect.ADDED
    assert kept.user == {
        "email": "Ada@Customer.example",
        "active": False,
        "plan": "pro",
        "name": "Ada",
        "audiences": ["usage", "sales"],
    }


def test_an_id_that_another_query_has_given_to_another_person_is_refused() -> None:
    supplier = {"email": "sup@supplier.example", "active": True, "audiences": ["bills"]}
    kept = Kept(user=dict(supplier))
    assert kept.reads() is Effect.REFUSED
    assert kept.problem == "email: is not that of the user who has this id already"
    assert (kept.user, kept.subscription) == (supplier, None)


@pytest.mark.parametrize("user", [None, {"active": True}])
def test_a_deleted_user_is_not_made_again_as_another_person(user: dict[str, Any] | None) -> None:
    kept = Kept(user=user)
    assert kept.reads(elsewhere={"sup@supplier.example"}) is Effect.REFUSED
    assert kept.problem.startswith("email: is not that of a subscription of another query")
    assert (kept.user, kept.subscription) == (user, None)
    assert kept.reads(elsewhere={"Ada@customer.example"}) is Effect.ADDED


def test_capitals_of_an_address_make_nobody_another_person() -> None:
    kept = Kept(user={"email": "Ada@Customer.example", "active": True})
    kept.reads()
    kept.reads(email="ada@new.example")
    assert kept.user is not None
    assert kept.user["email"] == "ada@new.example"


def test_a_customer_whose_address_changes_is_no_other_person() -> None:
    kept = Kept(user={"email": "ada@customer.example", "active": True, "audiences": ["bills"]})
    assert kept.reads() is Effect.ADDED
    assert kept.reads(email="ada@new.example") is Effect.CHANGED
    assert kept.user is not None
    assert kept.user["email"] == "ada@new.example"
    kept.user["email"] = "ada@elsewhere.example"
    assert kept.reads(email="ada@newer.example", name="Ada") is Effect.CHANGED
    assert kept.user["email"] == "ada@elsewhere.example"


BOB, CAT, DAN, EVE = (f"{name}@customer.example" for name in ("bob", "cat", "dan", "eve"))


def stops(kept: Kept, address: str) -> None:
    """A recipient stops a copy on the page that the copy links to."""
    kept.does(lambda stored: without_address(stored, address_hash(address), now=kept.now))


def happens(kept: Kept, address: str, status: MailStatus) -> None:
    """The email provider reports an event about an address."""
    pauses = next((each for each in PauseReason if each.value == status.value), None)
    event = MailEvent("d1", address_hash(address), status, kept.now, pauses=pauses)
    user = User.from_fields("c1", kept.user or {})
    kept.writes(**fields_for_event(user, kept.read, event, is_of_it=True, now=kept.now))


def test_who_stops_a_copy_stays_away_and_all_others_follow_the_query() -> None:
    kept = Kept()
    kept.reads(to=f"{BOB} {CAT}", cc=DAN)
    stops(kept, CAT)
    assert kept.reads(to=f"{BOB} {CAT}", cc=DAN) is Effect.KEPT
    # Bob leaves the company, and Eve comes.
    assert kept.reads(to=f"{CAT} {EVE}", cc=DAN) is Effect.CHANGED
    assert (kept.read.to, kept.read.cc) == ((EVE,), (DAN,))
    assert kept.reads(to=EVE) is Effect.CHANGED
    assert (kept.read.to, kept.read.cc) == ((EVE,), ())
    # Nor does Cat come back with the query, or with an operator who takes all objections back.
    kept.writes(**objection_fields(kept.read, all_taken_back(kept.read, at=kept.now)))
    assert kept.reads(to=f"{CAT} {EVE}", cc=BOB) is Effect.CHANGED
    assert (kept.read.to, kept.read.cc) == ((EVE,), (BOB,))


def test_who_gets_a_report_in_place_of_the_one_who_stopped_it_follows_the_query() -> None:
    kept = Kept()
    kept.reads(to=BOB, cc=f"{CAT} {DAN}")
    stops(kept, BOB)
    assert (kept.read.to, kept.read.cc) == ((CAT, DAN), ())
    kept.reads(to=BOB, cc=CAT)
    assert (kept.read.to, kept.read.cc) == ((CAT,), ())
    # Who is left alone stops it, too: it is paused until the query names somebody else.
    stops(kept, CAT)
    assert not kept.read.active
    kept.now += DAY
    kept.reads(to=BOB, cc=CAT)
    assert (kept.read.to, kept.read.active) == ((CAT,), False)
    kept.reads(to=BOB, cc=f"{CAT} {EVE}")
    assert (kept.read.to, kept.read.active) == ((CAT, EVE), True)
    assert kept.read.next_report_at is not None
    assert kept.read.next_report_at > kept.now
    kept.reads(to=DAN, cc=CAT)
    assert (kept.read.to, kept.read.cc) == ((DAN,), (CAT,))
    assert kept.read.leaves_out(CAT)


def test_who_stops_a_report_again_keeps_it_from_nobody_whom_the_query_names_later() -> None:
    kept = Kept()
    kept.reads(to=BOB)
    stops(kept, BOB)
    kept.reads(to=BOB, cc=CAT)
    before = dict(kept.subscription or {})
    stops(kept, BOB)
    assert kept.subscription == before
    kept.reads(to=DAN)
    assert (kept.read.to, kept.read.active) == ((DAN,), True)


@pytest.mark.parametrize("status", [MailStatus.BOUNCED, MailStatus.COMPLAINED, MailStatus.UNSUBSCRIBED])
def test_who_stops_a_report_after_an_event_has_paused_it_leaves_it_to_the_others(status: MailStatus) -> None:
    kept = Kept()
    kept.reads(to=BOB, cc=CAT)
    happens(kept, BOB, status)
    assert not kept.read.active
    stops(kept, BOB)
    assert (kept.read.to, kept.read.active) == ((CAT,), True)
    assert kept.reads(to=[BOB, DAN]) is Effect.CHANGED
    assert (kept.read.to, kept.read.active) == ((DAN,), True)


def test_who_takes_back_at_the_provider_what_stays_stopped_keeps_it_from_nobody() -> None:
    kept = Kept()
    kept.reads(to=BOB)
    stops(kept, BOB)
    kept.now += DAY
    happens(kept, BOB, MailStatus.RESUBSCRIBED)
    assert not kept.read.active
    assert kept.reads(to=BOB, hour=9) is Effect.CHANGED
    assert not kept.read.active
    kept.reads(to=CAT)
    assert (kept.read.to, kept.read.active) == ((CAT,), True)


def test_what_the_user_has_stopped_stays_so_whomever_the_query_names() -> None:
    kept = Kept()
    kept.reads()
    kept.does(lambda stored: stopped(stored, now=kept.now))
    kept.reads(to=BOB)
    happens(kept, BOB, MailStatus.UNSUBSCRIBED)
    kept.reads(to=CAT)
    assert (kept.read.to, kept.read.active) == ((CAT,), False)


@pytest.mark.parametrize("because", [PauseReason.OPERATOR, PauseReason.USER])
def test_a_pause_for_another_reason_stays_although_the_query_names_others(because: PauseReason) -> None:
    kept = Kept()
    kept.reads(to=BOB)
    stops(kept, BOB)
    kept.writes(**paused_fields(kept.read, None, because, now=kept.now))
    kept.reads(to=CAT)
    assert (kept.read.to, kept.read.active) == ((CAT,), False)


def test_who_left_the_query_stays_away_although_others_objected() -> None:
    kept = Kept()
    kept.reads(to=BOB)
    stops(kept, BOB)
    kept.misses()
    assert kept.reads(to=BOB) is Effect.KEPT
    assert not kept.read.active


def test_lists_follow_the_query_until_an_operator_changes_them() -> None:
    kept = Kept()
    kept.reads(to=f"{BOB} {CAT}", cc=DAN)
    stops(kept, CAT)
    kept.writes(to=[EVE])
    assert kept.reads(to=f"{BOB} {DAN}") is Effect.CHANGED
    assert (kept.read.to, kept.read.cc) == ((EVE,), ())
    # An operator puts all back as the query has it.
    kept.writes(to=[CAT, BOB])
    kept.reads(to=f"{CAT} {BOB}")
    kept.reads(to=f"{CAT} {DAN}")
    assert kept.read.to == (CAT, DAN)


@pytest.mark.parametrize("to", [[5], [None], [BOB, None], [[BOB]], 5])
def test_a_malformed_list_refuses_its_own_row_and_ends_no_reading(to: Any) -> None:
    kept = Kept()
    kept.reads(to=BOB)
    kept.writes(to=to)
    assert kept.reads(to=BOB, hour=9) is Effect.REFUSED
    assert kept.problem.startswith("to: must be a list")


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ({"id": None}, "id: must be"),
        ({"id": "a/b"}, "id: must be"),
        ({"id": 1.5}, "id: must be"),
        ({"email": None}, "email: is missing"),
        ({"email": "ada"}, "email: must be"),
        ({"time_zone": "Mars"}, "time_zone: must be"),
        ({"cadence": "often"}, "cadence: must be"),
        ({"hour": 25}, "hour: must be"),
        ({"hour": "8"}, "hour: must be"),
        ({"cron": "0 8 * * *", "cadence": "weekly"}, "cron: goes with the cadence cron"),
        ({"cc": "a@x.example a@x.example"}, "cc: must be"),
        ({"id": b"c1"}, "id: must be"),
        ({"id": Decimal("NaN")}, "id: must be"),
        ({"id": True}, "id: must be"),
        ({"email": b"ada@customer.example"}, "email: must be"),
        ({"hour": Decimal("NaN")}, "hour: must be"),
        ({"sandbox": "true"}, "sandbox: must be"),
    ],
)
def test_a_row_that_is_no_recipient_says_why_without_the_value(row: dict[str, Any], problem: str) -> None:
    kept = Kept()
    assert kept.reads(**row) is Effect.REFUSED
    assert (kept.user, kept.subscription) == (None, None)
    assert kept.problem.startswith(problem)
    assert "example" not in kept.problem


def read(columns: dict[str, Any], base: Mapping[str, Any] | None = None) -> AudienceRow:
    return AudienceRow.from_columns(columns, base or {}, ("region",), cadence=Cadence.DAILY)


def test_values_are_those_of_the_databases() -> None:
    row = {"id": 4711, "email": " a@x.example ", "hour": Decimal("8.0"), "region": date(2026, 11, 25), "name": None}
    assert read(row, base={"hour": 9, "minute": 5}) == AudienceRow(
        "4711",
        {"email": "a@x.example", "hour": 8, "minute": 5, "cadence": "daily", "options": {"region": "2026-11-25"}},
    )
    assert read({**row, "id": uuid.UUID(int=1)}).user_id == str(uuid.UUID(int=1))
    assert read({"id": "x", "cron": "0 8 * * *"}).said["cadence"] == "cron"
    # What is empty counts as missing, also a list of addresses.
    assert read({"id": "x", "to": " ", "cc": [], "name": "", "hour": None}) == read({"id": "x"})
    assert read({"id": "x", "cc": "a@x.example  b@x.example"}) == read(
        {"id": "x", "cc": ("a@x.example", "b@x.example")}
    )


@pytest.mark.parametrize(
    ("leaving", "of", "named", "is_too_many"),
    [
        (0, 100, 0, False),
        (1, 1, 0, True),
        (FEW, 6, 1, False),
        (FEW + 1, 7, 1, True),
        (20, 100, 80, False),
        (21, 100, 79, True),
    ],
)
def test_a_query_that_lost_many_stops_nobody(leaving: int, of: int, named: int, is_too_many: bool) -> None:
    assert loses_too_many(leaving, of=of, named=named) is is_too_many


def test_nobody_is_added_while_a_person_decides_about_those_who_are_gone() -> None:
    known = {f"c{number}": Known(1, is_active=True) for number in range(9)}
    # The ids have another form.
    rows = [AudienceRow(f"{number}", {"email": f"c{number}@x.example"}) for number in range(9)]
    settled, others = compare(rows, known, accepted=8)
    assert [each.plan.effect for each in settled] == [Effect.HELD_BACK] * 9 + [Effect.WAITING] * 9
    assert others == []
    settled, others = compare(rows, known, accepted=9)
    assert (settled, len(others)) == ([], 18)


def test_a_query_is_read_with_the_first_run_of_a_day() -> None:
    midnight = NOW.replace(hour=0, minute=0)
    assert LastReading().is_due(NOW)
    assert LastReading(read_at=midnight - timedelta(minutes=1)).is_due(midnight)
    assert not LastReading(read_at=midnight).is_due(NOW)
    # A person waits for it.
    assert LastReading(read_at=midnight, leaving_accepted=9).is_due(NOW)


ROWS = st.fixed_dictionaries(
    {
        "cadence": st.sampled_from(["daily", "weekly", "monthly"]),
        "hour": st.sampled_from([None, 7, 8]),
        "weekday": st.sampled_from([None, "monday", 5]),
        "day": st.sampled_from([None, 1, 31]),
        "name": st.sampled_from([None, "Ada", "Ada L."]),
        "locale": st.sampled_from([None, "de", "ja"]),
        "covers": st.sampled_from([None, "since-last"]),
    }
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("reads"), ROWS),
        st.tuples(st.sampled_from(["misses", "stops", "pauses", "resumes", "chooses", "waits"]), st.none()),
    ),
    max_size=12,
)


@settings(deadline=None)
@given(ROWS, STEPS)
def test_whatever_happens_in_any_order(first: dict[str, Any], steps: list[tuple[str, Any]]) -> None:
    kept, row = Kept(), first
    kept.reads(**row)
    has_chosen, wants_none, is_in = False, False, True
    for step, given_row in steps:
        match step:
            case "reads":
                row, is_in = given_row, True
                kept.reads(**row)
                again = dict(kept.subscription or {}), dict(kept.user or {})
                kept.reads(**row)
                assert (kept.subscription, kept.user) == again, "a second reading of the same changes something"
            case "misses":
                is_in = False
                kept.misses()
            case "stops":
                wants_none = True
                kept.does(lambda stored: stopped(stored, now=kept.now))
            case "pauses":
                kept.does(lambda stored: paused(stored, kept.now + 3 * DAY, now=kept.now))
            case "resumes":
                before = kept.read.active
                kept.does(lambda stored: resumed(stored, now=kept.now))
                wants_none = wants_none and not (kept.read.active and not before)
            case "chooses":
                has_chosen = True
                kept.writes(cadence="quarterly", hour=23)
            case "waits":
                kept.now += DAY
        read, due_at = kept.read, kept.read.next_report_at
        if step in {"reads", "misses"}:
            assert not (read.active and (wants_none or not is_in)), "reports come that nobody wants"
        if step == "reads" and read.active:
            assert due_at is not None
            if kept.effects[-2] in {Effect.ADDED, Effect.RETURNED}:
                assert due_at > kept.now, "a report comes for the past"
        if has_chosen:
            assert (read.cadence, read.hour) == (Cadence.QUARTERLY, 23), "a recipient's choice is gone"
        elif is_in:
            assert read.cadence == row["cadence"], "the query is not followed"
