"""What must hold after whatever happened: the promise of the product, in a form that can be checked. Pure.

A history is what an observer from outside can know: what SendGrid accepted, what the ledger and the dead letters say,
where the users stand. The rules know nothing of faults but for two things: which endings a report may have, and how
often nobody could know whether a mail went out.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise

from tests.faults.moves import Move
from tests.faults.plans import Plan
from tests.faults.slack import Told

HOUR = timedelta(hours=1)

SENT = "sent"
SKIPPED = "skipped"
DEAD = "dead"
FINAL = {SENT, SKIPPED, DEAD}
UNKNOWN_OUTCOME = "unknown-outcome"


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """A report as the ledger has it.

    Attributes:
        state: as written there.
        period_start: what the report covers, from; None where the ledger does not say.
        period_end: and until.
    """

    id: str
    user_id: str
    due_at: datetime
    state: str
    period_start: datetime | None
    period_end: datetime | None


@dataclass(frozen=True, kw_only=True)
class UserHistory:
    """Where a user stood and stands.

    Attributes:
        plan: when the reports fall due, by the user's document at the end.
        former_plan: the same until the application changed it; None where it did not.
        first_due_at: `next_report_at` at the beginning.
        first_reported_until: `reported_until` at the beginning.
        next_report_at: at the end.
        reported_until: at the end.
        postponed_to: until when the application wanted no report; None where it did not say so.
    """

    id: str
    plan: Plan
    former_plan: Plan | None = None
    first_due_at: datetime
    first_reported_until: datetime
    next_report_at: datetime | None
    reported_until: datetime | None
    postponed_to: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class DeadLetter:
    """A dead letter as it is kept.

    Attributes:
        id: the document's.
        delivery_id: of which report; empty where it names none.
        user_id: whose; empty where it names nobody.
        is_open: whether it waits for a person.
    """

    id: str
    delivery_id: str
    user_id: str
    reason: str
    is_open: bool


@dataclass(frozen=True, kw_only=True)
class History:
    """All that happened, seen from outside.

    Attributes:
        last_run: the time of the dispatcher's last run.
        users: everybody who gets reports.
        deliveries: the ledger.
        accepted: the deliveries whose mails SendGrid accepted, once for each mail.
        dead_letters: as they are kept.
        alerts: the messages that Slack took.
        system_alerts: how many there are on record.
        expected_alerts: the titles of those about the system itself that there may be.
        moves: every write of `next_report_at`, by the users' ids.
        malformed: users whose document names no report or no due time.
        endings: how a delivery may end: `sent`, `skipped`, or the reason of a dead letter; those not named: `sent`.
        unknown: how often nobody could know whether a delivery's mail had been accepted. Counted only where the team
            has chosen to send again then.
        most_reports: how many reports a user may have got; None: as many as there were hours.
    """

    last_run: datetime
    users: Sequence[UserHistory]
    deliveries: Sequence[Delivery]
    accepted: Sequence[str]
    dead_letters: Sequence[DeadLetter] = ()
    alerts: Sequence[Told] = ()
    system_alerts: int = 0
    expected_alerts: frozenset[str] = frozenset()
    moves: Mapping[str, Sequence[Move]] = field(default_factory=dict)
    malformed: Sequence[str] = ()
    endings: Mapping[str, frozenset[str]] = field(default_factory=dict)
    unknown: Mapping[str, int] = field(default_factory=dict)
    most_reports: int | None = None


class Rule(StrEnum):
    """What was broken."""

    DOUBLED = "doubled"
    """A report was accepted by SendGrid twice."""
    LOST = "lost"
    """A due report is neither sent nor skipped nor an open dead letter."""
    UNTOLD = "untold"
    """Slack took fewer messages than there is to tell, whatever is noted in Firestore."""
    FALSE_ALARM = "false alarm"
    """People were told of something that was not so."""
    MISREPORTED = "misreported"
    """What is written down of a report is not what happened to it."""
    STORED_TWICE = "stored twice"
    """Two dead letters of one report, or of one user who cannot be sent any."""
    MOVED_WRONGLY = "moved wrongly"
    """A user's reports do not follow one another without gap or overlap, or the next one is due at a wrong time."""
    NOT_PLAYED = "not played"
    """What the scenario is about did not happen, or took no end."""
    WRONG_END = "wrong end"
    """A report ended in another way than it had to."""


@dataclass(frozen=True, order=True)
class Violation:
    """A rule that was broken, and by what."""

    rule: Rule
    subject: str
    text: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.subject}: {self.text}"


@dataclass(frozen=True, kw_only=True)
class Tally:
    """A history in numbers.

    Attributes:
        reports: those that fell due.
        sent: those that the ledger has as sent.
        skipped: likewise.
        doubled: those that broke the rule, with more mails accepted than there may be.
        lost: those that broke the rule.
        dead: those with a dead letter.
        resent: those sent again although the first mail had been accepted, as the team had chosen.
        alerts: messages that the channel got.
    """

    reports: int
    sent: int
    skipped: int
    doubled: int
    lost: int
    dead: int
    resent: int
    alerts: int


def check(history: History) -> list[Violation]:
    """Everything that is wrong with a history."""
    rules = (
        *(_doubled, _lost, _untold, _false_alarm, _misreported, _untrue_letters),
        *(_stored_twice, _moved_wrongly, _moved_back, _wrong_end),
    )
    return sorted({violation for rule in rules for violation in rule(history)})


def tally(history: History, violations: Iterable[Violation]) -> Tally:
    """Count a history, with what `check` found in it."""
    broken = {rule: {each.subject for each in violations if each.rule is rule} for rule in Rule}
    states = Counter(delivery.state for delivery in history.deliveries)
    mails = Counter(history.accepted)
    return Tally(
        reports=len({delivery.id for delivery in history.deliveries} | broken[Rule.LOST]),
        sent=states[SENT],
        skipped=states[SKIPPED],
        doubled=len(broken[Rule.DOUBLED]),
        lost=len(broken[Rule.LOST]),
        dead=states[DEAD],
        resent=sum(count > 1 for delivery_id, count in mails.items() if delivery_id not in broken[Rule.DOUBLED]),
        alerts=len(history.alerts),
    )


def _doubled(history: History) -> Iterator[Violation]:
    for delivery_id, mails in Counter(history.accepted).items():
        if mails > 1 + history.unknown.get(delivery_id, 0):
            yield Violation(Rule.DOUBLED, delivery_id, f"SendGrid accepted {mails} mails")


def _lost(history: History) -> Iterator[Violation]:
    lettered = {letter.delivery_id for letter in history.dead_letters if letter.is_open}
    for delivery in history.deliveries:
        if delivery.state not in FINAL:
            yield Violation(Rule.LOST, delivery.id, f"it is still {delivery.state}")
        elif delivery.state == DEAD and delivery.id not in lettered and delivery.user_id not in history.malformed:
            yield Violation(Rule.LOST, delivery.id, "it is dead, without an open letter")
    for user in history.users:
        if user.next_report_at is None or user.next_report_at <= history.last_run:
            yield Violation(Rule.LOST, user.id, f"a report has been due since {user.next_report_at}")


def _untold(history: History) -> Iterator[Violation]:
    """Slack shows one dead letter of a cause by name, and counts the others: so it is counted here, too."""
    told = sum(alert.count for alert in history.alerts if alert.is_of_dead_letter)
    if told < len(history.dead_letters):
        yield Violation(Rule.UNTOLD, "Slack", f"{len(history.dead_letters)} dead letters, and it was told of {told}")
    told = sum(alert.count for alert in history.alerts if not alert.is_of_dead_letter)
    if told < history.system_alerts:
        yield Violation(Rule.UNTOLD, "Slack", f"{history.system_alerts} system alerts, and it was told of {told}")


def _false_alarm(history: History) -> Iterator[Violation]:
    for alert in history.alerts:
        if not alert.is_of_dead_letter and alert.title not in history.expected_alerts:
            yield Violation(Rule.FALSE_ALARM, "Slack", alert.title)


def _untrue_letters(history: History) -> Iterator[Violation]:
    """A letter says that a report was not sent, or may not have been: it is open only as long as that is so."""
    states = {delivery.id: delivery.state for delivery in history.deliveries}
    for letter in history.dead_letters:
        state = states.get(letter.delivery_id)
        if letter.is_open and state is not None and state != DEAD:
            text = f"there is an open letter, {letter.reason}, and the report is {state}"
            yield Violation(Rule.MISREPORTED, letter.delivery_id, text)


def _misreported(history: History) -> Iterator[Violation]:
    mails = Counter(history.accepted)
    reasons = {letter.delivery_id: letter.reason for letter in history.dead_letters}
    known = {delivery.id for delivery in history.deliveries}
    for delivery in history.deliveries:
        if delivery.state == SENT and not mails[delivery.id]:
            yield Violation(Rule.MISREPORTED, delivery.id, "the ledger says sent, and SendGrid has accepted nothing")
        elif delivery.state == SKIPPED and mails[delivery.id]:
            yield Violation(Rule.MISREPORTED, delivery.id, "the ledger says skipped, and SendGrid has accepted a mail")
        elif (
            delivery.state == DEAD
            and mails[delivery.id] > history.unknown.get(delivery.id, 0)
            and reasons.get(delivery.id) != UNKNOWN_OUTCOME
        ):
            reason = reasons.get(delivery.id, "no reason")
            yield Violation(Rule.MISREPORTED, delivery.id, f"dead for {reason}, and SendGrid has accepted a mail")
    for delivery_id in mails.keys() - known:
        yield Violation(Rule.MISREPORTED, delivery_id, "SendGrid has accepted a mail that the ledger does not know of")
    for letter in history.dead_letters:
        if letter.delivery_id and letter.delivery_id not in known and letter.user_id not in history.malformed:
            yield Violation(Rule.MISREPORTED, letter.delivery_id, "there is a dead letter of an unknown report")


def _stored_twice(history: History) -> Iterator[Violation]:
    for delivery_id, letters in Counter(letter.delivery_id for letter in history.dead_letters).items():
        if delivery_id and letters > 1:
            yield Violation(Rule.STORED_TWICE, delivery_id, f"it has {letters} dead letters")
    of_users = Counter(letter.user_id for letter in history.dead_letters)
    for user in history.malformed:
        if of_users[user] != 1:
            yield Violation(Rule.STORED_TWICE if of_users[user] else Rule.LOST, user, f"{of_users[user]} dead letters")


def _moved_wrongly(history: History) -> Iterator[Violation]:
    of_user: dict[str, list[Delivery]] = defaultdict(list)
    for delivery in history.deliveries:
        of_user[delivery.user_id].append(delivery)
    for user in history.users:
        if history.most_reports is not None and len(of_user[user.id]) > history.most_reports:
            text = f"{len(of_user[user.id])} reports, where {history.most_reports} would do"
            yield Violation(Rule.MOVED_WRONGLY, user.id, text)
        due, until = user.first_due_at, user.first_reported_until
        for delivery in sorted(of_user[user.id], key=lambda each: each.due_at):
            if delivery.state not in FINAL:
                break
            if delivery.due_at != due:
                yield Violation(Rule.MOVED_WRONGLY, delivery.id, f"due at {delivery.due_at}, not at {due}")
            if delivery.period_start is None or delivery.period_end is None:
                yield Violation(Rule.MOVED_WRONGLY, delivery.id, "the ledger does not say what it covers")
                break
            if delivery.period_start != until:
                yield Violation(Rule.MOVED_WRONGLY, delivery.id, f"begins at {delivery.period_start}, not at {until}")
            if not _may_end(user, delivery.due_at, delivery.period_end, history.last_run):
                yield Violation(Rule.MOVED_WRONGLY, delivery.id, f"ends at {delivery.period_end}")
            due, until = user.plan.next_due(delivery.period_end, later_than=due), delivery.period_end
            due = max(due, user.postponed_to or due)
        else:
            if (user.next_report_at, user.reported_until) != (due, until):
                text = f"next at {user.next_report_at}, reported until {user.reported_until}; not {due}, {until}"
                yield Violation(Rule.MOVED_WRONGLY, user.id, text)


def _may_end(user: UserHistory, due_at: datetime, end: datetime, last_run: datetime) -> bool:
    """Whether a period may end there: not before that of its due time, and not in the future."""
    plans = [plan for plan in (user.plan, user.former_plan) if plan]
    return any(plan.is_end(end) and plan.covered_until(due_at) <= end <= last_run for plan in plans)


def _moved_back(history: History) -> Iterator[Violation]:
    for user, moves in history.moves.items():
        for before, after in pairwise(moves):
            if after.by_application or before.next_report_at is None:
                continue
            if after.next_report_at is None or after.next_report_at < before.next_report_at:
                text = f"moved back from {before.next_report_at} to {after.next_report_at}"
                yield Violation(Rule.MOVED_WRONGLY, user, text)


def _wrong_end(history: History) -> Iterator[Violation]:
    reasons = {letter.delivery_id: letter.reason for letter in history.dead_letters}
    for delivery in history.deliveries:
        if delivery.state not in FINAL or delivery.user_id in history.malformed:
            continue
        end = reasons.get(delivery.id, "dead without a letter") if delivery.state == DEAD else delivery.state
        allowed = history.endings.get(delivery.id, frozenset({SENT}))
        if end not in allowed:
            yield Violation(Rule.WRONG_END, delivery.id, f"{end}, not {' or '.join(sorted(allowed))}")
