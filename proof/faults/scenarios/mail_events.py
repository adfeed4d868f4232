"""What SendGrid says of the emails is lost, comes twice, in another order or a day late, and mail_events fails."""

import asyncio
import itertools
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from http import HTTPStatus

import grpc

from functions.shared.records.system_alert import AlertKind
from local_pipeline.inbox.server import EMAIL_LOGS_SCOPE
from proof.faults.disturbances import lose_answer, refuse
from proof.faults.injection_points import InjectionPoint
from proof.faults.scenario_run import ScenarioRun
from proof.faults.scenarios import steps as do
from proof.faults.scenarios.worker_processes import killed_at_random
from proof.faults.webhook_gate import WebhookEvent, WebhookGate
from tests.seeding import subscription_reference

_HOURS = 2
_ENDS = ("bounce", "deferred", "spam", "delivered", "blocked")
"""What becomes of the emails to each address, in turn (local_pipeline/inbox/event_webhook.py)."""

_EVENTS_A_CALL = 7
_MOST_KILLS = 3
_SHARE = 0.15
_STEPS = {
    InjectionPoint.READ_EVENTS,
    InjectionPoint.READ_USER,
    InjectionPoint.STORE_EVENTS,
    InjectionPoint.STOP,
}


def _begin(scenario_run: ScenarioRun) -> None:
    """Some emails of each hour bounce, or are marked as spam: of users, of those who get copies, and of teams."""
    addresses = [
        address for key in scenario_run.hourly for address in sorted(scenario_run.known[key].recipients(key.user_id))
    ]
    ends = itertools.cycle(_ENDS)
    scenario_run.world.inbox.webhook.kinds |= {address: next(ends) for address in dict.fromkeys(addresses)}


async def _repeat_all(scenario_run: ScenarioRun) -> None:
    """SendGrid sends everything again, in another order and under other ids, as users report."""
    passed = [each.event for each in scenario_run.world.webhook_gate.passed_on]
    again = [{**each, "sg_event_id": f"again-{number}"} for number, each in enumerate(passed)]
    await scenario_run.repeat(lambda: _pass_on(scenario_run, _shuffled(scenario_run, again, "again")))


def _shuffled(scenario_run: ScenarioRun, events: Sequence[WebhookEvent], *question: object) -> list[WebhookEvent]:
    numbers = sorted(range(len(events)), key=lambda number: scenario_run.seeded.share(*question, number))
    return [events[number] for number in numbers]


async def _pass_on(scenario_run: ScenarioRun, events: Sequence[WebhookEvent]) -> None:
    """In several calls, each of which SendGrid makes again until it is answered by 200."""
    for start in range(0, len(events), _EVENTS_A_CALL):
        while await scenario_run.world.webhook_gate.pass_on(events[start : start + _EVENTS_A_CALL]) != HTTPStatus.OK:
            await asyncio.sleep(0.1)


def keep_events(gate: WebhookGate) -> list[WebhookEvent]:
    """Have no event come from now on. Returns the list to which they are added."""
    kept: list[WebhookEvent] = []

    async def keep(events: Sequence[WebhookEvent]) -> int:
        kept.extend(events)
        return HTTPStatus.OK

    gate.before = keep
    return kept


def _lost_at_first(scenario_run: ScenarioRun) -> None:
    """Each call is lost, then its answer is, and only then it gets through: SendGrid tries again."""
    gate = scenario_run.world.webhook_gate
    tries: Counter[str] = Counter()

    async def lose(events: Sequence[WebhookEvent]) -> int:
        name = min(event["sg_event_id"] for event in events)
        tries[name] += 1
        status = await gate.pass_on(events) if tries[name] > 1 else HTTPStatus.BAD_GATEWAY
        return status if tries[name] > 2 else HTTPStatus.BAD_GATEWAY

    gate.before = lose


async def _lost_for_good(scenario_run: ScenarioRun) -> None:
    """No event of the first hour comes. SendGrid drops the next email to a bad address, and the event of that does."""
    gate = scenario_run.world.webhook_gate
    keep_events(gate)
    await scenario_run.dispatch_and_drain()
    gate.before = None


def _doubled_and_reordered(scenario_run: ScenarioRun) -> None:
    """Each call comes as several at once, which overlap, and each event in two of them."""
    gate = scenario_run.world.webhook_gate

    async def split(events: Sequence[WebhookEvent]) -> int:
        doubled = [*events, *({**each, "sg_event_id": f"{each['sg_event_id']}-2"} for each in events)]
        shuffled = _shuffled(scenario_run, doubled, "doubled")
        parts = [shuffled[start::3] for start in range(3)]
        answers = await asyncio.gather(*(gate.pass_on(part) for part in parts if part))
        return max(answers)

    gate.before = split


async def _a_day_late(scenario_run: ScenarioRun) -> None:
    """All events of two hours come a day later. What a person has resumed meanwhile is not paused by them."""
    gate = scenario_run.world.webhook_gate
    kept = keep_events(gate)
    await scenario_run.play_hours(2)
    gate.before = None
    scenario_run.world.pass_time(timedelta(hours=22))
    scenario_run.hour = scenario_run.world.next_hour()
    for key in scenario_run.hourly[::3]:
        await scenario_run.note_resumption(key)
    await _pass_on(scenario_run, _shuffled(scenario_run, kept, "late"))


async def _resumed(scenario_run: ScenarioRun) -> None:
    """What events have paused is resumed: when they come again, they pause nothing a second time."""
    world = scenario_run.world
    await scenario_run.dispatch_and_drain()
    world.inbox.webhook.kinds.clear()
    world.inbox.webhook.lists.clear()
    scenario_run.hour = world.next_hour()
    for key in scenario_run.hourly:
        document = (await subscription_reference(world.database, *key).get()).to_dict() or {}
        if not document["active"]:
            await scenario_run.resume_silently(key)


def _killed(point: InjectionPoint, *, carried_out: bool) -> do.Step:
    """mail_events is killed as it writes, before the write takes effect or after: SendGrid tries again."""

    def step(scenario_run: ScenarioRun) -> None:
        kill = scenario_run.kill_function(scenario_run.world.mail_events, carried_out=carried_out)
        kills = itertools.count()
        scenario_run.disturb(point, kill, times=None, chosen=lambda _call, _number: next(kills) < _MOST_KILLS)

    return step


def _firestore_fails(scenario_run: ScenarioRun) -> None:
    """The first write of each record and each pause fails, and a share of all calls, or only their answer is lost."""
    for point in (InjectionPoint.STORE_EVENTS, InjectionPoint.STOP):
        scenario_run.disturb(point, refuse(grpc.StatusCode.PERMISSION_DENIED))
    for code in (grpc.StatusCode.ABORTED, grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.PERMISSION_DENIED):
        for number, disturbance in enumerate((refuse(code), lose_answer(code))):
            chosen = scenario_run.a_share(_SHARE / 2, "fails", code, number)
            scenario_run.disturb(_STEPS, disturbance, times=None, chosen=chosen, must_happen=False)


async def _settle_hours_late(scenario_run: ScenarioRun) -> None:
    """All events come only when people have been told that they must decide: the letters close."""
    gate = scenario_run.world.webhook_gate
    kept = keep_events(gate)
    await killed_at_random(scenario_run)
    await scenario_run.play_next_hours()
    gate.before = None
    await _pass_on(scenario_run, _shuffled(scenario_run, kept, "late"))
    await scenario_run.world.drain()


_play = do.in_turn(do.hours(_HOURS), _repeat_all)
_no_logs = do.in_the_world(lambda world: world.inbox.sendgrid_scopes.discard(EMAIL_LOGS_SCOPE))
"""The key may not read SendGrid's logs: the events alone tell."""
_late = do.expect_alerts(AlertKind.NO_RUN)
_STORE, _STOP = InjectionPoint.STORE_EVENTS, InjectionPoint.STOP

_row = do.rows_of("mail events", has_mail_events=True, at_most=24)
SCENARIOS = [
    _row("are lost at first", _begin, _lost_at_first, _play),
    _row("are lost for good", _begin, _lost_for_good, do.next_hours(), do.next_hour, _play),
    _row("come twice, at once, in another order", _begin, _doubled_and_reordered, _play, at_least=16),
    _row("come a day late", _begin, _late, _a_day_late, _play),
    _row("come again after a person resumed", _begin, _resumed, _repeat_all, _play),
    _row("killed before the records are written", _begin, _killed(_STORE, carried_out=False), _play),
    _row("killed after the records were written", _begin, _killed(_STORE, carried_out=True), _play),
    _row("killed after it paused", _begin, _killed(_STOP, carried_out=True), _play),
    # SendGrid's waits between its tries are longer than an hour together.
    _row(
        "Firestore fails under them",
        *(_begin, _late, _firestore_fails, do.hours(_HOURS), do.no_more_faults, _repeat_all),
        at_most=16,
    ),
    _row("settle what kills leave unknown", _no_logs, killed_at_random, at_least=16),
    _row("settle what kills leave unknown, hours late", _no_logs, _settle_hours_late, _repeat_all, at_least=16),
]
