"""The promise of the product, as rules that must hold after any faults. Pure.

A history is what an observer from outside can know: what the email provider accepted, what the delivery records and the
dead letters say, where the subscriptions stand. The rules know only three things about faults: which endings a
report may have, which subscriptions were paused, and how often the outcome of an email was unknown.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import NamedTuple

from proof.faults.mail_rules import MailNews, Silence, StoredNews, misrecorded
from proof.faults.moves import Move
from proof.faults.plans import Plan
from proof.faults.slack import Told
from proof.faults.subscription_key import SubscriptionKey

HOUR = timedelta(hours=1)

SENT = "sent"
SKIPPED = "skipped"
DEAD = "dead"
FINAL = {SENT, SKIPPED, DEAD}
UNKNOWN_OUTCOME = "unknown-outcome"
INVALID_TASK = "invalid-task"
MAY_HAVE_BEEN_SENT = "an earlier attempt may have sent it"
SETTLED_TITLE = "The email provider has this report after all: nothing to do"
PAUSING = {"user-gone", "user-inactive", "subscription-gone", "paused"}
"""The reasons of skipped reports after which no other follows until the subscription is resumed."""


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """A delivery as its record has it.

    Attributes:
        key: the subscription that it belongs to.
        state: as written there.
        reason: why it was skipped; empty where the record does not say.
        note: what the record says beside the reason.
        was_unknown: whether an attempt ended without knowing whether the email was accepted.
        keeps_requests: whether it keeps the requests of its email.
        archived_as: the name of its copy in the archive; empty where it names none.
        archived_later: that of another email's, where one of the two was accepted and nothing says which.
        period_start: what the report covers, from; None where the record does not say.
        period_end: and until.
    """

    id: str
    key: SubscriptionKey
    due_at: datetime
    state: str
    reason: str = ""
    note: str = ""
    was_unknown: bool = False
    keeps_requests: bool = False
    archived_as: str = ""
    archived_later: str = ""
    period_start: datetime | None
    period_end: datetime | None


@dataclass(frozen=True, kw_only=True)
class Pause:
    """A time in which the application pauses a subscription.

    Attributes:
        since: when the application wrote the pause.
        until: when it ended; None: it has not.
        is_left_out: whether the next report leaves the time out.
    """

    since: datetime
    until: datetime | None = None
    is_left_out: bool = True


@dataclass(frozen=True, kw_only=True)
class SubscriptionHistory:
    """The state of a subscription at the beginning and at the end.

    Attributes:
        plan: when the reports fall due, by the documents at the end.
        former_plan: the same until the application changed it; None where it did not.
        recipients: the addresses that get each report.
        first_due_at: `next_report_at` at the beginning.
        first_reported_until: where the first report begins.
        is_marked: whether `reported_until` says so at the beginning.
        next_report_at: at the end.
        reported_until: at the end.
        postponed_to: until when the application wanted no report; None where it did not say so.
        pauses: when it was paused. Where it never was, it has a due time at all times.
        is_empty: whether there is nothing to report, so that each of its reports is skipped.
        objecting: the hashes of the addresses that it leaves out.
    """

    key: SubscriptionKey
    plan: Plan
    former_plan: Plan | None = None
    recipients: frozenset[str]
    first_due_at: datetime
    first_reported_until: datetime
    is_marked: bool = True
    next_report_at: datetime | None
    reported_until: datetime | None
    postponed_to: datetime | None = None
    pauses: Sequence[Pause] = ()
    is_empty: bool = False
    objecting: frozenset[str] = frozenset()

    @property
    def is_paused(self) -> bool:
        """Whether it is paused at the end."""
        return any(pause.until is None for pause in self.pauses)


@dataclass(frozen=True, kw_only=True)
class DeadLetter:
    """A dead letter as it is kept.

    Attributes:
        id: the document's.
        delivery_id: the delivery of the report; empty if it names none.
        key: the subscription; an id is empty if it names none.
        is_open: whether it waits for a person.
        is_settled: whether it closed by itself, since its report was sent.
        is_alerted: whether people have had an alert about it.
        problem: what is wrong with its document; empty where nothing is.
    """

    id: str
    delivery_id: str
    key: SubscriptionKey
    reason: str
    is_open: bool
    is_settled: bool = False
    is_alerted: bool = False
    problem: str = ""


@dataclass(frozen=True, kw_only=True)
class AcceptedMail:
    """An email that the provider accepted: a report for one of its recipients.

    Attributes:
        delivery_id: the delivery of the report.
        recipient: the address.
        is_of_user: whether that is the user's own.
        can_unsubscribe_user: whether the link that unsubscribes the user is in it.
        claimed_at: when the worker claimed the delivery that then sent it; None where that is not known.
        copy: the name, without the user, of the copy that its link shows; empty if it has none, None if only its
            envelope is known.
        text: what it says, without links; empty if that is not known.
    """

    delivery_id: str
    recipient: str
    is_of_user: bool = True
    can_unsubscribe_user: bool = True
    claimed_at: datetime | None = field(default=None, compare=False)
    copy: str | None = field(default=None, compare=False)
    text: str = field(default="", compare=False)


class ToldOutcome(NamedTuple):
    """An event that the team's application has got.

    Attributes:
        id: of the event.
        type: such as `report-pipeline.report.sent`.
        subject: the delivery, or the subscription.
        data: its JSON.
    """

    id: str
    type: str
    subject: str
    data: str


@dataclass(frozen=True, kw_only=True)
class History:
    """Everything that happened, as seen from outside.

    Attributes:
        runs: the times of the dispatcher's runs.
        subscriptions: those at the end, without those of users who are gone or inactive, unless these are to be
            paused.
        deliveries: their records.
        accepted: the emails that the provider accepted.
        dead_letters: as they are kept.
        alerts: the messages that Slack took.
        system_alerts: how many there are on record.
        expected_alerts: the titles of those about the system itself that there may be.
        moves: every write of `next_report_at` and of `reported_until`.
        malformed_users: those whose document keeps them from their reports.
        malformed_subscriptions: likewise.
        endings: how a delivery may end: `sent`, `skipped`, or the reason of a dead letter; those not named: `sent`, or
            `skipped` where there is nothing to report.
        unknown: how often the outcome of a delivery's email was unknown. Counted only if the team has chosen to send
            again then.
        most_reports: how many reports of a subscription there may be; None: as many as there were due times.
        silences: to whom no more email may go, by the provider's events or by their own wish.
        news: the events that have reached mail_events.
        records: what it keeps of them, by the id of the delivery.
        left_out: the hashes of the addresses that each subscription must leave out.
        changed_by_repeats: the documents that were written although only what had come before came again.
        inquired: the deliveries whose outcome a worker did not know, so that it asked whether the provider has it.
        told_by_log: the deliveries whose dead letter closed by itself, as the log alone says, since Pub/Sub was down.
        undecidable: those about which neither the email's events nor the provider's logs said anything in time.
        is_provable: whether the email provider can say that it has accepted an email.
        other_requests: the idempotency keys with which the provider got different requests.
        told: the events, and how often each came; None where the application need not hear of each report.
        copies: what the copies in the archive say, without links, by their names.
        names_all_copies: whether each delivery must name the copy of what was accepted.
    """

    runs: Sequence[datetime]
    subscriptions: Sequence[SubscriptionHistory]
    deliveries: Sequence[Delivery]
    accepted: Sequence[AcceptedMail]
    dead_letters: Sequence[DeadLetter] = ()
    alerts: Sequence[Told] = ()
    system_alerts: int = 0
    expected_alerts: frozenset[str] = frozenset()
    moves: Mapping[SubscriptionKey, Sequence[Move]] = field(default_factory=dict)
    malformed_users: Collection[str] = ()
    malformed_subscriptions: Collection[SubscriptionKey] = ()
    endings: Mapping[str, frozenset[str]] = field(default_factory=dict)
    unknown: Mapping[str, int] = field(default_factory=dict)
    most_reports: int | None = None
    silences: Sequence[Silence] = ()
    news: Sequence[MailNews] = ()
    records: Mapping[str, StoredNews] = field(default_factory=dict)
    left_out: Mapping[SubscriptionKey, frozenset[str]] = field(default_factory=dict)
    changed_by_repeats: Collection[str] = ()
    inquired: frozenset[str] = frozenset()
    told_by_log: frozenset[str] = frozenset()
    undecidable: frozenset[str] = frozenset()
    is_provable: bool = True
    other_requests: Collection[str] = ()
    told: Mapping[ToldOutcome, int] | None = None
    copies: Mapping[str, str] = field(default_factory=dict)
    names_all_copies: bool = True

    @property
    def last_run(self) -> datetime:
        """The time of the last run."""
        return max(self.runs)

    @property
    def left_to_people(self) -> set[str]:
        """The deliveries of unknown outcome about which a person has to decide."""
        dead = {delivery.id for delivery in self.deliveries if delivery.state == DEAD}
        letters = (letter for letter in self.dead_letters if letter.is_open and letter.reason == UNKNOWN_OUTCOME)
        return {letter.delivery_id for letter in letters} & dead

    def is_malformed(self, key: SubscriptionKey) -> bool:
        """Whether a document keeps a subscription's reports from being made."""
        return key.user_id in self.malformed_users or key in self.malformed_subscriptions


class Rule(StrEnum):
    """What was broken."""

    DOUBLED = "doubled"
    """The provider accepted a report twice for the same recipient."""
    LOST = "lost"
    """A due report is neither sent nor skipped nor an open dead letter."""
    UNTOLD = "untold"
    """Slack took alerts about fewer records than there are, even if Firestore says otherwise."""
    FALSE_ALARM = "false alarm"
    """People got an alert about something that did not happen."""
    MISREPORTED = "misreported"
    """The records of a report do not say what happened to it."""
    STORED_TWICE = "stored twice"
    """Two dead letters of one report, or of one malformed document."""
    MOVED_WRONGLY = "moved wrongly"
    """A subscription's reports do not follow one another without gap or overlap, except for what a pause leaves out, or
    the next one is due at a wrong time."""
    PAUSE_IGNORED = "pause ignored"
    """A paused subscription was sent, or runs still meet it."""
    NOT_PLAYED = "not played"
    """The scenario's fault did not happen, or did not end."""
    LINK_GIVEN_AWAY = "link given away"
    """Another recipient than the user got the link that unsubscribes the user, or the user did not get it."""
    UNWANTED = "unwanted"
    """An email went to an address that was to get no more, and the worker claimed it only after that was known."""
    MISRECORDED = "misrecorded"
    """What mail_events keeps of an email is not what the provider has said."""
    WRONGLY_LEFT_OUT = "wrongly left out"
    """A subscription leaves out another address than those that are to get no more email."""
    REPEATED = "repeated"
    """What had come before came again, and something was written for it."""
    UNSETTLED = "unsettled"
    """A person has to decide about a report of unknown outcome that the provider accepted, and could have said so."""
    WRONG_END = "wrong end"
    """A report did not end in the required way."""
    OTHER_REQUEST = "other request"
    """The worker made a request with an idempotency key of another request."""
    KEPT = "kept"
    """A delivery that is final keeps the requests of its email."""
    UNHEARD = "unheard"
    """The team's application heard nothing of what became of a report, or something else, or by two ids."""
    NO_COPY = "no copy"
    """A sent report names a copy that the archive does not have, or that of what nobody has accepted."""
    MALFORMED = "malformed"
    """A part of the pipeline cannot use what another part, or another version of it, has made."""


@dataclass(frozen=True, order=True)
class Violation:
    """A broken rule, and what broke it."""

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
        sent: those that their records have as sent.
        skipped: likewise.
        doubled: those that broke the rule, with more emails accepted than there may be.
        lost: those that broke the rule.
        dead: those with a dead letter.
        resent: those sent again although the first email had been accepted, as the team had chosen.
        alerts: messages that the channel got.
        unknown: those whose outcome a worker did not know.
        accepted: those of them that the provider had accepted.
        undecided: those of the accepted ones about which a person has to decide all the same.
        left: those about which a person has to decide, accepted or not.
    """

    reports: int
    sent: int
    skipped: int
    doubled: int
    lost: int
    dead: int
    resent: int
    alerts: int
    unknown: int
    accepted: int
    undecided: int
    left: int


def check(history: History) -> list[Violation]:
    """All rules that a history breaks."""
    rules = (
        *(_doubled, _lost, _untold, _false_alarm, _misreported, _untrue_letters),
        *(_stored_twice, _moved_wrongly, _moved_back, _pause_ignored, _link_given_away, _unsettled, _wrong_end),
        *(_unwanted, _misrecorded, _wrongly_left_out, _repeated, _other_request, _kept, _malformed, _unheard, _no_copy),
    )
    return sorted({violation for rule in rules for violation in rule(history)})


def tally(history: History, violations: Iterable[Violation]) -> Tally:
    """Count a history, with what `check` found in it."""
    broken = {rule: {each.subject for each in violations if each.rule is rule} for rule in Rule}
    states = Counter(delivery.state for delivery in history.deliveries)
    mails = Counter(history.accepted)
    again = {mail.delivery_id for mail, count in mails.items() if count > 1}
    unknown = history.inquired | history.left_to_people
    unknown |= {delivery.id for delivery in history.deliveries if delivery.was_unknown}
    accepted = unknown & {mail.delivery_id for mail in history.accepted}
    return Tally(
        reports=len({delivery.id for delivery in history.deliveries} | broken[Rule.LOST]),
        sent=states[SENT],
        skipped=states[SKIPPED],
        doubled=len(broken[Rule.DOUBLED]),
        lost=len(broken[Rule.LOST]),
        dead=states[DEAD],
        resent=len(again - broken[Rule.DOUBLED]),
        alerts=len(history.alerts),
        unknown=len(unknown),
        accepted=len(accepted),
        undecided=len(accepted & history.left_to_people),
        left=len(history.left_to_people),
    )


def _doubled(history: History) -> Iterator[Violation]:
    for mail, count in Counter(history.accepted).items():
        if count > 1 + history.unknown.get(mail.delivery_id, 0):
            yield Violation(
                Rule.DOUBLED, mail.delivery_id, f"the provider accepted {count} emails for {mail.recipient}"
            )


def _lost(history: History) -> Iterator[Violation]:
    lettered = {letter.delivery_id for letter in history.dead_letters if letter.is_open}
    for delivery in history.deliveries:
        if delivery.state not in FINAL:
            yield Violation(Rule.LOST, delivery.id, f"it is still {delivery.state}")
        elif delivery.state == DEAD and delivery.id not in lettered and not history.is_malformed(delivery.key):
            yield Violation(Rule.LOST, delivery.id, "it is dead, without an open letter")
    for each in history.subscriptions:
        if each.is_paused or history.is_malformed(each.key):
            continue
        if each.next_report_at is None or each.next_report_at <= history.last_run:
            yield Violation(Rule.LOST, str(each.key), f"a report has been due since {each.next_report_at}")


def _untold(history: History) -> Iterator[Violation]:
    """Slack shows one dead letter of a cause by name, and counts the others: so it is counted here, too."""
    told = sum(alert.count for alert in history.alerts if alert.is_of_dead_letter)
    # One that has closed by itself may have done so before its alert.
    letters = sum(not letter.is_settled for letter in history.dead_letters)
    if told < letters:
        yield Violation(Rule.UNTOLD, "Slack", f"{letters} dead letters, and it was told of {told}")
    told = sum(alert.count for alert in history.alerts if alert.title == SETTLED_TITLE)
    closed = sum(
        letter.is_settled and letter.is_alerted and letter.delivery_id not in history.told_by_log
        for letter in history.dead_letters
    )
    if told < closed:
        text = f"{closed} dead letters closed by themselves after an alert, and it was told of {told}"
        yield Violation(Rule.UNTOLD, "Slack", text)
    told = sum(alert.count for alert in history.alerts if not alert.is_of_dead_letter)
    if told < history.system_alerts:
        yield Violation(Rule.UNTOLD, "Slack", f"{history.system_alerts} system alerts, and it was told of {told}")


def _false_alarm(history: History) -> Iterator[Violation]:
    settled = {SETTLED_TITLE} if any(letter.is_settled for letter in history.dead_letters) else set()
    for alert in history.alerts:
        if not alert.is_of_dead_letter and alert.title not in history.expected_alerts | settled:
            yield Violation(Rule.FALSE_ALARM, "Slack", alert.title)


def _untrue_letters(history: History) -> Iterator[Violation]:
    """A letter says that a report was not sent, or may not have been: it is open only as long as that is so."""
    states = {delivery.id: delivery.state for delivery in history.deliveries}
    for letter in history.dead_letters:
        state = states.get(letter.delivery_id)
        if letter.is_open and state is not None and state != DEAD:
            text = f"there is an open letter, {letter.reason}, and the report is {state}"
            yield Violation(Rule.MISREPORTED, letter.delivery_id, text)
        if letter.is_open and letter.reason == UNKNOWN_OUTCOME and letter.delivery_id in history.records:
            text = "a person is asked whether it was sent, and the provider has said what became of it"
            yield Violation(Rule.MISREPORTED, letter.delivery_id, text)


def _misreported(history: History) -> Iterator[Violation]:
    reached: dict[str, set[str]] = defaultdict(set)
    for mail in history.accepted:
        reached[mail.delivery_id].add(mail.recipient)
    recipients = {each.key: each.recipients for each in history.subscriptions}
    silent: dict[SubscriptionKey, set[str]] = defaultdict(set)
    for silence in history.silences:
        silent[silence.key].add(silence.recipient)
    for delivery in history.deliveries:
        theirs = reached[delivery.id]
        due = recipients.get(delivery.key, theirs or frozenset({"somebody"}))
        if delivery.state == SENT and not (theirs and due - silent[delivery.key] <= theirs <= due):
            text = f"its record says sent, and the provider accepted emails for {', '.join(sorted(theirs)) or 'no one'}"
            yield Violation(Rule.MISREPORTED, delivery.id, text)
        elif delivery.state == SKIPPED and theirs and delivery.note != MAY_HAVE_BEEN_SENT:
            yield Violation(
                Rule.MISREPORTED, delivery.id, "its record says skipped, and the provider accepted an email"
            )
    yield from _misreported_deaths(history)
    known = {delivery.id for delivery in history.deliveries}
    for delivery_id in {mail.delivery_id for mail in history.accepted} - known:
        yield Violation(Rule.MISREPORTED, delivery_id, "the provider has accepted an email that has no record")
    for letter in history.dead_letters:
        if letter.delivery_id and letter.delivery_id not in known and not history.is_malformed(letter.key):
            yield Violation(Rule.MISREPORTED, letter.delivery_id, "there is a dead letter of an unknown report")


def _misreported_deaths(history: History) -> Iterator[Violation]:
    mails: Counter[str] = Counter()
    for mail, count in Counter(history.accepted).items():
        mails[mail.delivery_id] = max(mails[mail.delivery_id], count)
    reasons = {letter.delivery_id: letter.reason for letter in history.dead_letters}
    for delivery in history.deliveries:
        if delivery.state != DEAD or reasons.get(delivery.id) == UNKNOWN_OUTCOME:
            continue
        if mails[delivery.id] > history.unknown.get(delivery.id, 0):
            reason = reasons.get(delivery.id, "no reason")
            yield Violation(Rule.MISREPORTED, delivery.id, f"dead for {reason}, and the provider has accepted an email")


def _stored_twice(history: History) -> Iterator[Violation]:
    for delivery_id, letters in Counter(letter.delivery_id for letter in history.dead_letters).items():
        if delivery_id and letters > 1:
            yield Violation(Rule.STORED_TWICE, delivery_id, f"it has {letters} dead letters")
    of_users = Counter(letter.key.user_id for letter in history.dead_letters)
    of_subscriptions = Counter(letter.key for letter in history.dead_letters)
    found = {user: of_users[user] for user in history.malformed_users}
    found |= {str(key): of_subscriptions[key] for key in history.malformed_subscriptions}
    for subject, letters in found.items():
        if letters != 1:
            yield Violation(Rule.STORED_TWICE if letters else Rule.LOST, subject, f"{letters} dead letters")


def _moved_wrongly(history: History) -> Iterator[Violation]:
    of_subscription: dict[SubscriptionKey, list[Delivery]] = defaultdict(list)
    for delivery in history.deliveries:
        of_subscription[delivery.key].append(delivery)
    for each in history.subscriptions:
        theirs = sorted(of_subscription[each.key], key=lambda delivery: delivery.due_at)
        if history.most_reports is not None and len(theirs) > history.most_reports:
            text = f"{len(theirs)} reports, where {history.most_reports} would do"
            yield Violation(Rule.MOVED_WRONGLY, str(each.key), text)
        if not history.is_malformed(each.key):
            yield from _Course(each, history).violations(theirs)


class _Course:
    """Follows a subscription from one due time to the next.

    Args:
        subscription: which.
        history: all that happened.
    """

    def __init__(self, subscription: SubscriptionHistory, history: History) -> None:
        self._subscription = subscription
        self._plan = subscription.plan
        self._history = history
        moves = history.moves.get(subscription.key, ())
        self._placements = deque(move for move in moves if move.is_placed and not move.by_application)
        self._due: datetime | None = subscription.first_due_at
        self._until = subscription.first_reported_until
        self._is_marked = subscription.is_marked
        self._skipped: datetime | None = None
        self._resumptions = 0

    def violations(self, deliveries: Iterable[Delivery]) -> Iterator[Violation]:
        """What is wrong with it.

        Args:
            deliveries: the subscription's, by their due times.
        """
        for delivery in deliveries:
            yield from self._place(until=delivery.due_at)
            if delivery.state not in FINAL:
                return
            if delivery.due_at != self._due:
                yield Violation(Rule.MOVED_WRONGLY, delivery.id, f"due at {delivery.due_at}, not at {self._due}")
            if _is_skipped_by_pause(delivery):
                self._due = None
                continue
            if delivery.period_start is None or delivery.period_end is None:
                yield Violation(Rule.MOVED_WRONGLY, delivery.id, "its record does not say what it covers")
                return
            begin = max(filter(None, (self._until, self._skipped)))
            if delivery.period_start != begin:
                text = f"begins at {delivery.period_start}, not at {begin}"
                yield Violation(Rule.MOVED_WRONGLY, delivery.id, text)
            if not self._may_end(delivery.due_at, delivery.period_end):
                yield Violation(Rule.MOVED_WRONGLY, delivery.id, f"ends at {delivery.period_end}")
            self._move_on(delivery.due_at, delivery.period_end)
        yield from self._place()
        yield from self._end()

    def _move_on(self, due_at: datetime, until: datetime) -> None:
        due = self._plan.next_due(until, later_than=due_at)
        self._due, self._until = max(due, self._subscription.postponed_to or due), until
        self._is_marked = True

    def _may_end(self, due_at: datetime, end: datetime) -> bool:
        """Whether a period may end there: not before that of its due time, and not in the future."""
        plans = [plan for plan in (self._plan, self._subscription.former_plan) if plan]
        return any(plan.is_end(end) and plan.covered_until(due_at) <= end <= self._history.last_run for plan in plans)

    def _place(self, until: datetime | None = None) -> Iterator[Violation]:
        """Follow what the pipeline wrote when it gave the subscription a place in the due index.

        Args:
            until: as far as this due time; None: to the end.
        """
        while self._placements:
            placement = self._placements[0]
            if placement.next_report_at is None or (until is not None and until < placement.next_report_at):
                return
            if not self._is_right(placement):
                text = f"placed at {placement.next_report_at}, reported until {placement.reported_until}"
                yield Violation(Rule.MOVED_WRONGLY, str(self._subscription.key), text)
            ends_itself = self._ending_itself(placement)
            self._resumptions += placement.reported_until is not None or ends_itself is not None
            self._is_marked |= placement.reported_until is not None
            self._due = placement.next_report_at
            if ends_itself:
                # The mark moves with the next report.
                self._skipped = self._plan.after_pause(
                    self._until, ends_itself.since, ends_itself.until or placement.at
                )
            self._until = placement.reported_until or self._until
            self._placements.popleft()

    def _ending_itself(self, placement: Move) -> Pause | None:
        """The pause with an end that a due time was written for; None where it was written for none."""
        if placement.reported_until is not None:
            return None
        return next((each for each in self._subscription.pauses if each.until and placement.at < each.until), None)

    def _is_right(self, placement: Move) -> bool:
        """Whether the due time is right for the time at which the subscription was scheduled or resumed, and its
        `reported_until`."""
        moments = [run for run in self._history.runs if run <= placement.at]
        moments += [pause.until for pause in self._subscription.pauses if pause.until]
        if placement.reported_until is None:
            begin = self._until
            if ends_itself := self._ending_itself(placement):
                begin = self._plan.after_pause(begin, ends_itself.since, ends_itself.until or placement.at)
            scheduled = {self._plan.first_due(begin, not_before=moment) for moment in moments}
            return placement.next_report_at in {self._due, *scheduled}
        for pause in self._subscription.pauses:
            # What fell due before the pause comes after it, by its own due time or by the next one.
            owed = self._plan.next_due(self._until, later_than=self._until)
            for moment in moments:
                begin = self._until if owed < pause.since else self._plan.after_pause(self._until, pause.since, moment)
                due = {self._plan.first_due(begin, not_before=moment)} | ({owed} if owed < pause.since else set())
                if placement.next_report_at in due and placement.reported_until == begin:
                    return True
        return False

    def _end(self) -> Iterator[Violation]:
        subscription = self._subscription
        left_out = sum(pause.until is not None and pause.is_left_out for pause in subscription.pauses)
        if self._resumptions != left_out:
            text = f"resumed {self._resumptions} times, not {left_out}"
            yield Violation(Rule.MOVED_WRONGLY, str(subscription.key), text)
        if subscription.is_paused:
            return
        until = self._until if self._is_marked else None
        if (subscription.next_report_at, subscription.reported_until) != (self._due, until):
            text = (
                f"next at {subscription.next_report_at}, reported until {subscription.reported_until}; "
                f"not {self._due}, {until}"
            )
            yield Violation(Rule.MOVED_WRONGLY, str(subscription.key), text)


def _moved_back(history: History) -> Iterator[Violation]:
    pauses = {each.key: tuple(each.pauses) for each in history.subscriptions}
    for key, moves in history.moves.items():
        theirs = [move for move in moves if not move.by_application]
        if pauses.get(key) == () and any(move.is_taken_out for move in theirs):
            yield Violation(Rule.MOVED_WRONGLY, str(key), "its due time was removed, although it was not paused")
        for before, after in pairwise(move for move in moves if move.next_report_at or move.is_taken_out):
            if after.by_application or before.next_report_at is None or after.next_report_at is None:
                continue
            if after.next_report_at < before.next_report_at:
                text = f"moved back from {before.next_report_at} to {after.next_report_at}"
                yield Violation(Rule.MOVED_WRONGLY, str(key), text)
        for before, after in pairwise(move for move in moves if move.reported_until):
            if after.by_application or before.reported_until is None or after.reported_until is None:
                continue
            if after.reported_until < before.reported_until:
                text = f"reported until {before.reported_until}, and then until {after.reported_until}"
                yield Violation(Rule.MOVED_WRONGLY, str(key), text)


def _pause_ignored(history: History) -> Iterator[Violation]:
    pauses = {each.key: each.pauses for each in history.subscriptions}
    for each in history.subscriptions:
        if each.is_paused and each.next_report_at is not None and each.next_report_at <= history.last_run:
            text = f"each run meets its due time, {each.next_report_at}"
            yield Violation(Rule.PAUSE_IGNORED, str(each.key), text)
    skipped: Counter[SubscriptionKey] = Counter()
    for delivery in history.deliveries:
        theirs = pauses.get(delivery.key, ())
        skipped[delivery.key] += _is_skipped_by_pause(delivery)
        if delivery.state != SKIPPED and any(_is_in(pause, delivery.due_at) for pause in theirs):
            yield Violation(Rule.PAUSE_IGNORED, delivery.id, f"it fell due in a pause, and is {delivery.state}")
    for key, theirs in pauses.items():
        if skipped[key] > len(theirs):
            text = f"skipped {skipped[key]} times, and paused {len(theirs)} times"
            yield Violation(Rule.PAUSE_IGNORED, str(key), text)


def _is_skipped_by_pause(delivery: Delivery) -> bool:
    return delivery.state == SKIPPED and delivery.reason in PAUSING


def _is_in(pause: Pause, due_at: datetime) -> bool:
    return pause.is_left_out and pause.since < due_at and (pause.until is None or due_at < pause.until)


def _link_given_away(history: History) -> Iterator[Violation]:
    for mail in history.accepted:
        if mail.can_unsubscribe_user != mail.is_of_user:
            text = f"{mail.recipient} {'can' if mail.can_unsubscribe_user else 'cannot'} unsubscribe the user"
            yield Violation(Rule.LINK_GIVEN_AWAY, mail.delivery_id, text)


def _unwanted(history: History) -> Iterator[Violation]:
    of_key: dict[SubscriptionKey, list[Silence]] = defaultdict(list)
    for silence in history.silences:
        of_key[silence.key].append(silence)
    keys = {delivery.id: delivery.key for delivery in history.deliveries}
    for mail in history.accepted:
        claimed_at = mail.claimed_at
        if claimed_at is None or mail.delivery_id not in keys:
            continue
        if any(silence.holds(mail.recipient, claimed_at) for silence in of_key[keys[mail.delivery_id]]):
            text = f"claimed at {claimed_at}, when {mail.recipient} was to get no more email"
            yield Violation(Rule.UNWANTED, mail.delivery_id, text)


def _misrecorded(history: History) -> Iterator[Violation]:
    for delivery_id, text in misrecorded(history.news, history.records):
        yield Violation(Rule.MISRECORDED, delivery_id, text)


def _wrongly_left_out(history: History) -> Iterator[Violation]:
    for each in history.subscriptions:
        wanted = history.left_out.get(each.key, frozenset())
        if each.objecting != wanted:
            text = f"it leaves out {sorted(each.objecting)}, not {sorted(wanted)}"
            yield Violation(Rule.WRONGLY_LEFT_OUT, str(each.key), text)


def _repeated(history: History) -> Iterator[Violation]:
    for path in history.changed_by_repeats:
        yield Violation(Rule.REPEATED, path, "it was written")


def _unsettled(history: History) -> Iterator[Violation]:
    accepted = {mail.delivery_id for mail in history.accepted} if history.is_provable else set()
    for delivery_id in history.left_to_people & accepted - history.undecidable:
        yield Violation(Rule.UNSETTLED, delivery_id, "a person has to decide, and the provider has accepted it")


def _other_request(history: History) -> Iterator[Violation]:
    for key in history.other_requests:
        yield Violation(Rule.OTHER_REQUEST, key, "the provider got another request with it before")


def _kept(history: History) -> Iterator[Violation]:
    for delivery in history.deliveries:
        if delivery.keeps_requests and delivery.state in FINAL:
            yield Violation(Rule.KEPT, delivery.id, f"it is {delivery.state}, and keeps the requests of its email")


def _unheard(history: History) -> Iterator[Violation]:
    """Each final delivery is told, at least once, and always by the same id."""
    if history.told is None:
        return
    ids: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    contents: defaultdict[str, set[ToldOutcome]] = defaultdict(set)
    for each in history.told:
        ids[each.subject, each.type.rpartition(".")[2]].add(each.id)
        contents[each.id].add(each)
    for delivery in history.deliveries:
        told = {state: ids[delivery.id, state] for state in FINAL}
        if delivery.state in FINAL and not told[delivery.state]:
            yield Violation(Rule.UNHEARD, delivery.id, f"it is {delivery.state}, and no event says so")
        if told[SENT] and delivery.state != SENT:
            yield Violation(Rule.UNHEARD, delivery.id, f"an event says that it is sent, and it is {delivery.state}")
        for state in (SENT, SKIPPED):
            if len(told[state]) > 1:
                yield Violation(Rule.UNHEARD, delivery.id, f"{len(told[state])} ids say that it is {state}")
    for event, same in contents.items():
        if len(same) > 1:
            data = " and ".join(sorted(each.data for each in same))
            yield Violation(Rule.UNHEARD, event, f"events with this id differ: {data}")


def _no_copy(history: History) -> Iterator[Violation]:
    accepted: defaultdict[str, list[AcceptedMail]] = defaultdict(list)
    for mail in history.accepted:
        if mail.copy is not None:
            accepted[mail.delivery_id].append(mail)
    for delivery in history.deliveries:
        if delivery.state != SENT:
            continue
        name, mails = delivery.archived_as, accepted[delivery.id]
        if name and name not in history.copies:
            yield Violation(Rule.NO_COPY, delivery.id, f"{name} is not there")
            continue
        if any(mail.copy and delivery.archived_later.endswith(f"/{mail.copy}") for mail in mails):
            continue
        matching = [mail for mail in mails if mail.copy == name.partition("/")[2]]
        if mails and not matching and (name or history.names_all_copies):
            others = " and ".join(sorted({mail.copy or "no copy" for mail in mails}))
            yield Violation(Rule.NO_COPY, delivery.id, f"it names {name or 'no copy'}, and what was accepted {others}")
        elif name and matching and not any(mail.text in {"", history.copies[name]} for mail in matching):
            yield Violation(Rule.NO_COPY, delivery.id, f"{name} does not say what was accepted")


def _wrong_end(history: History) -> Iterator[Violation]:
    reasons = {letter.delivery_id: letter.reason for letter in history.dead_letters}
    paused = {each.key for each in history.subscriptions if each.pauses}
    empty = {each.key for each in history.subscriptions if each.is_empty}
    for delivery in history.deliveries:
        if delivery.state not in FINAL or history.is_malformed(delivery.key):
            continue
        if delivery.key in paused and _is_skipped_by_pause(delivery):
            continue
        end = reasons.get(delivery.id, "dead without a letter") if delivery.state == DEAD else delivery.state
        allowed = history.endings.get(delivery.id, frozenset({SKIPPED if delivery.key in empty else SENT}))
        if end not in allowed:
            yield Violation(Rule.WRONG_END, delivery.id, f"{end}, not {' or '.join(sorted(allowed))}")


def _malformed(history: History) -> Iterator[Violation]:
    """Of the documents that a scenario has not made malformed."""
    for letter in history.dead_letters:
        if letter.reason == INVALID_TASK:
            yield Violation(Rule.MALFORMED, letter.id, "a task or a message could not be read")
        elif letter.id.endswith(":malformed") and not history.is_malformed(letter.key):
            yield Violation(Rule.MALFORMED, letter.id, "a document was called malformed")
        elif letter.problem:
            yield Violation(Rule.MALFORMED, letter.id, letter.problem)
