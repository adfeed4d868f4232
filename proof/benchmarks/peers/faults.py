"""Carries the plan out at the provider."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from http import HTTPStatus

from local_pipeline.inbox.faults import Answer, Call, CutConnection
from proof.benchmarks.peers.plan import Course, Disruption, FaultKind, Happening
from proof.faults.injection_points import InjectionPoint, inbox_call

Kill = Callable[[str, bytes], Awaitable[None]]
"""Kills the worker that sends a report, given the report's id and the request to the provider."""


class PlannedFaults:
    """Stands before the provider: a Fault of the inbox.

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
    """The report whose email a call hands over; empty where it does something else."""
    intercepted = inbox_call(call, in_flight=())
    return intercepted.subject if intercepted.point is InjectionPoint.SEND else ""
