"""One run of a scenario: its subscriptions, the faults that it injects, and the endings that it allows."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import grpc

from functions.dlq_handler.alerting.alert_links import AlertLinks
from functions.dlq_handler.alerting.system_alert_text import make_system_alert
from functions.shared.records.subscription import DEFAULT_SUBSCRIPTION
from functions.shared.records.system_alert import AlertKind, StoredSystemAlert
from functions.shared.settings import MailProviderName, OnUnknownOutcome
from local_cloud.rpc import RpcError
from local_pipeline.inbox.faults import CutConnection
from local_pipeline.inbox.mail import Mail
from local_pipeline.local_destination import LocalDestination, deliver_of
from local_pipeline.scheduler import Execution
from proof.faults.disturbances import CarryOut, Disturbance, Rule
from proof.faults.history import read_history
from proof.faults.injection_points import InjectionPoint, InterceptedCall
from proof.faults.instances import Instance
from proof.faults.invariants import SENT, UNKNOWN_OUTCOME, History, check
from proof.faults.invariants import Rule as Invariant
from proof.faults.mail_faults import FAULTS, MailFaults
from proof.faults.mail_rules import Silence
from proof.faults.mailbox import token_of, unsubscribe
from proof.faults.moves import APPLICATION
from proof.faults.plans import Plan
from proof.faults.seeded import SeededChoices
from proof.faults.subscribers import KnownSubscription, make_subscribers, subscription_fields, user_fields
from proof.faults.subscription_key import SubscriptionKey
from proof.faults.world import World
from tests.seeding import subscription_reference, user_reference

FEW_REPORTS = 8
"""With which the tests play a scenario. With fewer, some faults have no report to hit."""

RUNS_TO_MEND = 3
"""Every report must be final after this many runs of the dispatcher without faults.

The first run finds the overdue reports, the second finds what follows from them, and one is spare."""

KEYED = frozenset({LocalDestination.WEBHOOK, LocalDestination.GCS, LocalDestination.CHAT})
"""The destinations beside email that have each report once."""

Script = Callable[["ScenarioRun"], Awaitable[None]]
"""Plays a scenario."""


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A way in which the world misbehaves towards the pipeline.

    Attributes:
        name: a few words for the table of results.
        group: the service or the process that misbehaves.
        script: injects the faults.
        provider: through whom the worker sends.
        on_unknown_outcome: the setting of the worker.
        at_least: the fewest subscriptions with which the scenario can test what it is for.
        at_most: the most subscriptions that it may have, where each takes a lot of time.
        has_mail_events: whether SendGrid says what becomes of the emails.
        has_pages: whether recipients can unsubscribe by their page.
        destination: where the reports go; None: by email.
    """

    name: str
    group: str
    script: Script
    provider: MailProviderName = MailProviderName.SENDGRID
    on_unknown_outcome: OnUnknownOutcome = OnUnknownOutcome.DEAD_LETTER
    at_least: int = FEW_REPORTS
    at_most: int = 1_000_000
    has_mail_events: bool = False
    has_pages: bool = False
    destination: LocalDestination | None = None

    def __str__(self) -> str:
        return f"{self.group}: {self.name}"

    def through(self, provider: MailProviderName) -> "Scenario":
        """The same with another email provider, of whose emails no events come."""
        return replace(self, provider=provider, has_mail_events=False)


class ScenarioRun:
    """One run of a scenario, through which its script acts on the world.

    Args:
        world: the world that all scenarios share; it must be empty.
        scenario: the scenario to run.
        seeded: makes the random choices.
        count: the number of subscriptions.
        number: the number of this run in the process; it keeps the ids of its users apart from those of other runs.
    """

    def __init__(self, world: World, scenario: Scenario, *, seeded: SeededChoices, count: int, number: int) -> None:
        self.world = world
        self.scenario = scenario
        self.seeded = seeded
        self.healed = asyncio.Event()
        self.hour: datetime = datetime.min.replace(tzinfo=UTC)
        self.prefix = f"s{number}"
        """What the ids of its users begin with."""
        self._count = min(scenario.at_most, max(count, scenario.at_least))
        self._endings: dict[str, frozenset[str]] = {}
        self._unknown: Counter[str] = Counter()
        self._disturbed_may_end: frozenset[str] = frozenset()
        self._most_reports: int | None = None
        self._undecidable: set[str] = set()
        self.faults: MailFaults = FAULTS[scenario.provider]
        """How the email provider fails."""
        self._provable: set[str] = set()
        self.known: dict[SubscriptionKey, KnownSubscription] = {}
        """What the scenario knows about each subscription."""
        self._malformed_users: list[str] = []
        self._malformed_subscriptions: list[SubscriptionKey] = []
        self._expected_alerts: set[str] = set()
        self._mails_before = 0
        self._expected: list[Rule] = []
        self._unsubscribed: list[Silence] = []
        self._resumed: dict[SubscriptionKey, datetime] = {}
        self._changed_by_repeats: list[str] = []
        self.hears_all = True
        """Whether the application must hear of each report: not where a restore undoes what was told, for example."""
        self.names_all_copies = True
        """Whether each delivery must name the copy of what was accepted: a restored record knows of none."""
        self.notes: list[str] = []
        """What is to be said about it beside its figures."""

    async def begin(self) -> None:
        """Create the subscriptions, whose reports fall due at the next full hour."""
        self.world.on_disturbed = self._note_disturbance
        self._mails_before = len(self.world.inbox.mails)
        self.hour = self.world.next_hour()
        destination = self.scenario.destination
        deliver = deliver_of(destination, self.world.inbox.url) if destination else None
        made = ((key, replace(known, deliver=deliver)) for key, known in make_subscribers(f"{self.prefix}u", self.hour))
        await self._put_in(islice(made, self._count))

    async def end(self) -> History:
        """Stop all faults, and run the dispatcher until every report is final, `RUNS_TO_MEND` times at most.

        Raises:
            RuntimeError: a fault that must happen has not happened, so the scenario proves nothing.
        """
        self.heal()
        points = sorted({point.name for rule in self._expected if not rule.fired for point in rule.points})
        if points:
            raise RuntimeError(f"{self.scenario.name}: no call was disturbed at {', '.join(points)}")
        await self.world.drain()
        for _ in range(RUNS_TO_MEND):
            history = await self.history()
            if not {Invariant.LOST, Invariant.UNHEARD} & {violation.rule for violation in check(history)}:
                return history
            self.hour = self.world.next_hour()
            await self.dispatch()
            await self.world.drain()
        return await self.history()

    def heal(self) -> None:
        """Stop all faults."""
        self.healed.set()
        self.world.disturbances.rules.clear()
        self.world.front_end.before = None
        self.world.webhook_gate.before = None
        for instance in self.world.front_end.instances:
            instance.available = True

    async def history(self) -> History:
        """Read what has happened so far."""
        disturbed = dict.fromkeys(self._unknown, self._disturbed_may_end | {SENT}) if self._disturbed_may_end else {}
        return await read_history(
            self.world,
            known=self.known,
            malformed_users=self._malformed_users,
            malformed_subscriptions=self._malformed_subscriptions,
            runs=[*self.world.runs, self.hour],
            mails_before=self._mails_before,
            expected_alerts=frozenset(self._expected_alerts),
            endings={**disturbed, **self._endings},
            most_reports=self._most_reports,
            undecidable=frozenset(self._undecidable),
            unknown={
                delivery: times
                for delivery, times in self._unknown.items()
                if self.scenario.on_unknown_outcome is OnUnknownOutcome.RESEND
                and not self.has_keys
                and delivery not in self._provable
            },
            is_provable=self.has_records,
            unsubscribed=self._unsubscribed,
            resumed=self._resumed,
            changed_by_repeats=self._changed_by_repeats,
            hears_all=self.hears_all,
            names_all_copies=self.names_all_copies,
        )

    async def dispatch(self) -> Execution:
        """Have the scheduler call the dispatcher for this hour, and again if the call fails."""
        return await self.world.run_with_retries(self.hour)

    async def dispatch_and_drain(self) -> None:
        """Have the dispatcher called for this hour, and wait until the queue and the subscriptions are empty."""
        await self.dispatch()
        await self.world.drain()

    async def pass_hours(self, hours: int, run: Callable[[], Awaitable[object]]) -> None:
        """Let time pass with as few runs as raise no alert that one is missing.

        Args:
            hours: how many.
            run: what to do at every other hour.
        """
        for _ in range(0, hours, 2):
            self.hour = self.world.next_hour(missed=1)
            await run()

    async def play_hours(self, hours: int) -> None:
        """Have the dispatcher called for this hour and for those that follow, and wait after each."""
        await self.dispatch_and_drain()
        await self.play_next_hours(hours - 1)

    async def play_next_hours(self, hours: int = 1) -> None:
        """Do the same for the hours that follow alone."""
        for _ in range(hours):
            self.hour = self.world.next_hour()
            await self.dispatch_and_drain()

    @property
    def users(self) -> list[str]:
        """The ids of all users."""
        return list(dict.fromkeys(key.user_id for key in self.known))

    @property
    def subscriptions(self) -> list[SubscriptionKey]:
        """All subscriptions."""
        return list(self.known)

    def of_user(self, user: str) -> list[SubscriptionKey]:
        """The subscriptions of a user."""
        return [key for key in self.known if key.user_id == user]

    @property
    def hourly(self) -> list[SubscriptionKey]:
        """The subscriptions whose reports fall due at every full hour."""
        return [
            key
            for key, known in self.known.items()
            if known.plan.cadence == "hourly" and known.first_due_at.minute == 0
        ]

    @property
    def due(self) -> list[str]:
        """The id of the first delivery of each subscription."""
        return [self.delivery(key) for key in self.known]

    @property
    def to_several(self) -> list[str]:
        """The first deliveries that several addresses get, each by a message of its own."""
        return [self.delivery(key) for key, known in self.known.items() if len(known.recipients(key.user_id)) > 1]

    def delivery(self, key: SubscriptionKey) -> str:
        """The id of the first delivery of a subscription."""
        return key.delivery(self.known[key].first_due_at)

    def a_share(self, share: float, *question: object) -> Callable[[InterceptedCall, int], bool]:
        """Return a condition that chooses a random share of the calls."""

        def chosen(call: InterceptedCall, number: int) -> bool:
            return self.seeded.share(*question, call.point, call.subject, number) < share

        return chosen

    def victims(self, share: float, *, least: int = 2, most: int = 1_000_000) -> list[str]:
        """Choose a random share of the first deliveries."""
        count = min(most, max(least, round(share * len(self.due))))
        return self.seeded.some_of(self.due, count, "victims")

    def disturb(
        self,
        points: InjectionPoint | Collection[InjectionPoint],
        disturbance: Disturbance,
        *,
        of: Iterable[str] | None = None,
        times: int | None = 1,
        skip: int = 0,
        chosen: Callable[[InterceptedCall, int], bool] = lambda call, number: True,
        must_happen: bool = True,
    ) -> None:
        """Add a rule that disturbs calls from now on; see `Rule`.

        If `must_happen` is true and the rule disturbs no call, the scenario fails.
        """
        rule = Rule(
            disturbance=disturbance,
            points={points} if isinstance(points, InjectionPoint) else set(points),
            subjects=None if of is None else set(of),
            times=times,
            skip=skip,
            chosen=chosen,
        )
        self.world.disturbances.rules.append(rule)
        if must_happen:
            self._expected.append(rule)

    def make_die(self, deliveries: Iterable[str]) -> None:
        """Have the provider refuse the emails of these deliveries for good, as it refuses an impossible address."""
        dying = list(deliveries)
        self.may_end(dying, "permanent-error")
        self.disturb(InjectionPoint.SEND, self.faults.never, of=dying, times=None)

    def may_end(self, deliveries: Iterable[str], *endings: str) -> None:
        """Allow these deliveries to end in these ways instead of `sent`."""
        self._endings |= dict.fromkeys(deliveries, frozenset(endings))

    def disturbed_may_end(self, *endings: str) -> None:
        """Allow a delivery to end in these ways as well as `sent` if a fault hit one of its calls or its instance. With
        idempotency keys none of them is an unknown outcome."""
        self._disturbed_may_end = frozenset(endings) - (frozenset({UNKNOWN_OUTCOME}) if self.has_keys else frozenset())

    def becomes_unknown(self, deliveries: Iterable[str], *, accepted: bool) -> None:
        """Require the right end of deliveries of which no worker learns whether the provider accepted the mail: sent,
        where the email can be sent again with its idempotency key, or the provider's records show it.

        Args:
            deliveries: which.
            accepted: whether the provider accepted them.
        """
        deliveries = list(deliveries)
        resend = self.scenario.on_unknown_outcome is OnUnknownOutcome.RESEND
        has_records = self.has_records
        if accepted and has_records:
            self.must_be_known(deliveries)
        is_sent = self.has_keys or resend or (accepted and has_records)
        self.may_end(deliveries, SENT if is_sent else UNKNOWN_OUTCOME)

    @property
    def has_keys(self) -> bool:
        """Whether the destination has idempotency keys."""
        if self.scenario.destination is not None:
            return self.scenario.destination in KEYED
        return self.scenario.provider is MailProviderName.RESEND

    @property
    def has_records(self) -> bool:
        """Whether the destination can be asked what it has."""
        return self.scenario.destination is None and self.scenario.provider is MailProviderName.SENDGRID

    def must_be_known(self, deliveries: Iterable[str]) -> None:
        """Require that these deliveries get no second email even with resend: events or logs prove in time that
        SendGrid accepted the first."""
        self._provable |= set(deliveries)

    def may_stay_unknown(self, deliveries: Iterable[str]) -> None:
        """Allow these deliveries to end as unknown outcomes although SendGrid accepted their emails: nothing shows it
        in time."""
        deliveries = list(deliveries)
        self.may_end(deliveries, UNKNOWN_OUTCOME)
        self._undecidable |= set(deliveries)

    def may_tell(self, *kinds: AlertKind) -> None:
        """Allow these system alerts; any other system alert is a false alarm."""
        self._expected_alerts |= {_TITLES[kind] for kind in kinds}

    def first_mails(self) -> dict[SubscriptionKey, list[Mail]]:
        """The emails of each subscription's first report that SendGrid accepted, one for each recipient."""
        of_delivery: defaultdict[str, list[Mail]] = defaultdict(list)
        for each in self.world.inbox.mails[self._mails_before :]:
            of_delivery[each.custom_args["delivery_id"]].append(self.world.inbox.mails.read(each.id))
        return {key: of_delivery[self.delivery(key)] for key in self.known}

    async def unsubscribe(self, key: SubscriptionKey, mail: Mail) -> None:
        """Unsubscribe a recipient as the mailbox provider does, which tries again until it is answered 200.

        Args:
            key: the subscription.
            mail: an email of it, whose link is used.
        """
        while not await unsubscribe(mail.headers, port=self.world.preferences.process.port):
            await asyncio.sleep(0.05)
        token = token_of(mail.headers)
        (recipient,) = mail.envelope.to
        is_copy = token is not None and bool(token.copy_of)
        silence = Silence(key=key, recipient=recipient.email if is_copy else "", since=self.world.clock.now())
        if not any((each.key, each.recipient) == (key, silence.recipient) for each in self._unsubscribed):
            self._unsubscribed.append(silence)
            if not is_copy:
                self.known[key].pause(since=self.hour)

    async def resume_silently(self, key: SubscriptionKey) -> None:
        """Resume a subscription that events have paused, as an application does whose users want emails again."""
        await self.write_subscription(key, {"active": True, "shard": None, "objections": None})
        self._resumed[key] = self.world.clock.now()

    async def note_resumption(self, key: SubscriptionKey) -> None:
        """Have a person resume a subscription, whether it is paused or not."""
        self._resumed[key] = now = self.world.clock.now()
        await self.write_subscription(key, {"resumed_at": now})

    async def repeat(self, again: Callable[[], Awaitable[object]]) -> None:
        """Have something come again that came before, for which no document must be written."""
        before = len(self.world.written)
        await again()
        await self.world.quiet()
        self._changed_by_repeats += self.world.written[before:]

    async def write_user(self, user: str, fields: Mapping[str, Any]) -> None:
        """Update fields of a user's document, as the application does."""
        reference = user_reference(self.world.database, user)
        await self.world.patiently(lambda: reference.update({**fields, APPLICATION: True}))

    async def put_user(self, user: str, document: Mapping[str, Any]) -> None:
        """Write a whole user document, as the application does."""
        reference = user_reference(self.world.database, user)
        await self.world.patiently(lambda: reference.set({**document, APPLICATION: True}))

    async def delete_user(self, user: str) -> None:
        """Delete a user's document, as the application does: those of the subscriptions stay."""
        reference = user_reference(self.world.database, user)
        await self.world.patiently(reference.delete)

    async def write_subscription(self, key: SubscriptionKey, fields: Mapping[str, Any]) -> None:
        """Update fields of a subscription's document, as the application does."""
        reference = subscription_reference(self.world.database, *key)
        await self.world.patiently(lambda: reference.update({**fields, APPLICATION: True}))

    async def put_subscription(self, key: SubscriptionKey, document: Mapping[str, Any]) -> None:
        """Write a whole subscription document, as the application does."""
        reference = subscription_reference(self.world.database, *key)
        await self.world.patiently(lambda: reference.set({**document, APPLICATION: True}))

    async def delete_subscription(self, key: SubscriptionKey) -> None:
        """Delete a subscription, as the application does."""
        reference = subscription_reference(self.world.database, *key)
        await self.world.patiently(reference.delete)

    def document(self, key: SubscriptionKey) -> dict[str, Any]:
        """The document of a subscription at the start of the scenario."""
        return subscription_fields(key, self.known[key])

    async def put_in_malformed(
        self, *, users: Iterable[Mapping[str, Any]], subscriptions: Iterable[Mapping[str, Any]]
    ) -> None:
        """Create malformed documents, each of which must bring one dead letter.

        Args:
            users: what their documents have in it. Each has two subscriptions that are due.
            subscriptions: likewise. The user of each has another that is in order, and must be sent.
        """
        plan = Plan.due_at(self.hour, "hourly", "UTC")
        due = KnownSubscription(plan=plan, user_zone=plan.zone, first_due_at=self.hour)
        for fields in users:
            user = f"{self.prefix}m{len(self._malformed_users)}"
            self._malformed_users.append(user)
            await self.put_user(user, user_fields(user, plan.zone, **fields))
            for subscription in (DEFAULT_SUBSCRIPTION, "second"):
                key = SubscriptionKey(user, subscription)
                await self.put_subscription(key, subscription_fields(key, due))
        for fields in subscriptions:
            user = f"{self.prefix}o{len(self._malformed_subscriptions)}"
            sound, malformed = SubscriptionKey(user, DEFAULT_SUBSCRIPTION), SubscriptionKey(user, "malformed")
            self._malformed_subscriptions.append(malformed)
            self.known[sound] = replace(due)
            await self.put_user(user, user_fields(user, plan.zone))
            await self.put_subscription(sound, self.document(sound))
            await self.put_subscription(malformed, subscription_fields(malformed, due, **fields))

    def catches_up(self) -> None:
        """Require that one report covers all the time that has passed."""
        self._most_reports = 1

    def kill(self, *, carried_out: bool) -> Disturbance:
        """Kill the worker that makes the call, before the service carries the call out or after."""

        async def disturb(call: InterceptedCall, carry_out: CarryOut) -> Any:
            instance = self.world.front_end.instance_of(call.subject)
            if instance is None:
                return await carry_out()
            if carried_out:
                await carry_out()
            instance.kill()
            raise unheard(call)

        return disturb

    def freeze(self, frozen: "asyncio.Future[Instance]") -> Disturbance:
        """Freeze the worker that makes the call, after the service has carried the call out.

        Args:
            frozen: receives the frozen instance.
        """

        async def disturb(call: InterceptedCall, carry_out: CarryOut) -> Any:
            instance = self.world.front_end.instance_of(call.subject)
            answer = await carry_out()
            if instance is not None:
                await instance.freeze()
                instance.available = False
                frozen.set_result(instance)
            return answer

        return disturb

    def kill_function(self, instance: Instance, *, carried_out: bool) -> Disturbance:
        """Kill the dispatcher or the DLQ handler, before the service carries its call out or after."""

        async def disturb(call: InterceptedCall, carry_out: CarryOut) -> Any:
            if carried_out:
                await carry_out()
            instance.kill()
            raise unheard(call)

        return disturb

    def _note_disturbance(self, subject: str) -> None:
        self._unknown[subject] += 1

    async def _put_in(self, subscribers: Iterable[tuple[SubscriptionKey, KnownSubscription]]) -> None:
        self.known |= dict(subscribers)
        keys = iter(self.known)
        while some := list(islice(keys, 200)):
            batch = self.world.database.batch()
            for key in some:
                user, zone = key.user_id, self.known[key].user_zone
                batch.set(user_reference(self.world.database, user), user_fields(user, zone))
                batch.set(subscription_reference(self.world.database, *key), self.document(key))
            await batch.commit()


def unheard(call: InterceptedCall) -> Exception:
    """Return the error with which the local cloud ends a call whose caller is dead."""
    if call.point in {InjectionPoint.SEND, InjectionPoint.LOOK_UP, InjectionPoint.TELL, InjectionPoint.KEEP_COPY}:
        return CutConnection()
    return RpcError(grpc.StatusCode.UNAVAILABLE, "its caller is gone")


def _title(kind: AlertKind) -> str:
    record = StoredSystemAlert(id="", kind=kind)
    return make_system_alert(record, 0, datetime.min.replace(tzinfo=UTC), links=AlertLinks()).title


_TITLES = {kind: _title(kind) for kind in AlertKind}
"""The title of the alert of each kind."""
