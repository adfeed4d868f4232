"""A fortnight of a user with six subscriptions: each report comes once and on time, although runs are missed, workers
killed and subscriptions paused."""

from bisect import bisect_left
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from functions.shared.records.system_alert import AlertKind
from proof.faults.injection_points import InjectionPoint
from proof.faults.invariants import SENT, Delivery, History, check
from proof.faults.plans import Plan
from proof.faults.runner import SEED
from proof.faults.scenario_run import Scenario, ScenarioRun
from proof.faults.seeded import SeededChoices
from proof.faults.subscribers import KnownSubscription, user_fields
from proof.faults.subscription_key import SubscriptionKey
from proof.faults.world import World
from tests.support import Background

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TOKYO = ZoneInfo("Asia/Tokyo")
HOURLY, WEEKLY, WORKDAYS, MORNINGS, FRIDAYS, BIWEEKLY = (
    SubscriptionKey("ada", each) for each in ("hourly", "weekly", "workdays", "mornings", "fridays", "biweekly")
)
PLANS = {
    HOURLY: Plan("hourly", TOKYO.key),
    WEEKLY: Plan("weekly", TOKYO.key, hour=8, weekday=1),
    WORKDAYS: Plan("cron", TOKYO.key, cron="30 7 * * 1-5"),
    MORNINGS: Plan("hourly", TOKYO.key, send_between="09:00-11:00"),
    FRIDAYS: Plan("weekly", TOKYO.key, hour=9, weekday=5, calendar="holidays"),
    BIWEEKLY: Plan("biweekly", TOKYO.key, hour=8, weekday=2),
}
KINDS = {WEEKLY: "usage", BIWEEKLY: "usage"}

MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY, SATURDAY, SUNDAY = (number * DAY for number in range(7))
A_WEEK = 7 * DAY

HOURS = [number * HOUR for number in range(14 * 24)]
MISSED = {
    *(TUESDAY + hour * HOUR for hour in (3, 7, 8, 20)),
    # A whole day, with a report on a workday in it.
    *(THURSDAY + (12 + hour) * HOUR for hour in range(24)),
    # From then on all but every sixth, and of those the one by which the weekly report is due.
    *(FRIDAY + hour * HOUR for hour in range(12, 10 * 24) if hour % 6 != 5),
    A_WEEK + MONDAY + 11 * HOUR,
}
"""When the scheduler does not call the dispatcher."""

HOURLY_PAUSE = (SATURDAY - HOUR, SUNDAY + 6 * HOUR)
WORKDAYS_PAUSE = (A_WEEK + WEDNESDAY + 2 * HOUR, A_WEEK + WEDNESDAY + 14 * HOUR)
"""After which hour each is paused, and until which."""

KILLED = {
    (WEEKLY, MONDAY + 8 * HOUR): (InjectionPoint.READ_DELIVERY, True),
    (HOURLY, MONDAY + 8 * HOUR): (InjectionPoint.CLAIM, False),
    (HOURLY, WEDNESDAY + 5 * HOUR): (InjectionPoint.SETTLE, True),
    # The report of the whole day that was missed.
    (HOURLY, THURSDAY + 12 * HOUR): (InjectionPoint.READ_DELIVERY, True),
    (WORKDAYS, A_WEEK + THURSDAY + 7.5 * HOUR): (InjectionPoint.CLAIM, False),
    (WORKDAYS, A_WEEK + FRIDAY + 7.5 * HOUR): (InjectionPoint.SETTLE, True),
    # The first of a day covers all the hours before it, and is due when the hours begin.
    (MORNINGS, TUESDAY + 9 * HOUR): (InjectionPoint.SETTLE, True),
    # Friday was a day off.
    (FRIDAYS, A_WEEK + MONDAY + 9 * HOUR): (InjectionPoint.SETTLE, True),
}
"""The reports during which a worker is killed: the call at which it dies, and whether the call is carried out first.
Each time it is known whether the email was sent."""

PUNCTUAL = timedelta(minutes=5)
"""How soon after its run a report arrives, although its worker was killed."""


@dataclass(frozen=True)
class Fortnight:
    """The history of a fortnight.

    Attributes:
        start: its first Monday.
        history: all that happened.
        received: when the email of each delivery came.
    """

    start: datetime
    history: History
    received: dict[str, datetime]

    def sent(self, key: SubscriptionKey) -> list[Delivery]:
        """The reports that were sent, in their order."""
        theirs = [each for each in self.history.deliveries if each.key == key and each.state == SENT]
        return sorted(theirs, key=lambda delivery: delivery.due_at)

    def run_for(self, delivery: Delivery) -> timedelta:
        """The first run that found a report due."""
        runs = [hour for hour in HOURS if hour not in MISSED]
        return runs[bisect_left(runs, delivery.due_at - self.start)]


def test_a_fortnight(world: World, background: Background) -> None:
    fortnight = background.run(spend(world), timeout=280)
    start = fortnight.start

    assert check(fortnight.history) == []
    weeks = [(each.period_start, each.period_end) for each in fortnight.sent(WEEKLY)]
    assert weeks == [(start - A_WEEK, start), (start, start + A_WEEK)]
    workdays = [each.due_at - start for each in fortnight.sent(WORKDAYS)]
    assert workdays == [
        *(day + 7.5 * HOUR for day in (MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY)),
        *(A_WEEK + day + 7.5 * HOUR for day in (MONDAY, TUESDAY, THURSDAY, FRIDAY)),
    ]
    mornings = fortnight.sent(MORNINGS)
    assert {(each.due_at - start) % DAY for each in mornings} == {9 * HOUR, 10 * HOUR}
    assert [each.period_start for each in mornings] == [start - 14 * HOUR, *(each.period_end for each in mornings[:-1])]
    fridays = [(each.due_at - start, each.period_start, each.period_end) for each in fortnight.sent(FRIDAYS)]
    assert fridays == [
        (A_WEEK + MONDAY + 9 * HOUR, start - A_WEEK, start),
        (A_WEEK + FRIDAY + 9 * HOUR, start, start + A_WEEK),
    ]
    (biweekly,) = fortnight.sent(BIWEEKLY)
    assert biweekly.period_end in {start, start + A_WEEK}
    assert biweekly.period_start == biweekly.period_end - 2 * A_WEEK
    since, until = HOURLY_PAUSE
    hours = [fortnight.run_for(each) for each in fortnight.sent(HOURLY)]
    assert hours == [hour for hour in HOURS if hour not in MISSED and not since < hour <= until]
    for key in PLANS:
        for delivery in fortnight.sent(key):
            run = start + fortnight.run_for(delivery)
            assert run <= fortnight.received[delivery.id] < run + PUNCTUAL, delivery


async def spend(world: World) -> Fortnight:
    """Put the subscriptions in, and spend a fortnight with them."""

    async def script(scenario_run: ScenarioRun) -> None:
        for hour in HOURS:
            if hour:
                scenario_run.hour = world.next_hour()
            await write_resumes(scenario_run, start, hour)
            if hour not in MISSED:
                await scenario_run.dispatch_and_drain()
            await write_pauses(scenario_run, start, hour)
            if hour == A_WEEK / 2 or hour == A_WEEK:
                # Pub/Sub keeps what is not pulled for a week.
                await world.application.listen()

    scenario = Scenario(name="a fortnight", group="subscriptions", script=script, at_most=0)
    scenario_run = ScenarioRun(world, scenario, seeded=SeededChoices(str(SEED)), count=0, number=0)
    mails_before = len(world.inbox.mails)
    try:
        await world.worker(scenario.provider, scenario.on_unknown_outcome)
        # One task at a time, so that a worker that is killed takes no other report with it.
        await world.dispatch_at_most(1)
        wait_for_a_monday(world)
        await scenario_run.begin()
        start = scenario_run.hour
        await put_in(scenario_run)
        scenario_run.may_tell(AlertKind.NO_RUN)
        for (key, due), (point, carried_out) in KILLED.items():
            kill = scenario_run.kill(carried_out=carried_out)
            scenario_run.disturb(point, kill, of=[key.delivery(start + due)])
        kill = scenario_run.kill(carried_out=True)
        scenario_run.disturb(InjectionPoint.READ_DELIVERY, kill, of=[scenario_run.delivery(BIWEEKLY)])
        await script(scenario_run)
        history = await scenario_run.end()
    finally:
        scenario_run.heal()
        await world.clear()
    mails = world.inbox.mails[mails_before:]
    return Fortnight(start, history, {mail.custom_args["delivery_id"]: mail.received_at for mail in mails})


def wait_for_a_monday(world: World) -> None:
    """Let time pass until the hour before one begins in Tokyo."""
    now = world.clock.now().astimezone(TOKYO)
    monday = datetime.combine(now.date() + timedelta(days=8 - now.isoweekday()), time(), TOKYO)
    world.pass_time(max(monday.astimezone(UTC) - HOUR - world.clock.now(), timedelta()))


async def put_in(scenario_run: ScenarioRun) -> None:
    """Write the user and the subscriptions."""
    await scenario_run.put_user(HOURLY.user_id, user_fields(HOURLY.user_id, TOKYO.key))
    holiday = (scenario_run.hour + FRIDAY).astimezone(TOKYO).date()
    await scenario_run.world.database.document("calendars/holidays").set({"dates": [holiday.isoformat()]})
    for key, plan in PLANS.items():
        plan = replace(plan, days_off=frozenset({holiday} if plan.calendar else ()))
        first_due_at = plan.first_due(plan.covered_from(scenario_run.hour), not_before=scenario_run.hour)
        known = KnownSubscription(
            plan=plan, user_zone=TOKYO.key, kind=KINDS.get(key, "activity"), first_due_at=first_due_at
        )
        scenario_run.known[key] = known
        await scenario_run.put_subscription(key, scenario_run.document(key))


async def write_pauses(scenario_run: ScenarioRun, start: datetime, hour: timedelta) -> None:
    """Write what the application writes after the run of an hour, and before the next report falls due."""
    since, until = HOURLY_PAUSE
    if hour == since:
        scenario_run.known[HOURLY].pause(since=start + since, until=start + until)
        pause = {"paused_until": start + until, "paused_because": "user"}
        await scenario_run.write_subscription(HOURLY, pause)
    since, _ = WORKDAYS_PAUSE
    if hour == since:
        scenario_run.known[WORKDAYS].pause(since=start + since)
        await scenario_run.write_subscription(WORKDAYS, {"active": False, "paused_because": "user"})


async def write_resumes(scenario_run: ScenarioRun, start: datetime, hour: timedelta) -> None:
    """Write what the application writes before the run of an hour."""
    _, until = WORKDAYS_PAUSE
    if hour == until:
        scenario_run.known[WORKDAYS].resume(at=start + until)
        await scenario_run.write_subscription(WORKDAYS, {"active": True, "shard": None})
