"""The rules of the fault harness can fail: each is shown a history that breaks it, and one that does not."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.shared.records.address_hash import address_hash
from proof.faults.invariants import (
    HOUR,
    MAY_HAVE_BEEN_SENT,
    SETTLED_TITLE,
    UNKNOWN_OUTCOME,
    AcceptedMail,
    DeadLetter,
    Delivery,
    History,
    Pause,
    Rule,
    SubscriptionHistory,
    ToldOutcome,
    check,
    tally,
)
from proof.faults.mail_rules import MailNews, Silence, StoredNews, silences_by_news
from proof.faults.moves import Move
from proof.faults.plans import Plan
from proof.faults.slack import Told
from proof.faults.subscription_key import SubscriptionKey

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
KEY = SubscriptionKey("u1", "default")
ID, NEXT_ID = KEY.delivery(NOON), KEY.delivery(NOON + HOUR)
SENT = Delivery(id=ID, key=KEY, due_at=NOON, state="sent", period_start=NOON - HOUR, period_end=NOON)
SUBSCRIPTION = SubscriptionHistory(
    key=KEY,
    plan=Plan("hourly", "UTC"),
    recipients=frozenset({"ada@example.com"}),
    first_due_at=NOON,
    first_reported_until=NOON - HOUR,
    next_report_at=NOON + HOUR,
    reported_until=NOON,
)
MAIL = AcceptedMail(delivery_id=ID, recipient="ada@example.com")
COPY = AcceptedMail(delivery_id=ID, recipient="copy@example.com", is_of_user=False, can_unsubscribe_user=False)
LETTER = DeadLetter(id=ID, delivery_id=ID, key=KEY, reason="retries-exhausted", is_open=True)
TOLD = Told("Report not sent", "retries-exhausted", 1)
ALARM = Told("Reports are overdue", "", 1)
GOOD = History(runs=[NOON], subscriptions=[SUBSCRIPTION], deliveries=[SENT], accepted=[MAIL])
DEAD = replace(
    GOOD,
    deliveries=[replace(SENT, state="dead")],
    accepted=[],
    dead_letters=[LETTER],
    alerts=[TOLD],
    endings={ID: frozenset({"retries-exhausted"})},
)


def broken(history: History, **changes: Any) -> set[Rule]:
    """The rules that a history breaks, after some changes to it."""
    return {violation.rule for violation in check(replace(history, **changes))}


def test_good_histories_break_nothing() -> None:
    assert broken(GOOD) == set()
    assert broken(DEAD) == set()


def test_several_hours_in_a_row() -> None:
    caught_up = replace(SENT, id=NEXT_ID, due_at=NOON + HOUR, period_start=NOON, period_end=NOON + 3 * HOUR)
    history = replace(
        GOOD,
        runs=[NOON, NOON + 3 * HOUR],
        subscriptions=[replace(SUBSCRIPTION, next_report_at=NOON + 4 * HOUR, reported_until=NOON + 3 * HOUR)],
        deliveries=[caught_up, SENT],
        accepted=[MAIL, replace(MAIL, delivery_id=NEXT_ID)],
    )
    assert broken(history) == set()
    assert tally(history, []).reports == 2
    assert broken(history, most_reports=1) == {Rule.MOVED_WRONGLY}


def test_a_second_mail() -> None:
    assert broken(GOOD, accepted=[MAIL, MAIL]) == {Rule.DOUBLED}


def test_another_request_with_the_same_key() -> None:
    assert broken(GOOD, other_requests=[f"{ID}/0123/1"]) == {Rule.OTHER_REQUEST}


def test_requests_that_are_kept_too_long() -> None:
    assert broken(GOOD, deliveries=[replace(SENT, keeps_requests=True)]) == {Rule.KEPT}
    assert Rule.KEPT not in broken(GOOD, deliveries=[replace(SENT, state="sending", keeps_requests=True)])


def test_a_copy_that_is_named_and_not_there() -> None:
    sent = replace(SENT, archived_as="copy")
    assert broken(GOOD, deliveries=[sent]) == {Rule.NO_COPY}
    assert broken(GOOD, deliveries=[sent], copies={"copy": "", "of a worker that was killed": ""}) == set()


@pytest.mark.parametrize(("named", "accepted"), [("user/one", "two"), ("user/one", ""), ("", "one")])
def test_a_copy_of_what_nobody_accepted(named: str, accepted: str) -> None:
    sent, mail = replace(SENT, archived_as=named), replace(MAIL, copy=accepted)
    copies = {"user/one": "One.", "user/two": "Two."}
    assert broken(GOOD, deliveries=[sent], accepted=[mail], copies=copies) == {Rule.NO_COPY}
    of_accepted = replace(sent, archived_as=f"user/{accepted}" if accepted else "")
    assert broken(GOOD, deliveries=[of_accepted], accepted=[mail], copies=copies) == set()


def test_one_of_two_copies_of_which_nothing_says_more() -> None:
    sent, mail = replace(SENT, archived_as="user/one", archived_later="user/two"), replace(MAIL, copy="two")
    copies = {"user/one": "One.", "user/two": "Two."}
    assert broken(GOOD, deliveries=[sent], accepted=[mail], copies=copies) == set()
    assert broken(GOOD, deliveries=[sent], accepted=[replace(mail, copy="three")], copies=copies) == {Rule.NO_COPY}


def test_a_copy_that_says_something_else() -> None:
    sent, mail = replace(SENT, archived_as="user/one"), replace(MAIL, copy="one", text="One.")
    assert broken(GOOD, deliveries=[sent], accepted=[mail], copies={"user/one": "Two."}) == {Rule.NO_COPY}
    assert broken(GOOD, deliveries=[sent], accepted=[mail], copies={"user/one": "One."}) == set()


def test_the_application_hears_of_each_report_by_one_id() -> None:
    sent = ToldOutcome("1", "report-pipeline.report.sent", ID, "{}")
    assert broken(GOOD, told={sent: 3}) == set()
    assert broken(GOOD, told={}) == {Rule.UNHEARD}
    assert broken(GOOD, told={sent: 1, sent._replace(id="2"): 1}) == {Rule.UNHEARD}
    assert broken(GOOD, told={sent: 1, sent._replace(data="[]"): 1}) == {Rule.UNHEARD}
    dead = sent._replace(type="report-pipeline.report.dead")
    assert broken(DEAD, told={dead: 1, dead._replace(id="2"): 1}) == set()
    assert broken(DEAD, told={dead: 1, sent._replace(id="2"): 1}) == {Rule.UNHEARD}


def test_a_skipped_report_that_may_have_been_sent() -> None:
    skipped = replace(SENT, state="skipped")
    endings = {ID: frozenset({"skipped"})}
    assert broken(GOOD, deliveries=[skipped], endings=endings) == {Rule.MISREPORTED}
    assert broken(GOOD, deliveries=[replace(skipped, note=MAY_HAVE_BEEN_SENT)], endings=endings) == set()


def test_a_mail_for_each_recipient() -> None:
    copied = replace(SUBSCRIPTION, recipients=frozenset({MAIL.recipient, COPY.recipient}))
    assert broken(GOOD, subscriptions=[copied], accepted=[MAIL, COPY]) == set()
    assert broken(GOOD, subscriptions=[copied], accepted=[MAIL]) == {Rule.MISREPORTED}
    assert broken(GOOD, subscriptions=[copied], accepted=[MAIL, COPY, COPY]) == {Rule.DOUBLED}
    assert broken(GOOD, accepted=[MAIL, COPY]) == {Rule.MISREPORTED}


def test_a_link_in_the_wrong_hands() -> None:
    copied = replace(SUBSCRIPTION, recipients=frozenset({MAIL.recipient, COPY.recipient}))
    with_link = replace(COPY, can_unsubscribe_user=True)
    assert broken(GOOD, subscriptions=[copied], accepted=[MAIL, with_link]) == {Rule.LINK_GIVEN_AWAY}
    assert broken(GOOD, accepted=[replace(MAIL, can_unsubscribe_user=False)]) == {Rule.LINK_GIVEN_AWAY}


def test_a_second_mail_where_the_first_was_unknown() -> None:
    assert broken(GOOD, accepted=[MAIL, MAIL], unknown={ID: 1}) == set()
    assert broken(GOOD, accepted=[MAIL, MAIL, MAIL], unknown={ID: 1}) == {Rule.DOUBLED}
    assert tally(replace(GOOD, accepted=[MAIL, MAIL]), []).resent == 1


UNKNOWN = replace(
    DEAD,
    dead_letters=[replace(LETTER, reason=UNKNOWN_OUTCOME)],
    endings={ID: frozenset({UNKNOWN_OUTCOME})},
    inquired=frozenset({ID}),
)


def test_an_accepted_report_that_a_person_has_to_decide_about() -> None:
    assert broken(UNKNOWN) == set()
    assert broken(UNKNOWN, accepted=[MAIL]) == {Rule.UNSETTLED}
    # Nothing showed in time that it was accepted.
    assert broken(UNKNOWN, accepted=[MAIL], undecidable=frozenset({ID})) == set()
    # The provider cannot show it.
    assert broken(UNKNOWN, accepted=[MAIL], is_provable=False) == set()
    # A letter that is closed leaves nothing to decide.
    closed = [replace(LETTER, reason=UNKNOWN_OUTCOME, is_open=False)]
    assert Rule.UNSETTLED not in broken(UNKNOWN, accepted=[MAIL], dead_letters=closed)


def test_unknown_outcomes_are_counted() -> None:
    def counted(history: History) -> tuple[int, int, int]:
        result = tally(history, [])
        return result.unknown, result.accepted, result.undecided

    assert counted(GOOD) == (0, 0, 0)
    assert counted(replace(GOOD, inquired=frozenset({ID}))) == (1, 1, 0)
    assert counted(UNKNOWN) == (1, 0, 0)
    assert counted(replace(UNKNOWN, accepted=[MAIL], inquired=frozenset())) == (1, 1, 1)


@pytest.mark.parametrize("state", ["pending", "sending"])
def test_a_report_without_an_end(state: str) -> None:
    history = replace(GOOD, deliveries=[replace(SENT, state=state)], accepted=[])
    assert broken(history) == {Rule.LOST}
    assert tally(history, check(history)).lost == 1


def test_a_report_that_nobody_began_with() -> None:
    waiting = replace(SUBSCRIPTION, next_report_at=NOON, reported_until=NOON - HOUR)
    assert broken(GOOD, subscriptions=[waiting], deliveries=[], accepted=[]) == {Rule.LOST}


def test_a_subscription_without_a_next_report() -> None:
    assert Rule.LOST in broken(GOOD, subscriptions=[replace(SUBSCRIPTION, next_report_at=None)])


def test_a_death_that_nobody_was_told_of() -> None:
    assert broken(DEAD, alerts=[]) == {Rule.UNTOLD}
    # What tells of something else does not tell of it.
    assert broken(DEAD, alerts=[ALARM], expected_alerts=frozenset({ALARM.title})) == {Rule.UNTOLD}


def test_several_deaths_in_one_message() -> None:
    unreadable = replace(LETTER, id="x", delivery_id="")
    assert broken(DEAD, dead_letters=[LETTER, unreadable]) == {Rule.UNTOLD}
    assert broken(DEAD, dead_letters=[LETTER, unreadable], alerts=[replace(TOLD, count=2)]) == set()


def test_a_system_alert_that_nobody_was_told_of() -> None:
    assert broken(GOOD, system_alerts=1) == {Rule.UNTOLD}


def test_a_false_alarm() -> None:
    assert broken(GOOD, system_alerts=1, alerts=[ALARM]) == {Rule.FALSE_ALARM}
    assert broken(GOOD, system_alerts=1, alerts=[ALARM], expected_alerts=frozenset({ALARM.title})) == set()


@pytest.mark.parametrize("state", ["sent", "skipped", "pending", "sending"])
def test_an_open_letter_of_a_report_that_is_not_dead(state: str) -> None:
    history = replace(GOOD, deliveries=[replace(SENT, state=state)], dead_letters=[LETTER], alerts=[TOLD])
    assert Rule.MISREPORTED in broken(history)
    closed = replace(LETTER, is_open=False)
    assert Rule.MISREPORTED not in broken(
        history, dead_letters=[closed], endings={ID: frozenset({state})}, accepted=[MAIL] if state == "sent" else []
    )


def written(minutes: int, due: datetime | None = None, **fields: Any) -> Move:
    return Move(at=NOON + timedelta(minutes=minutes), next_report_at=due, **fields)


def test_a_subscription_that_moved_back_meanwhile() -> None:
    start = written(0, NOON, by_application=True)
    there_and_back = [start, written(1, NOON + 2 * HOUR), written(2, NOON + HOUR)]
    assert broken(GOOD, moves={KEY: there_and_back}) == {Rule.MOVED_WRONGLY}
    assert broken(GOOD, moves={KEY: [start, written(1, NOON + HOUR), written(2, NOON + HOUR)]}) == set()
    # An application may write what it likes, and the pipeline goes on from there.
    set_back = [start, written(1, NOON + HOUR), start, written(3, NOON + HOUR)]
    assert broken(GOOD, moves={KEY: set_back}) == set()


def test_reports_that_were_forgotten_meanwhile() -> None:
    until = [written(1, reported_until=NOON + HOUR), written(2, reported_until=NOON)]
    assert broken(GOOD, moves={KEY: until}) == {Rule.MOVED_WRONGLY}
    assert broken(GOOD, moves={KEY: until[::-1]}) == set()


def test_a_due_time_that_was_taken_away() -> None:
    ended = Pause(since=NOON - 3 * HOUR, until=NOON - 2 * HOUR, is_left_out=False)
    taken = [written(1, is_taken_out=True), written(2, NOON + HOUR)]
    assert broken(GOOD, moves={KEY: taken}) == {Rule.MOVED_WRONGLY}
    assert broken(GOOD, moves={KEY: taken}, subscriptions=[replace(SUBSCRIPTION, pauses=[ended])]) == set()


SKIPPED = replace(SENT, state="skipped", reason="paused", period_start=None, period_end=None)
PAUSED = replace(
    GOOD,
    subscriptions=[
        replace(SUBSCRIPTION, next_report_at=None, reported_until=NOON - HOUR, pauses=[Pause(since=NOON - HOUR / 2)]),
    ],
    deliveries=[SKIPPED],
    accepted=[],
    moves={KEY: [written(0, NOON, by_application=True), written(1, is_taken_out=True)]},
)
RESUMED = replace(
    PAUSED,
    runs=[NOON, NOON + 3 * HOUR],
    subscriptions=[
        replace(
            SUBSCRIPTION,
            next_report_at=NOON + 4 * HOUR,
            reported_until=NOON + 3 * HOUR,
            pauses=[Pause(since=NOON - HOUR / 2, until=NOON + 3 * HOUR + HOUR / 20)],
        )
    ],
    moves={
        KEY: [
            *PAUSED.moves[KEY],
            written(184, NOON + 4 * HOUR, reported_until=NOON + 3 * HOUR, is_placed=True),
        ]
    },
)


def test_a_pause() -> None:
    assert broken(PAUSED) == set()
    met = replace(PAUSED.subscriptions[0], next_report_at=NOON)
    assert broken(PAUSED, subscriptions=[met]) == {Rule.PAUSE_IGNORED}
    again = replace(SKIPPED, id=NEXT_ID, due_at=NOON + HOUR)
    assert Rule.PAUSE_IGNORED in broken(PAUSED, deliveries=[SKIPPED, again])
    # It was not paused.
    assert Rule.WRONG_END in broken(PAUSED, subscriptions=[replace(SUBSCRIPTION, reported_until=NOON - HOUR)])


def test_a_report_that_was_sent_in_a_pause() -> None:
    assert Rule.PAUSE_IGNORED in broken(PAUSED, deliveries=[replace(SENT, reason="")], accepted=[MAIL])
    before = replace(PAUSED.subscriptions[0], pauses=[Pause(since=NOON)])
    assert Rule.PAUSE_IGNORED not in broken(PAUSED, subscriptions=[before], deliveries=[SENT], accepted=[MAIL])


def test_a_pause_that_has_ended() -> None:
    assert broken(RESUMED) == set()
    # It was not resumed, or the paused time is in the next report.
    assert Rule.LOST in broken(RESUMED, subscriptions=[replace(RESUMED.subscriptions[0], next_report_at=None)])
    for placement in (
        written(184, NOON + 4 * HOUR, is_placed=True),
        written(184, NOON + 4 * HOUR, reported_until=NOON + HOUR, is_placed=True),
        written(184, NOON + 5 * HOUR, reported_until=NOON + 3 * HOUR, is_placed=True),
    ):
        stands = replace(
            RESUMED.subscriptions[0],
            next_report_at=placement.next_report_at,
            reported_until=placement.reported_until or NOON - HOUR,
        )
        moves = {KEY: [*PAUSED.moves[KEY], placement]}
        assert broken(RESUMED, subscriptions=[stands], moves=moves) == {Rule.MOVED_WRONGLY}
    going_on = replace(SENT, id=NEXT_ID, due_at=NOON + HOUR, period_start=NOON - HOUR, period_end=NOON + HOUR)
    assert Rule.MOVED_WRONGLY in broken(RESUMED, deliveries=[SKIPPED, going_on])


def test_a_pause_until_a_moment() -> None:
    until = NOON + timedelta(minutes=100)
    # The mark moves with the next report.
    placement = written(1, NOON + 2 * HOUR, is_placed=True)
    history = replace(
        RESUMED,
        runs=[NOON],
        subscriptions=[
            replace(
                SUBSCRIPTION,
                next_report_at=NOON + 2 * HOUR,
                reported_until=NOON - HOUR,
                pauses=[Pause(since=NOON - HOUR / 2, until=until)],
            )
        ],
        moves={KEY: [written(0, NOON, by_application=True), placement]},
    )
    assert broken(history) == set()
    too_early = replace(history.subscriptions[0], pauses=[Pause(since=NOON - HOUR / 2, until=until + HOUR)])
    assert broken(history, subscriptions=[too_early]) == {Rule.MOVED_WRONGLY}


def test_a_subscription_that_was_scheduled() -> None:
    """The application has removed the due time: the next one is the first that the run finds, or after it."""
    half_past = NOON + 3 * HOUR / 2
    scheduled = replace(
        GOOD,
        runs=[NOON, half_past],
        subscriptions=[replace(SUBSCRIPTION, next_report_at=NOON + 2 * HOUR)],
        moves={KEY: [written(91, NOON + 2 * HOUR, is_placed=True)]},
    )
    assert broken(scheduled) == set()
    for wrong in (half_past + HOUR / 4, NOON + 3 * HOUR):
        stands = replace(SUBSCRIPTION, next_report_at=wrong)
        moves = {KEY: [written(91, wrong, is_placed=True)]}
        assert broken(scheduled, subscriptions=[stands], moves=moves) == {Rule.MOVED_WRONGLY}


@pytest.mark.parametrize("key", [KEY, SubscriptionKey("u1", "")])
def test_a_malformed_document_is_one_letter(key: SubscriptionKey) -> None:
    letter = replace(LETTER, delivery_id="", id="u1:malformed", key=key, reason="permanent-error")
    malformed = {"malformed_subscriptions": [KEY]} if key.subscription_id else {"malformed_users": ["u1"]}
    history = replace(GOOD, subscriptions=[], deliveries=[], accepted=[], **malformed)
    assert broken(history, dead_letters=[letter], alerts=[TOLD]) == set()
    assert broken(history) == {Rule.LOST}
    # One letter tells of the document, however many reports fall due meanwhile.
    unsent = replace(SENT, state="dead")
    assert broken(history, dead_letters=[letter], alerts=[TOLD], deliveries=[unsent]) == set()
    with_every_run = [letter, replace(letter, id="u1:again")]
    assert broken(history, dead_letters=with_every_run, alerts=[TOLD, TOLD]) == {Rule.STORED_TWICE}


@pytest.mark.parametrize(
    "unusable",
    [
        replace(LETTER, id="message-0123", delivery_id="", reason="invalid-task"),
        replace(LETTER, id="u1:default:malformed", delivery_id="", reason="permanent-error"),
        replace(LETTER, problem="dead_letters/u1: absent or malformed: cause"),
    ],
    ids=["a task", "a document of the application", "a document of the pipeline"],
)
def test_what_one_part_makes_and_another_cannot_use(unusable: DeadLetter) -> None:
    assert broken(DEAD, dead_letters=[LETTER, unusable], alerts=[TOLD, TOLD]) >= {Rule.MALFORMED}


def test_the_application_changes_a_schedule() -> None:
    tokyo = Plan("daily", "Asia/Tokyo", hour=8)
    changed = replace(SUBSCRIPTION, plan=tokyo, former_plan=SUBSCRIPTION.plan, next_report_at=NOON + 11 * HOUR)
    assert broken(GOOD, subscriptions=[changed]) == set()
    early = replace(changed, next_report_at=NOON + HOUR)
    assert broken(GOOD, subscriptions=[early]) == {Rule.MOVED_WRONGLY}


def test_the_application_postpones_a_report() -> None:
    later = NOON + 5 * HOUR
    postponed = replace(SUBSCRIPTION, postponed_to=later, next_report_at=later)
    assert broken(GOOD, subscriptions=[postponed]) == set()
    assert broken(GOOD, subscriptions=[replace(SUBSCRIPTION, postponed_to=later)]) == {Rule.MOVED_WRONGLY}


def test_a_death_that_is_no_longer_open() -> None:
    assert broken(DEAD, dead_letters=[replace(LETTER, is_open=False)]) == {Rule.LOST}


def test_a_death_without_a_letter() -> None:
    assert broken(DEAD, dead_letters=[]) == {Rule.LOST, Rule.WRONG_END}


def test_sent_that_was_not() -> None:
    assert broken(GOOD, accepted=[]) == {Rule.MISREPORTED}


def test_skipped_that_was_sent() -> None:
    history = replace(GOOD, deliveries=[replace(SENT, state="skipped")], endings={ID: frozenset({"skipped"})})
    assert broken(history) == {Rule.MISREPORTED}
    assert broken(history, accepted=[]) == set()


def test_nothing_to_report() -> None:
    empty = replace(SUBSCRIPTION, is_empty=True)
    skipped = replace(SENT, state="skipped", reason="nothing-to-report")
    assert broken(GOOD, subscriptions=[empty], deliveries=[skipped], accepted=[]) == set()
    assert broken(GOOD, subscriptions=[empty]) == {Rule.WRONG_END}
    assert broken(GOOD, deliveries=[skipped], accepted=[]) == {Rule.WRONG_END}
    # It moves on as after an email.
    gap = replace(skipped, period_start=NOON - HOUR / 2)
    assert broken(GOOD, subscriptions=[empty], deliveries=[gap], accepted=[]) == {Rule.MOVED_WRONGLY}


def test_dead_that_was_sent() -> None:
    assert broken(DEAD, accepted=[MAIL]) == {Rule.MISREPORTED}
    # If the team sends again, the reason is that of the last attempt, regardless of earlier ones.
    assert broken(DEAD, accepted=[MAIL], unknown={ID: 1}) == set()
    unknown = replace(LETTER, reason=UNKNOWN_OUTCOME)
    allowed = {ID: frozenset({UNKNOWN_OUTCOME})}
    assert broken(DEAD, accepted=[MAIL], dead_letters=[unknown], endings=allowed) == {Rule.UNSETTLED}


def test_a_letter_that_closed_by_itself() -> None:
    settled = replace(LETTER, reason=UNKNOWN_OUTCOME, is_open=False, is_settled=True)
    assert broken(GOOD, dead_letters=[settled]) == set()
    told_after_all = Told(SETTLED_TITLE, "", 1)
    assert broken(GOOD, dead_letters=[settled], alerts=[TOLD, told_after_all], system_alerts=1) == set()
    assert broken(GOOD, alerts=[told_after_all]) == {Rule.FALSE_ALARM}
    alerted = replace(settled, is_alerted=True)
    assert broken(GOOD, dead_letters=[alerted], alerts=[TOLD]) == {Rule.UNTOLD}
    assert broken(GOOD, dead_letters=[alerted], alerts=[TOLD, told_after_all]) == set()
    assert broken(GOOD, dead_letters=[alerted], alerts=[TOLD], told_by_log=frozenset({ID})) == set()
    assert broken(GOOD, dead_letters=[settled, replace(LETTER, delivery_id="")]) == {Rule.UNTOLD}


def test_a_person_is_asked_about_what_sendgrid_has_said() -> None:
    unknown = replace(LETTER, reason=UNKNOWN_OUTCOME)
    endings = {ID: frozenset({UNKNOWN_OUTCOME})}
    history = replace(DEAD, accepted=[MAIL], dead_letters=[unknown], endings=endings, undecidable=frozenset({ID}))
    assert broken(history) == set()
    told, records = [news("delivered")], stored("delivered", delivered=0)
    assert broken(history, news=told, records=records) == {Rule.MISREPORTED}
    assert broken(GOOD, news=told, records=records) == set()


def test_a_mail_of_nobody() -> None:
    assert broken(GOOD, accepted=[MAIL, replace(MAIL, delivery_id="u2:default:20261124T1200Z")]) == {Rule.MISREPORTED}


def test_a_dead_letter_of_nobody() -> None:
    assert broken(DEAD, alerts=[TOLD, TOLD], dead_letters=[LETTER, replace(LETTER, id="x", delivery_id="x")]) == {
        Rule.MISREPORTED
    }


def test_a_dead_letter_stored_twice() -> None:
    told = [replace(TOLD, count=3)]
    assert broken(DEAD, alerts=told, dead_letters=[LETTER, replace(LETTER, id="again")]) == {Rule.STORED_TWICE}
    unreadable = replace(LETTER, delivery_id="")
    assert broken(DEAD, alerts=told, dead_letters=[LETTER, unreadable, replace(unreadable, id="other")]) == set()


@pytest.mark.parametrize(
    "changes",
    [
        {"due_at": NOON - HOUR},
        {"period_start": NOON - 2 * HOUR},
        {"period_start": NOON},
        {"period_end": NOON + HOUR},
        {"period_end": None},
    ],
)
def test_reports_that_do_not_follow_one_another(changes: dict[str, Any]) -> None:
    assert Rule.MOVED_WRONGLY in broken(GOOD, deliveries=[replace(SENT, **changes)])


@pytest.mark.parametrize(
    "changes", [{"next_report_at": NOON + 2 * HOUR}, {"reported_until": NOON - HOUR}, {"reported_until": None}]
)
def test_a_subscription_that_moved_wrongly(changes: dict[str, Any]) -> None:
    assert broken(GOOD, subscriptions=[replace(SUBSCRIPTION, **changes)]) == {Rule.MOVED_WRONGLY}


def test_a_new_subscription_that_is_not_due_yet() -> None:
    new = replace(SUBSCRIPTION, first_due_at=NOON + HOUR, first_reported_until=NOON, is_marked=False)
    history = replace(GOOD, subscriptions=[replace(new, reported_until=None)], deliveries=[], accepted=[])
    assert broken(history) == set()
    assert broken(history, subscriptions=[new]) == {Rule.MOVED_WRONGLY}


def test_a_death_that_had_no_cause() -> None:
    assert broken(DEAD, endings={}) == {Rule.WRONG_END}


def test_a_report_that_had_to_die() -> None:
    assert broken(GOOD, endings={ID: frozenset({"permanent-error"})}) == {Rule.WRONG_END}


def silence(recipient: str = "", **fields: Any) -> Silence:
    return Silence(key=KEY, recipient=recipient, since=NOON, **fields)


@pytest.mark.parametrize("recipient", ["", MAIL.recipient])
def test_a_mail_claimed_after_it_was_known_that_the_address_gets_no_more(recipient: str) -> None:
    late = replace(MAIL, claimed_at=NOON + timedelta(seconds=1))
    assert broken(GOOD, accepted=[late], silences=[silence(recipient)]) == {Rule.UNWANTED}
    assert broken(GOOD, accepted=[replace(MAIL, claimed_at=NOON)], silences=[silence(recipient)]) == set()
    assert broken(GOOD, accepted=[late], silences=[silence(recipient, until=NOON)]) == set()
    assert broken(GOOD, accepted=[late], silences=[silence("somebody@example.com")]) == set()


def test_who_gets_no_more_mail_may_be_missing_and_no_one_else() -> None:
    copied = replace(SUBSCRIPTION, recipients=frozenset({MAIL.recipient, COPY.recipient}))
    history = replace(GOOD, subscriptions=[copied])
    assert broken(history, silences=[silence(COPY.recipient)]) == set()
    assert broken(history, silences=[silence("somebody@example.com")]) == {Rule.MISREPORTED}
    assert broken(GOOD, accepted=[], silences=[silence(MAIL.recipient)]) == {Rule.MISREPORTED}


def test_an_address_that_is_left_out_for_no_reason_or_not_left_out() -> None:
    left_out = replace(SUBSCRIPTION, objecting=frozenset({"hash"}))
    assert broken(GOOD, subscriptions=[left_out]) == {Rule.WRONGLY_LEFT_OUT}
    assert broken(GOOD, subscriptions=[left_out], left_out={KEY: frozenset({"hash"})}) == set()
    assert broken(GOOD, left_out={KEY: frozenset({"hash"})}) == {Rule.WRONGLY_LEFT_OUT}


def news(status: str, minutes: int = 0, **fields: Any) -> MailNews:
    at = NOON + timedelta(minutes=minutes)
    told = {"delivery_id": ID, "recipient": MAIL.recipient, "ends_mail": False, "stored_at": NOON + HOUR, **fields}
    return MailNews(status=status, at=at, **told)


def stored(status: str, **minutes: int) -> dict[str, StoredNews]:
    hashed = address_hash(MAIL.recipient)
    moments = {(hashed, each): NOON + timedelta(minutes=number) for each, number in minutes.items()}
    return {ID: StoredNews(status=status, moments=moments)}


TOLD_NEWS = [news("delivered", 3), news("deferred", 1), news("deferred", 2)]


@pytest.mark.parametrize(
    ("told", "records", "is_right"),
    [
        (TOLD_NEWS, stored("delivered", delivered=3, deferred=1), True),
        (TOLD_NEWS, stored("delivered", delivered=3, deferred=2), False),
        (TOLD_NEWS, stored("deferred", delivered=3, deferred=1), False),
        (TOLD_NEWS, stored("delivered", delivered=3), False),
        (TOLD_NEWS, {}, False),
        ([], stored("delivered", delivered=3), False),
        # What was not answered as stored may be stored, or not.
        ([news("delivered", 3, stored_at=None)], stored("delivered", delivered=3), True),
        ([news("delivered", 3, stored_at=None)], {}, True),
        ([news("unsubscribed", 1), news("unsubscribed", 2)], stored("unsubscribed", unsubscribed=2), True),
        ([news("unsubscribed", 1), news("unsubscribed", 2)], stored("unsubscribed", unsubscribed=1), False),
    ],
)
def test_what_is_kept_is_what_sendgrid_has_said(
    told: list[MailNews], records: dict[str, StoredNews], is_right: bool
) -> None:
    assert broken(GOOD, news=told, records=records) == (set() if is_right else {Rule.MISRECORDED})


def test_an_event_ends_mail_to_its_address_in_all_of_the_users_subscriptions() -> None:
    bounced = news("bounced", ends_mail=True)
    other = SubscriptionKey("u1", "other")
    keys, owners = [KEY, other, SubscriptionKey("u2", "default")], {ID: "u1"}
    ended = list(silences_by_news([bounced, news("delivered")], keys, owners, {}))
    assert [(each.key, each.recipient, each.until) for each in ended] == [
        (KEY, MAIL.recipient, None),
        (other, MAIL.recipient, None),
    ]
    # Until a person resumes the subscription; and not at all where that was before the event came.
    resumed = {KEY: NOON + 2 * HOUR, other: NOON + timedelta(minutes=1)}
    assert [(each.key, each.until) for each in silences_by_news([bounced], keys, owners, resumed)] == [
        (KEY, NOON + 2 * HOUR)
    ]


def test_what_changes_though_it_came_before() -> None:
    assert broken(GOOD, changed_by_repeats=["users/u1"]) == {Rule.REPEATED}
