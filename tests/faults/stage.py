"""One scenario's world: its users, what is to happen to them, and what must have become of them in the end."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import grpc

from functions.dlq_handler.alerting.system_alert_text import make_system_alert
from functions.shared.ids import delivery_id
from functions.shared.settings import OnUnknownOutcome
from functions.shared.system_alert import AlertKind, StoredSystemAlert
from local_cloud.inbox.faults import CutConnection
from local_cloud.rpc import RpcError
from local_cloud.scheduler import Execution
from tests.faults.crossings import Crossing, Point
from tests.faults.dice import Dice
from tests.faults.disturbances import CarryOut, Disturbance, Rule, answer
from tests.faults.history import Person, read_history
from tests.faults.instances import Instance
from tests.faults.invariants import SENT, History, check
from tests.faults.invariants import Rule as Invariant
from tests.faults.moves import APPLICATION
from tests.faults.plans import Plan
from tests.faults.world import World

RUNS_TO_MEND = 3
"""Within so many runs after the last fault every report must have found its end: one that finds what is overdue, one
for what that brings about, and one to spare."""

_PLANS = (
    ("hourly", "UTC"),
    ("daily", "Asia/Tokyo"),
    ("hourly", "America/New_York"),
    ("weekly", "America/Sao_Paulo"),
    ("hourly", "Asia/Kathmandu"),
    ("monthly", "UTC"),
    ("hourly", "Europe/Berlin"),
    ("daily", "Asia/Kolkata"),
)
"""The users' in turn. Hours begin at another moment in Kathmandu (UTC+5:45) and Kolkata (UTC+5:30)."""


Script = Callable[["Stage"], Awaitable[None]]
"""Plays a scenario."""


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """Something that the world does to the pipeline.

    Attributes:
        name: in a few words, as the table shows it.
        group: of what it is about.
        script: does it.
        on_unknown_outcome: how the worker is set up.
        at_least: how many users it needs to be what it is about.
        at_most: how many users it can afford, where each costs a lot of the machine's time.
    """

    name: str
    group: str
    script: Script
    on_unknown_outcome: OnUnknownOutcome = OnUnknownOutcome.DEAD_LETTER
    at_least: int = 1
    at_most: int = 1_000_000

    def __str__(self) -> str:
        return f"{self.group}: {self.name}"


class Stage:
    """What a scenario works with.

    Args:
        world: the one that all scenarios share, with nothing in it.
        scenario: which.
        dice: its chance.
        count: how many users.
        number: of the scenario in this process: sets its users' names apart from those of others.
    """

    def __init__(self, world: World, scenario: Scenario, *, dice: Dice, count: int, number: int) -> None:
        self.world = world
        self.scenario = scenario
        self.dice = dice
        self.healed = asyncio.Event()
        self.hour: datetime = datetime.min.replace(tzinfo=UTC)
        self._count = min(scenario.at_most, max(count, scenario.at_least))
        self._number = number
        self._endings: dict[str, frozenset[str]] = {}
        self._unknown: Counter[str] = Counter()
        self._disturbed_may_end: frozenset[str] = frozenset()
        self._most_reports: int | None = None
        self.people: dict[str, Person] = {}
        """The users and what the scenario knows of them."""
        self._malformed: list[str] = []
        self._expected_alerts: set[str] = set()
        self._mails_before = 0
        self._expected: list[Rule] = []

    async def begin(self) -> None:
        """Put in users whose report falls due at the next full hour, and wait for that."""
        self.world.on_disturbed = self._note_disturbance
        self._mails_before = len(self.world.inbox.mails)
        self.hour = self.world.next_hour()
        await self._put_in(self._count)

    async def end(self) -> History:
        """Let the world be well again, and wait until every report has found its end, for a few runs at most.

        Raises:
            RuntimeError: the scenario has disturbed nothing where it meant to, and would prove nothing.
        """
        self.heal()
        points = sorted({point.name for rule in self._expected if not rule.fired for point in rule.points})
        if points:
            raise RuntimeError(f"{self.scenario.name}: no call was disturbed at {', '.join(points)}")
        await self.world.drain()
        for _ in range(RUNS_TO_MEND):
            history = await self.history()
            if all(violation.rule is not Invariant.LOST for violation in check(history)):
                return history
            self.hour = self.world.next_hour()
            await self.run()
            await self.world.drain()
        return await self.history()

    def heal(self) -> None:
        """Disturb nothing any more."""
        self.healed.set()
        self.world.disturbances.rules.clear()
        self.world.front_end.before = None
        for instance in self.world.front_end.instances:
            instance.available = True

    async def history(self) -> History:
        """What has happened so far."""
        disturbed = dict.fromkeys(self._unknown, self._disturbed_may_end | {SENT}) if self._disturbed_may_end else {}
        return await read_history(
            self.world,
            people=self.people,
            malformed=self._malformed,
            last_run=self.hour,
            mails_before=self._mails_before,
            expected_alerts=frozenset(self._expected_alerts),
            endings={**disturbed, **self._endings},
            most_reports=self._most_reports,
            unknown=self._unknown if self.scenario.on_unknown_outcome is OnUnknownOutcome.RESEND else {},
        )

    async def run(self) -> Execution:
        """Have the dispatcher called for this hour, and again where it fails."""
        return await self.world.run_with_retries(self.hour)

    async def run_and_drain(self) -> None:
        """Have this hour's reports dispatched and worked off, whatever becomes of them."""
        await self.run()
        await self.world.drain()

    @property
    def users(self) -> list[str]:
        """Everybody."""
        return list(self.people)

    @property
    def hourly(self) -> list[str]:
        """Those whose reports fall due with every full hour."""
        return [
            user
            for user, person in self.people.items()
            if person.plan.cadence == "hourly" and person.first_due_at.minute == 0
        ]

    @property
    def due(self) -> list[str]:
        """The deliveries that were due first, in the users' order."""
        return [self.delivery(user) for user in self.users]

    def delivery(self, user: str) -> str:
        """The delivery that was due first."""
        return delivery_id(user, self.people[user].first_due_at)

    def a_share(self, share: float, *question: object) -> Callable[[Crossing, int], bool]:
        """Choose calls by chance, a share of them."""

        def chosen(crossing: Crossing, number: int) -> bool:
            return self.dice.share(*question, crossing.point, crossing.subject, number) < share

        return chosen

    def victims(self, share: float, *, least: int = 2, most: int = 1_000_000) -> list[str]:
        """A share of the deliveries that were due first."""
        count = min(most, max(least, round(share * len(self.due))))
        return self.dice.some_of(self.due, count, "victims")

    def disturb(
        self,
        points: Point | Collection[Point],
        disturbance: Disturbance,
        *,
        of: Iterable[str] | None = None,
        times: int | None = 1,
        skip: int = 0,
        chosen: Callable[[Crossing, int], bool] = lambda crossing, number: True,
        must_happen: bool = True,
    ) -> None:
        """Have calls disturbed from now on; see Rule. One that must happen and does not makes the scenario fail."""
        rule = Rule(
            disturbance=disturbance,
            points={points} if isinstance(points, Point) else set(points),
            subjects=None if of is None else set(of),
            times=times,
            skip=skip,
            chosen=chosen,
        )
        self.world.disturbances.rules.append(rule)
        if must_happen:
            self._expected.append(rule)

    def make_die(self, deliveries: Iterable[str]) -> None:
        """Have SendGrid refuse mails for good, as it does those to an address that cannot be."""
        dying = list(deliveries)
        self.may_end(dying, "permanent-error")
        self.disturb(Point.SEND, answer(400), of=dying, times=None)

    def may_end(self, deliveries: Iterable[str], *endings: str) -> None:
        """Say how deliveries end, where that is not `sent`."""
        self._endings |= dict.fromkeys(deliveries, frozenset(endings))

    def disturbed_may_end(self, *endings: str) -> None:
        """Say how a delivery may end, beside `sent`, if a call about it was disturbed or its instance ended."""
        self._disturbed_may_end = frozenset(endings)

    def may_tell(self, *kinds: AlertKind) -> None:
        """Say of what people may be told about the system itself; anything else is a false alarm."""
        self._expected_alerts |= {_TITLES[kind] for kind in kinds}

    async def write_user(self, user: str, fields: Mapping[str, Any]) -> None:
        """Write to a user's document in the application's stead."""
        reference = self.world.database.collection("users").document(user)
        await self.world.patiently(lambda: reference.update({**fields, APPLICATION: True}))

    async def put_user(self, user: str, document: Mapping[str, Any]) -> None:
        """Write a whole document in the application's stead."""
        reference = self.world.database.collection("users").document(user)
        await self.world.patiently(lambda: reference.set({**document, APPLICATION: True}))

    async def put_in_malformed(self, documents: Iterable[Mapping[str, Any]]) -> list[str]:
        """Put in users whose documents name no report or no due time, each with one dead letter to come; their ids."""
        for document in documents:
            user = f"s{self._number}m{len(self._malformed)}"
            self._malformed.append(user)
            await self.put_user(user, document)
        return self._malformed

    async def put_in_new_users(self, count: int) -> None:
        """Put in users whom the next run enrols: half without `next_report_at` and half with null there."""
        for index in range(count):
            user = f"s{self._number}n{index}"
            plan = Plan.due_at(self.hour, *_PLANS[index % len(_PLANS)])
            person = self.people[user] = Person(plan=plan, first_due_at=self.hour)
            document = self.document(user, person)
            del document["reported_until"], document["next_report_at"]
            await self.put_user(user, document | ({"next_report_at": None} if index % 2 else {}))

    def catches_up(self) -> None:
        """Say that one report must cover all the time that has passed."""
        self._most_reports = 1

    def kill(self, *, carried_out: bool) -> Disturbance:
        """The worker that calls is killed, before what it asks for is carried out or after it."""

        async def disturb(crossing: Crossing, carry_out: CarryOut) -> Any:
            instance = self.world.front_end.instance_of(crossing.subject)
            if instance is None:
                return await carry_out()
            if carried_out:
                await carry_out()
            instance.kill()
            raise unheard(crossing)

        return disturb

    def freeze(self, frozen: "asyncio.Future[Instance]", *, carried_out: bool) -> Disturbance:
        """The worker that calls stands still from now on, before what it asks for is carried out or after it.

        Args:
            frozen: gets the instance.
            carried_out: whether it is.
        """

        async def disturb(crossing: Crossing, carry_out: CarryOut) -> Any:
            instance = self.world.front_end.instance_of(crossing.subject)
            if instance is None:
                return await carry_out()
            answer = await carry_out() if carried_out else None
            await instance.freeze()
            instance.available = False
            frozen.set_result(instance)
            return answer if carried_out else await carry_out()

        return disturb

    def kill_function(self, instance: Instance, *, carried_out: bool) -> Disturbance:
        """The dispatcher or the DLQ handler is killed, before what it asks for is carried out or after it."""

        async def disturb(crossing: Crossing, carry_out: CarryOut) -> Any:
            if carried_out:
                await carry_out()
            instance.kill()
            raise unheard(crossing)

        return disturb

    def _note_disturbance(self, subject: str) -> None:
        self._unknown[subject] += 1

    def document(self, user: str, person: Person) -> dict[str, Any]:
        """A user's document at the beginning."""
        return {
            "email": f"{user}@example.com",
            "active": True,
            **person.plan.to_fields(),
            "next_report_at": person.first_due_at,
            "reported_until": person.first_reported_until,
            APPLICATION: True,
        }

    async def _put_in(self, count: int) -> None:
        users = self.world.database.collection("users")
        for first in range(0, count, 400):
            batch = self.world.database.batch()
            for index in range(first, min(first + 400, count)):
                user = f"s{self._number}u{index}"
                plan = Plan.due_at(self.hour, *_PLANS[index % len(_PLANS)])
                person = self.people[user] = Person(plan=plan, first_due_at=plan.until(self.hour))
                batch.set(users.document(user), self.document(user, person))
            await batch.commit()


def unheard(crossing: Crossing) -> Exception:
    """What is raised for a caller who is no longer there."""
    if crossing.point in {Point.SEND, Point.TELL}:
        return CutConnection()
    return RpcError(grpc.StatusCode.UNAVAILABLE, "its caller is gone")


def _title(kind: AlertKind) -> str:
    record = StoredSystemAlert(id="", kind=kind)
    return make_system_alert(record, 0, datetime.min.replace(tzinfo=UTC), project="", location="").title


_TITLES = {kind: _title(kind) for kind in AlertKind}
"""What people read of each kind."""
