"""What scenarios are composed of: the steps of their scripts, and the reports that meet something."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from functions.shared.records.system_alert import AlertKind
from proof.faults.disturbances import CarryOut, Disturbance, answer, never_answer
from proof.faults.injection_points import InjectionPoint, InterceptedCall
from proof.faults.instances import Instance
from proof.faults.scenario_run import Scenario, ScenarioRun, Script
from proof.faults.subscription_key import SubscriptionKey
from proof.faults.world import QUEUE, World

Step = Callable[[ScenarioRun], Awaitable[object] | None]
"""A part of a script."""


def in_turn(*steps: Step) -> Script:
    """Return the script that plays these steps."""

    async def script(scenario_run: ScenarioRun) -> None:
        for step in steps:
            if (played := step(scenario_run)) is not None:
                await played

    return script


def rows_of(group: str, **usual: Any) -> Callable[..., Scenario]:
    """Return what makes the scenarios of a group of a name, its steps, and what else differs from the usual."""

    def row(name: str, *steps: Step, **attributes: Any) -> Scenario:
        return Scenario(name=name, group=group, script=in_turn(*steps), **{**usual, **attributes})

    return row


@dataclass(frozen=True)
class Reports:
    """Which reports of a run meet something: the ids of their deliveries. A slice of them are such reports, too."""

    of: Callable[[ScenarioRun], Sequence[str]]

    def __getitem__(self, part: slice) -> "Reports":
        return Reports(lambda scenario_run: self.of(scenario_run)[part])


def some(share: float = 0.3, *, least: int = 2, most: int = 1_000_000) -> Reports:
    """A share of the first ones; the same share is of the same reports."""
    return Reports(lambda scenario_run: scenario_run.victims(share, least=least, most=most))


SOME = some()
FIRST = Reports(lambda scenario_run: scenario_run.due)
"""The first of each subscription."""
TO_SEVERAL = Reports(lambda scenario_run: scenario_run.to_several)
"""The first ones that several addresses get."""


@dataclass(frozen=True)
class OfTheRun:
    """A disturbance that takes something of the scenario's run."""

    make: Callable[[ScenarioRun], Disturbance]


Fault = Disturbance | OfTheRun


def meanwhile(
    act: Callable[[ScenarioRun, SubscriptionKey], Awaitable[object]],
    *,
    carried_out: bool = False,
    then: OfTheRun | None = None,
) -> OfTheRun:
    """Somebody does something about the subscription whose report it is.

    Args:
        act: what.
        carried_out: whether the call is carried out first.
        then: what happens to the call afterwards, unless it is just carried out.
    """

    def make(scenario_run: ScenarioRun) -> Disturbance:
        async def disturb(call: InterceptedCall, carry_out: CarryOut) -> Any:
            answered = await carry_out() if carried_out else None
            await act(scenario_run, next(key for key in scenario_run.known if key.owns(call.subject)))
            if carried_out:
                return answered
            return await (then.make(scenario_run)(call, carry_out) if then else carry_out())

        return disturb

    return OfTheRun(make)


NOT_NOW = OfTheRun(lambda scenario_run: scenario_run.faults.not_now)
NEVER = OfTheRun(lambda scenario_run: scenario_run.faults.never)
KILLED_BEFORE = OfTheRun(lambda scenario_run: scenario_run.kill(carried_out=False))
"""The worker is killed before the service carries its call out."""
KILLED_AFTER = OfTheRun(lambda scenario_run: scenario_run.kill(carried_out=True))


def killed(function: Callable[[World], Instance], *, carried_out: bool) -> OfTheRun:
    """Another function than the worker is killed."""
    return OfTheRun(
        lambda scenario_run: scenario_run.kill_function(function(scenario_run.world), carried_out=carried_out)
    )


def no_answer(*, accepted: bool) -> OfTheRun:
    """No answer comes until the scenario ends."""
    return OfTheRun(lambda scenario_run: never_answer(scenario_run.healed, accepted=accepted))


def disturb(
    reports: Reports | None,
    *faults: Fault,
    at: InjectionPoint | Collection[InjectionPoint] = InjectionPoint.SEND,
    **rule: Any,
) -> Step:
    """Calls of reports, or all calls, are disturbed from now on; `rule` is for `ScenarioRun.disturb`."""

    def step(scenario_run: ScenarioRun) -> None:
        of = None if reports is None else reports.of(scenario_run)
        for each in faults:
            scenario_run.disturb(at, each.make(scenario_run) if isinstance(each, OfTheRun) else each, of=of, **rule)

    return step


def disturb_halves(reports: Reports, one: Fault, other: Fault, **rule: Any) -> Step:
    """Every other report meets the one, the others the other."""
    return in_turn(disturb(reports[::2], one, **rule), disturb(reports[1::2], other, **rule))


def expect(reports: Reports, *endings: str) -> Step:
    """Reports end so instead of being sent."""
    return lambda scenario_run: scenario_run.may_end(reports.of(scenario_run), *endings)


def make_die(reports: Reports) -> Step:
    """The provider refuses reports for good."""
    return lambda scenario_run: scenario_run.make_die(reports.of(scenario_run))


def expect_unknown(reports: Reports, *, accepted: bool) -> Step:
    """No worker learns the outcome of reports, which the destination has accepted or not."""
    return lambda scenario_run: scenario_run.becomes_unknown(reports.of(scenario_run), accepted=accepted)


def leave_unknown(reports: Reports) -> Step:
    """Nothing shows in time that the provider has accepted reports."""
    return lambda scenario_run: scenario_run.may_stay_unknown(reports.of(scenario_run))


def expect_alerts(*kinds: AlertKind) -> Step:
    """These system alerts are no false alarms."""
    return lambda scenario_run: scenario_run.may_tell(*kinds)


def in_the_world(act: Callable[[World], Awaitable[object] | None]) -> Step:
    """What a step does to the world."""
    return lambda scenario_run: act(scenario_run.world)


an_hour, dispatch, heal = ScenarioRun.dispatch_and_drain, ScenarioRun.dispatch, ScenarioRun.heal
pause, resume, quiet, drain = map(in_the_world, (World.pause, World.resume, World.quiet, World.drain))
one_by_one = in_the_world(lambda world: world.dispatch_at_most(1))
"""One report is under way at a time from now on, so that a worker that is killed takes no other with it."""
no_more_faults = in_the_world(lambda world: world.disturbances.rules.clear())


def wait(time: timedelta) -> Step:
    """Time passes."""
    return in_the_world(lambda world: world.pass_time(time))


def next_hour(scenario_run: ScenarioRun) -> None:
    """Time passes until the next hour's run, which is not made yet."""
    scenario_run.hour = scenario_run.world.next_hour()


def hours(number: int) -> Step:
    """This hour's run and those that follow are made, and their reports sent."""
    return lambda scenario_run: scenario_run.play_hours(number)


def next_hours(number: int = 1) -> Step:
    """The same for the hours that follow."""
    return lambda scenario_run: scenario_run.play_next_hours(number)


def queue_gave_up(scenario_run: ScenarioRun) -> None:
    """Raise RuntimeError unless the queue has deleted a task without a trace."""
    if not scenario_run.world.tasks.dropped(QUEUE):
        raise RuntimeError("the queue has given up nothing")


def an_hour_with(
    *faults: Fault,
    of: Reports = SOME,
    at: InjectionPoint = InjectionPoint.SEND,
    times: int | None = 1,
    ending: str = "",
    accepted: bool | None = None,
    kills: bool = False,
) -> Script:
    """Some reports of an hour meet disturbances.

    Args:
        of: which.
        at: at which call.
        times: how often they meet each; None for every attempt.
        ending: how they end instead of being sent; empty if they are sent.
        accepted: whether the destination has accepted a report of which no worker learns the outcome; None if one does.
        kills: whether workers are killed.
    """
    return in_turn(
        *([] if accepted is None else [expect_unknown(of, accepted=accepted)]),
        *([expect(of, ending)] if ending else []),
        disturb(of, *faults, at=at, times=times),
        *([one_by_one] if kills else []),
        an_hour,
    )


refuses_connections = in_turn(
    in_the_world(lambda world: world.mail_gate.shut()),
    *(dispatch, quiet),
    in_the_world(lambda world: world.mail_gate.open()),
    drain,
)
"""No server listens at first."""

refuses_the_key = in_turn(expect_alerts(AlertKind.KEY_REFUSED), disturb(None, answer(401), times=3), an_hour)
"""The key is wrong for all reports, and corrected before the queue gives up."""


async def rename(scenario_run: ScenarioRun) -> None:
    """What is built next would be another report: it has another name in it."""
    for user in scenario_run.users:
        await scenario_run.write_user(user, {"name": "Another Name"})
