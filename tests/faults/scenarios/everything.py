"""All of it together, hour after hour, as in a week that everybody remembers; and users who change meanwhile."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import grpc

from functions.shared.settings import OnUnknownOutcome
from functions.shared.system_alert import AlertKind
from local_cloud.inbox.faults import Answer as HttpAnswer
from local_cloud.tasks.dispatch import Answer, AnswerLost
from tests.faults.crossings import Crossing, Point
from tests.faults.disturbances import CarryOut, Disturbance, accept_and_answer, answer, cut, lose_answer, refuse, slow
from tests.faults.instances import Send
from tests.faults.invariants import UNKNOWN_OUTCOME
from tests.faults.scenarios.firestore import POINTS
from tests.faults.scenarios.users import malformed_documents
from tests.faults.stage import Scenario, Stage

_HOURS = 3
_MOST_KILLS = 12
"""Of workers, in an hour."""


async def _everything(stage: Stage) -> None:
    """Each call may fail, each task may come twice, and workers, dispatcher and handler are killed now and then.

    The application writes to users meanwhile, and some of their documents are malformed.
    """
    await stage.put_in_malformed(malformed_documents(stage))
    stage.disturbed_may_end(UNKNOWN_OUTCOME, "retries-exhausted", "permanent-error")
    stage.may_tell(*AlertKind)
    kills = min(0.02, _MOST_KILLS / len(stage.due) / len(_STEPS))
    for carried_out in (True, False):
        _now_and_then(stage, _STEPS, stage.kill(carried_out=carried_out), kills)
        for instance in (stage.world.dispatcher, stage.world.dlq_handler):
            points = {Point.RUN_RECORD, Point.ENQUEUE} if instance is stage.world.dispatcher else {Point.STORE}
            _now_and_then(stage, points, stage.kill_function(instance, carried_out=carried_out), 0.05)
    for code in (grpc.StatusCode.ABORTED, grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
        _now_and_then(stage, POINTS | {Point.PUBLISH, Point.ENQUEUE}, refuse(code), 0.02)
        _now_and_then(stage, POINTS | {Point.PUBLISH, Point.ENQUEUE}, lose_answer(code), 0.02)
    _now_and_then(stage, {Point.CLAIM, Point.SEND, Point.SETTLE}, _written_meanwhile(stage), 0.05)
    for disturbance in _SENDGRID:
        _now_and_then(stage, {Point.SEND}, disturbance, 0.02)
    for disturbance in (answer(500), answer(429, Retry_After="1"), cut(accepted=True)):
        _now_and_then(stage, {Point.TELL}, disturbance, 0.1)
    stage.world.front_end.before = _unreliable_queue(stage)
    stage.world.pubsub.deliver_copies(lambda _subscription, message: 1 + (int(message.message_id) % 3 == 0))
    try:
        for hour in range(_HOURS):
            if hour:
                stage.hour = stage.world.next_hour()
            await asyncio.gather(*(stage.run() for _ in range(1 + (stage.dice.share("run twice", hour) < 0.5))))
            await stage.world.drain()
    finally:
        stage.world.pubsub.deliver_copies(lambda _subscription, _message: 1)


_STEPS = {Point.READ_DELIVERY, Point.CLAIM, Point.SEND, Point.RELEASE, Point.SETTLE, Point.PUBLISH}

_SENDGRID = (
    answer(400),
    answer(401),
    answer(429, Retry_After="10"),
    answer(500),
    answer(503),
    accept_and_answer(502),
    accept_and_answer(504),
    cut(accepted=False),
    cut(accepted=True),
    slow(0.3),
)


def _written_meanwhile(stage: Stage) -> Disturbance:
    """The application writes to the user whose report it is."""

    async def disturb(crossing: Crossing, carry_out: CarryOut) -> Any:
        user = crossing.subject.rpartition("-")[0]
        if user in stage.people:
            await stage.write_user(user, {"name": f"Written before {crossing.method}"})
        return await carry_out()

    return disturb


def _now_and_then(stage: Stage, points: set[Point], disturbance: Disturbance, share: float) -> None:
    number = len(stage.world.disturbances.rules)
    stage.disturb(
        points, disturbance, times=None, chosen=stage.a_share(share, "now and then", number), must_happen=False
    )


def _unreliable_queue(stage: Stage) -> Callable[[str, Send], Awaitable[Answer]]:
    async def deliver(delivery: str, send: Send) -> Answer:
        number = len(stage.world.front_end.delivered[delivery])
        match int(stage.dice.share("queue", delivery, number) * 20):
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


async def _users_change(stage: Stage) -> None:
    """Between a task and its delivery some users leave, and some are deleted; one's document is written back later."""
    world = stage.world
    await world.pause()
    await stage.run()
    users = world.database.collection("users")
    leaving, deleted, set_back = (stage.users[start::5] for start in (0, 1, 2))
    before = {user: (await users.document(user).get()).to_dict() or {} for user in set_back}
    for user in leaving:
        await stage.write_user(user, {"active": False})
    for user in deleted:
        await users.document(user).delete()
    stage.may_end([stage.delivery(user) for user in [*leaving, *deleted]], "skipped")
    await world.resume()
    await world.drain()
    for user, document in before.items():
        await stage.put_user(user, document)
    stage.hour = world.next_hour()
    await stage.run_and_drain()


async def _deleted_while_sent(stage: Stage) -> None:
    """Users are deleted when SendGrid has accepted their mail, before the ledger is told."""
    victims = {stage.delivery(user): user for user in stage.users[::4]}
    users = stage.world.database.collection("users")

    async def delete(crossing: Crossing, carry_out: CarryOut) -> Any:
        taken: HttpAnswer = await carry_out()
        await users.document(victims[crossing.subject]).delete()
        return taken

    stage.disturb(Point.SEND, delete, of=victims)
    await stage.run_and_drain()


SCENARIOS = [
    Scenario(name="everything at once", group="everything", script=_everything),
    Scenario(
        name="everything at once, with resend",
        group="everything",
        script=_everything,
        on_unknown_outcome=OnUnknownOutcome.RESEND,
    ),
    Scenario(name="users leave, are deleted, are set back", group="everything", script=_users_change),
    Scenario(name="users are deleted while they are sent to", group="everything", script=_deleted_while_sent),
]
