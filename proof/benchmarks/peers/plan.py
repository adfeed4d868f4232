"""Which fault each attempt at a report meets. Pure: the same for every system, and whatever the machine's speed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum, auto

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
    """What becomes of a call to the provider."""

    ANSWER = auto()
    """It gets an answer that is not the provider's usual one."""
    CUT = auto()
    """Its connection is cut."""
    HANG = auto()
    """It gets no answer."""
    KILL = auto()
    """Its caller is killed."""


@dataclass(frozen=True, kw_only=True)
class Disruption:
    """What an attempt meets.

    Attributes:
        happening: what becomes of the call.
        accepted: whether the provider accepts the email all the same.
        status: of the answer, where there is one.
    """

    happening: Happening
    accepted: bool = False
    status: int = 0


@dataclass(frozen=True, kw_only=True)
class Course:
    """What the attempts at one report meet.

    Attributes:
        kind: for what it was chosen.
        first: what the first attempts meet, in their order.
        ever_after: what every later attempt meets; None: nothing.
    """

    kind: FaultKind
    first: Sequence[Disruption]
    ever_after: Disruption | None = None

    def at(self, attempt: int) -> Disruption | None:
        """What an attempt meets.

        Args:
            attempt: 1 for the first.
        """
        return self.first[attempt - 1] if attempt <= len(self.first) else self.ever_after


def make_plan(reports: int, seed: str, kinds: Sequence[FaultKind] = tuple(FaultKind)) -> Mapping[int, Course]:
    """Choose the reports that meet a fault. No report is chosen for two.

    Args:
        reports: how many there are. They have the numbers from 0.
        seed: another one chooses others.
        kinds: the faults to have.

    Returns:
        By the report's number.
    """
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
    """The course of a report.

    Args:
        kind: what it meets.
        index: of the report among those that meet it.
    """
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
