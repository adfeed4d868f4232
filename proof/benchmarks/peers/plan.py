"""Which fault each attempt at a report meets: the same for every system, and whatever the machine's speed."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum, StrEnum, auto
from http import HTTPStatus

from local_pipeline.inbox.faults import Answer, Call, CutConnection
from proof.faults.injection_points import InjectionPoint, inbox_call
from proof.faults.seeded import SeededChoices

SHARE = 0.025
"""Of the reports that meet each fault of the provider: 15 of 600."""

_FOR_GOOD = 5
"""Of so many reports that are refused for now, one is refused at every attempt."""

_BETWEEN_KILLS = range(20, 61)
"""Reports from one kill to the next: what the shipped queue, at ten a second, sends in 2 to 6 seconds."""


class FaultKind(StrEnum):
    """What a report meets."""

    CUT = "accepted and cut"
    """The provider accepts the email and cuts the connection."""
    HUNG = "hung"
    """The provider never answers. It has accepted every other one of these emails."""
    THROTTLED = "429"
    """The provider takes nothing and answers 429, once or twice, or at every attempt."""
    FAILED = "500"
    """The provider takes nothing and answers 500, once or twice, or at every attempt."""
    BAD_GATEWAY = "502 after acceptance"
    """The provider accepts the email, and the gateway in front of it answers 502. Some of these reports get 429 at
    every further attempt."""
    KILLED = "worker killed"
    """The worker that sends the email is killed, in turn before the provider accepts it and after that."""


class Happening(Enum):
    """What becomes of a call to the provider: another answer, or none since its connection is cut, the provider hangs,
    or the caller is killed."""

    ANSWER = auto()
    CUT = auto()
    HANG = auto()
    KILL = auto()


@dataclass(frozen=True, kw_only=True)
class Disruption:
    """What an attempt meets, and whether the provider accepts the email all the same."""

    happening: Happening
    accepted: bool = False
    status: int = 0


@dataclass(frozen=True, kw_only=True)
class Course:
    """What the first attempts at a report meet, and every later one."""

    kind: FaultKind
    first: Sequence[Disruption]
    ever_after: Disruption | None = None

    def at(self, attempt: int) -> Disruption | None:
        """What an attempt meets; the first one has the number 1."""
        return self.first[attempt - 1] if attempt <= len(self.first) else self.ever_after


def make_plan(reports: int, seed: str, kinds: Sequence[FaultKind] = tuple(FaultKind)) -> Mapping[int, Course]:
    """Choose the reports that meet a fault, by their numbers from 0. No report is chosen for two."""
    seeded = SeededChoices(seed)
    chosen: dict[int, Course] = {}
    for kind in kinds:
        if kind is FaultKind.KILLED:
            numbers = _spread(reports, seeded, chosen)
        else:
            free = [number for number in range(reports) if number not in chosen]
            numbers = seeded.some_of(free, max(1, round(reports * SHARE)), kind)
        chosen |= {number: _course(kind, index) for index, number in enumerate(numbers)}
    return chosen


def _spread(reports: int, seeded: SeededChoices, taken: Mapping[int, Course]) -> list[int]:
    numbers: list[int] = []
    latest = 0
    while (latest := latest + seeded.one_of(_BETWEEN_KILLS, FaultKind.KILLED, len(numbers))) < reports:
        number = next((number for number in range(latest, reports) if number not in taken), None)
        if number is not None:
            numbers.append(number)
    return list(dict.fromkeys(numbers)) or [next(number for number in range(reports) if number not in taken)]


def _course(kind: FaultKind, index: int) -> Course:
    is_for_good, is_odd = index % _FOR_GOOD == 0, index % 2 == 1
    throttled = Disruption(happening=Happening.ANSWER, status=429)
    match kind:
        case FaultKind.CUT:
            return Course(kind=kind, first=[Disruption(happening=Happening.CUT, accepted=True)])
        case FaultKind.HUNG:
            return Course(kind=kind, first=[Disruption(happening=Happening.HANG, accepted=is_odd)])
        case FaultKind.THROTTLED | FaultKind.FAILED:
            refused = throttled if kind is FaultKind.THROTTLED else Disruption(happening=Happening.ANSWER, status=500)
            return Course(kind=kind, first=[refused] * (1 + is_odd), ever_after=refused if is_for_good else None)
        case FaultKind.BAD_GATEWAY:
            lost = Disruption(happening=Happening.ANSWER, accepted=True, status=502)
            return Course(kind=kind, first=[lost], ever_after=throttled if is_for_good else None)
        case FaultKind.KILLED:
            return Course(kind=kind, first=[Disruption(happening=Happening.KILL, accepted=is_odd)])


Kill = Callable[[str, bytes], Awaitable[None]]
"""Kills the worker that sends a report, given the report's id and the request to the provider."""


class PlannedFaults:
    """Stands before the provider, and carries the plan out: a Fault of the inbox.

    Args:
        plan: by the report's number.
        numbers: the numbers by the reports' ids.
        kill: how a worker of the system is killed.
    """

    def __init__(self, plan: Mapping[int, Course], numbers: Mapping[str, int], kill: Kill) -> None:
        self._plan = plan
        self._numbers = numbers
        self._kill = kill
        self._over = asyncio.Event()
        self.attempts: Counter[str] = Counter()
        """How often each report was handed over."""
        self.met: Counter[FaultKind] = Counter()
        """How many attempts met each fault."""

    async def __call__(self, call: Call, carry_out: Callable[[], Awaitable[Answer]]) -> Answer:
        """Carry a call out, or do what the plan has for it."""
        report = _report_handed_over(call)
        if report not in self._numbers:
            return await carry_out()
        self.attempts[report] += 1
        course = self._plan.get(self._numbers[report])
        if course is None or (disruption := course.at(self.attempts[report])) is None:
            return await carry_out()
        self.met[course.kind] += 1
        if call.service == "smtp":
            disruption = in_smtp(disruption)
        if disruption.accepted:
            taken = await carry_out()
            assert taken.status < HTTPStatus.BAD_REQUEST
        match disruption.happening:
            case Happening.ANSWER:
                return Answer(status=disruption.status, body=b"by the plan")
            case Happening.KILL:
                await self._kill(report, call.body)
            case Happening.HANG:
                await self._over.wait()
            case Happening.CUT:
                pass
        raise CutConnection

    def end(self) -> None:
        """Let go of the calls that hang."""
        self._over.set()


def in_smtp(disruption: Disruption) -> Disruption:
    """What a mail server does in place of an HTTP API: a refusal for now is a 451, which says that nothing was taken
    (https://www.rfc-editor.org/rfc/rfc5321#section-4.2.1). No gateway answers for it, so what is lost after acceptance
    is the connection."""
    if disruption.happening is not Happening.ANSWER:
        return disruption
    if disruption.accepted:
        return Disruption(happening=Happening.CUT, accepted=True)
    return replace(disruption, status=451)


def _report_handed_over(call: Call) -> str:
    """The report whose email a call hands over; empty if it does something else."""
    intercepted = inbox_call(call, in_flight=())
    return intercepted.subject if intercepted.point is InjectionPoint.SEND else ""
