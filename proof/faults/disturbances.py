"""Faults of calls, and the rules that choose the calls."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field
from typing import Any

import grpc

from local_cloud.rpc import RpcError
from local_pipeline.inbox.faults import Answer, CutConnection
from proof.faults.injection_points import InjectionPoint, InterceptedCall

CarryOut = Callable[[], Awaitable[Any]]

Disturbance = Callable[[InterceptedCall, CarryOut], Awaitable[Any]]
"""Replaces a call: it may carry the call out, and returns the answer or raises the error that the caller gets."""


def refuse(code: grpc.StatusCode) -> Disturbance:
    """The call is not carried out, and the caller gets the error."""

    async def disturb(_call: InterceptedCall, _carry_out: CarryOut) -> Any:
        raise RpcError(code, "refused by the harness")

    return disturb


def lose_answer(code: grpc.StatusCode) -> Disturbance:
    """The call is carried out, but the caller gets an error."""

    async def disturb(_call: InterceptedCall, carry_out: CarryOut) -> Any:
        await carry_out()
        raise RpcError(code, "the answer was lost by the harness")

    return disturb


def answer(status: int, **headers: str) -> Disturbance:
    """SendGrid or Slack gives this answer, and takes nothing. Underscores in the headers' names stand for hyphens."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}

    async def disturb(_call: InterceptedCall, _carry_out: CarryOut) -> Any:
        return Answer(status=status, body=b'{"errors": [{"message": "by the harness"}]}', headers=given)

    return disturb


def accept_and_answer(status: int) -> Disturbance:
    """SendGrid takes the email, and the gateway in front of it answers with an error."""

    async def disturb(_call: InterceptedCall, carry_out: CarryOut) -> Any:
        await carry_out()
        return Answer(status=status, body=b"<html><h1>Bad Gateway</h1></html>")

    return disturb


def cut(*, accepted: bool) -> Disturbance:
    """SendGrid or Slack cuts the connection, before or after it took what was posted."""

    async def disturb(_call: InterceptedCall, carry_out: CarryOut) -> Any:
        if accepted:
            await carry_out()
        raise CutConnection

    return disturb


def never_answer(until: asyncio.Event, *, accepted: bool) -> Disturbance:
    """No answer comes. At an event, the connection is cut."""

    async def disturb(_call: InterceptedCall, carry_out: CarryOut) -> Any:
        if accepted:
            await carry_out()
        await until.wait()
        raise CutConnection

    return disturb


def slow(seconds: float) -> Disturbance:
    """The answer comes, but late."""

    async def disturb(_call: InterceptedCall, carry_out: CarryOut) -> Any:
        await asyncio.sleep(seconds)
        return await carry_out()

    return disturb


@dataclass
class Rule:
    """Chooses calls, and disturbs them.

    Attributes:
        disturbance: the fault that the calls get.
        points: the steps at which calls are disturbed.
        subjects: the ids that the calls must concern; None for any.
        times: how often for each subject; None: always.
        skip: how many calls of each subject pass first.
        chosen: a further condition, given the call and its number among its subject's.
    """

    disturbance: Disturbance
    points: Collection[InjectionPoint]
    subjects: Collection[str] | None = None
    times: int | None = 1
    skip: int = 0
    chosen: Callable[[InterceptedCall, int], bool] = lambda call, number: True
    _seen: Counter[tuple[InjectionPoint, str]] = field(default_factory=Counter)
    _fired: Counter[str] = field(default_factory=Counter)

    def applies(self, call: InterceptedCall) -> bool:
        """Whether this call is one of them; it counts as disturbed then."""
        if call.point not in self.points or (self.subjects is not None and call.subject not in self.subjects):
            return False
        self._seen[call.point, call.subject] += 1
        number = self._seen[call.point, call.subject]
        if number <= self.skip or (self.times is not None and self._fired[call.subject] >= self.times):
            return False
        if not self.chosen(call, number):
            return False
        self._fired[call.subject] += 1
        return True

    @property
    def fired(self) -> int:
        """How many calls it has disturbed."""
        return self._fired.total()


class Disturbances:
    """The rules that hold at the moment; a call is given to the first that applies.

    Args:
        on_disturbed: called with each disturbed call.
    """

    def __init__(self, on_disturbed: Callable[[InterceptedCall], None]) -> None:
        self.rules: list[Rule] = []
        self._on_disturbed = on_disturbed

    async def pass_through(self, call: InterceptedCall, carry_out: CarryOut) -> Any:
        """Carry out a call, or disturb it."""
        for rule in self.rules:
            if rule.applies(call):
                self._on_disturbed(call)
                return await rule.disturbance(call, carry_out)
        return await carry_out()
