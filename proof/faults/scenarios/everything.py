"""All faults together, hour after hour; and users who leave meanwhile."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import grpc

from functions.shared.records.system_alert import AlertKind
from functions.shared.settings import OnUnknownOutcome
from local_cloud.tasks.dispatch import Answer, AnswerLost
from proof.faults.disturbances import CarryOut, Disturbance, answer, cut, lose_answer, refuse
from proof.faults.injection_points import InjectionPoint, InterceptedCall
from proof.faults.instances import Send
from proof.faults.invariants import UNKNOWN_OUTCOME
from proof.faults.scenario_run import ScenarioRun
from proof.faults.scenarios import steps as do
from proof.faults.scenarios.firestore import POINTS
from proof.faults.scenarios.steps import Reports, meanwhile
from proof.faults.scenarios.users import put_in_malformed
from tests.seeding import user_reference

_HOURS = 2
_MOST_KILLS = 12
"""The most workers killed in an hour."""


async def _everything(scenario_run: ScenarioRun) -> None:
    """Each call may fail, each task may come twice, and workers, dispatcher and handler are killed now and then.

    The application writes to users and subscriptions meanwhile, and some of their documents are malformed.
    """
    await put_in_malformed(scenario_run)
    scenario_run.disturbed_may_end(UNKNOWN_OUTCOME, "retries-exhausted", "permanent-error")
    scenario_run.may_tell(*AlertKind)
    kills = min(0.02, _MOST_KILLS / len(scenario_run.due) / len(STEPS))
    for carried_out in (True, False):
        now_and_then(scenario_run, STEPS, scenario_run.kill(carried_out=carried_out), kills)
        for instance in (scenario_run.world.dispatcher, scenario_run.world.dlq_handler):
            points = (
                {InjectionPoint.RUN_RECORD, InjectionPoint.ENQUEUE}
                if instance is scenario_run.world.dispatcher
                else {InjectionPoint.STORE}
            )
            now_and_then(scenario_run, points, scenario_run.kill_function(instance, carried_out=carried_out), 0.05)
    for code in (grpc.StatusCode.ABORTED, grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
        now_and_then(scenario_run, POINTS | {InjectionPoint.PUBLISH, InjectionPoint.ENQUEUE}, refuse(code), 0.02)
        now_and_then(scenario_run, POINTS | {InjectionPoint.PUBLISH, InjectionPoint.ENQUEUE}, lose_answer(code), 0.02)
    now_and_then(
        scenario_run,
        {InjectionPoint.CLAIM, InjectionPoint.SEND, InjectionPoint.SETTLE},
        _written_meanwhile(scenario_run),
        0.05,
    )
    now_and_then(scenario_run, {InjectionPoint.SEND}, _refuse(scenario_run), 0.02, only_first=True)
    for disturbance in (scenario_run.faults.not_now, *scenario_run.faults.others):
        now_and_then(scenario_run, {InjectionPoint.SEND}, disturbance, 0.02)
    for disturbance in (answer(500), answer(429, Retry_After="1"), cut(accepted=True)):
        now_and_then(scenario_run, {InjectionPoint.TELL}, disturbance, 0.1)
    scenario_run.world.front_end.before = unreliable_queue(scenario_run)
    scenario_run.world.pubsub.deliver_copies(lambda _subscription, message: 1 + (int(message.message_id) % 3 == 0))
    try:
        for hour in range(_HOURS):
            if hour:
                scenario_run.hour = scenario_run.world.next_hour()
            await asyncio.gather(
                *(scenario_run.dispatch() for _ in range(1 + (scenario_run.seeded.share("run twice", hour) < 0.5)))
            )
            await scenario_run.world.drain()
    finally:
        scenario_run.world.pubsub.deliver_copies(lambda _subscription, _message: 1)


STEPS = {
    InjectionPoint.READ_DELIVERY,
    InjectionPoint.CLAIM,
    InjectionPoint.SEND,
    InjectionPoint.RELEASE,
    InjectionPoint.SETTLE,
    InjectionPoint.PUBLISH,
    InjectionPoint.TELL_OUTCOME,
}


def _written_meanwhile(scenario_run: ScenarioRun) -> Disturbance:
    """The application writes to the subscription whose report it is, and to its user."""

    async def disturb(call: InterceptedCall, carry_out: CarryOut) -> Any:
        if key := next((key for key in scenario_run.known if key.owns(call.subject)), None):
            await scenario_run.write_user(key.user_id, {"name": f"Written before {call.method}"})
            await scenario_run.write_subscription(key, {"options": {"written_before": call.method}})
        return await carry_out()

    return disturb


def _refuse(scenario_run: ScenarioRun) -> Disturbance:
    """The provider refuses an email for good. Of one that a worker may have sent before, that says nothing."""

    async def disturb(call: InterceptedCall, carry_out: CarryOut) -> Any:
        scenario_run.may_end([call.subject], "sent", "permanent-error", "retries-exhausted", UNKNOWN_OUTCOME)
        return await scenario_run.faults.never(call, carry_out)

    return disturb


def now_and_then(
    scenario_run: ScenarioRun,
    points: set[InjectionPoint],
    disturbance: Disturbance,
    share: float,
    *,
    only_first: bool = False,
) -> None:
    """Disturb a share of the calls.

    Args:
        scenario_run: the scenario's.
        points: which calls.
        disturbance: how.
        share: of them.
        only_first: whether it can hit the first call for a delivery alone.
    """
    in_share = scenario_run.a_share(share, "now and then", len(scenario_run.world.disturbances.rules))
    scenario_run.disturb(
        points,
        disturbance,
        times=None,
        chosen=lambda call, number: (number == 1 or not only_first) and in_share(call, number),
        must_happen=False,
    )


def unreliable_queue(scenario_run: ScenarioRun) -> Callable[[str, Send], Awaitable[Answer]]:
    async def deliver(delivery: str, send: Send) -> Answer:
        number = len(scenario_run.world.front_end.delivered[delivery])
        match int(scenario_run.seeded.share("queue", delivery, number) * 20):
            case 0:
                return (await asyncio.gather(send(), send()))[0]
            case 1:
                await send()
                return await send()
            case 2:
                await send()
                raise AnswerLost("by the harness")
            case _:
                return await send()

    return deliver


async def _users_change(scenario_run: ScenarioRun) -> None:
    """Between a task and its delivery some users leave, and some are deleted; old copies are written back later."""
    world = scenario_run.world
    await world.pause()
    await scenario_run.dispatch()
    leaving, deleted, set_back = (scenario_run.users[start::5] for start in (0, 1, 2))
    users = {user: (await user_reference(world.database, user).get()).to_dict() or {} for user in set_back}
    for user in leaving:
        await scenario_run.write_user(user, {"active": False})
    for user in deleted:
        await scenario_run.delete_user(user)
    for key in (key for user in [*leaving, *deleted] for key in scenario_run.of_user(user)):
        known = scenario_run.known[key]
        known.pause(since=known.first_due_at - timedelta(minutes=1))
    await world.resume()
    await world.drain()
    for user, document in users.items():
        await scenario_run.put_user(user, document)
        for key in scenario_run.of_user(user):
            await scenario_run.put_subscription(key, scenario_run.document(key))
    await scenario_run.play_next_hours()


_OF_SOME_USERS = Reports(lambda run: [run.delivery(key) for user in run.users[::4] for key in run.of_user(user)])
_deleted = meanwhile(lambda run, key: run.delete_user(key.user_id), carried_out=True)

_row = do.rows_of("everything")
SCENARIOS = [
    _row("everything at once", _everything, has_mail_events=True, at_least=16),
    _row(
        "everything at once, with resend", _everything, on_unknown_outcome=OnUnknownOutcome.RESEND, has_mail_events=True
    ),
    _row("users leave, are deleted, are set back", _users_change),
    # When the provider has accepted an email of theirs, before the delivery record is written. Their other reports are
    # skipped if they have not been sent yet.
    _row(
        "users are deleted while they are sent to",
        *(do.expect(_OF_SOME_USERS, "sent", "skipped"), do.disturb(_OF_SOME_USERS, _deleted), do.an_hour),
    ),
]
