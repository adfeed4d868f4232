"""Users whose documents are new, changed meanwhile, old copies, or nothing that can be used."""

import copy
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from functions.shared.system_alert import AlertKind
from tests.faults.crossings import Crossing, Point
from tests.faults.disturbances import CarryOut
from tests.faults.plans import Plan
from tests.faults.stage import Scenario, Script, Stage

_HOURS = 3
_HOURS_BACK = 5
_POSTPONED = timedelta(hours=12)


async def _play_hours(stage: Stage, hours: int) -> None:
    for hour in range(hours):
        if hour:
            stage.hour = stage.world.next_hour()
        await stage.run_and_drain()


async def _enrolled(stage: Stage) -> None:
    """Some have just signed up: the field that the pipeline goes by is missing, or null."""
    await stage.put_in_new_users(len(stage.users))
    await _play_hours(stage, 2)


def _changed(change: Callable[[Stage, str], Mapping[str, Any]]) -> Script:
    """The application writes to users when SendGrid is about to be given their mail: its period is settled by then."""

    async def script(stage: Stage) -> None:
        victims = {stage.delivery(user): user for user in stage.hourly[::2]}

        async def write(crossing: Crossing, carry_out: CarryOut) -> Any:
            user = victims[crossing.subject]
            await stage.write_user(user, change(stage, user))
            return await carry_out()

        stage.disturb(Point.SEND, write, of=victims)
        await _play_hours(stage, 2)

    return script


def _another_schedule(stage: Stage, user: str) -> Mapping[str, Any]:
    person = stage.people[user]
    person.former_plan = person.plan
    person.plan = Plan.due_at(stage.hour + _POSTPONED, "daily", "Asia/Tokyo")
    return person.plan.to_fields()


def _a_later_report(stage: Stage, user: str) -> Mapping[str, Any]:
    person = stage.people[user]
    person.postponed_to = stage.hour + _POSTPONED
    return {"next_report_at": person.postponed_to}


def _an_old_copy(stage: Stage, user: str) -> Mapping[str, Any]:
    return stage.document(user, stage.people[user])


async def _set_back_by_hours(stage: Stage) -> None:
    """A backup is restored: all stand again where they stood hours ago, and everything since was sent."""
    before = {user: copy.copy(stage.document(user, person)) for user, person in stage.people.items()}
    await _play_hours(stage, 1 + _HOURS_BACK)
    for user, document in before.items():
        await stage.put_user(user, document)
    stage.hour = stage.world.next_hour()
    await stage.run_and_drain()


async def _malformed(stage: Stage) -> None:
    """Documents of which no report can be made: each is one dead letter, once, and everybody else is sent theirs."""
    stage.may_tell(AlertKind.RUN_ERRORS)
    await stage.put_in_malformed(malformed_documents(stage))
    await _play_hours(stage, _HOURS)


def malformed_documents(stage: Stage) -> list[Mapping[str, Any]]:
    """Some, each malformed in another way."""
    document = stage.document(stage.users[0], stage.people[stage.users[0]])
    once_a_day = {**document["report"], "cadence": "daily"}
    return [
        {**document, "next_report_at": "tomorrow"},
        {**document, "next_report_at": datetime(1, 1, 1, tzinfo=UTC)},
        {**document, "report": {**once_a_day, "kind": 7}},
        {**document, "report": {**once_a_day, "kind": "no_such_kind"}},
        {**document, "report": once_a_day, "email": None},
        {**document, "report": once_a_day, "email": "nobody"},
        {**document, "report": once_a_day, "time_zone": "Mars/Olympus_Mons"},
        {**document, "report": {**once_a_day, "hour": float("inf")}},
    ]


SCENARIOS = [
    Scenario(name="sign up", group="users", script=_enrolled),
    Scenario(name="change their schedule while they are sent to", group="users", script=_changed(_another_schedule)),
    Scenario(name="want a later report while they are sent to", group="users", script=_changed(_a_later_report)),
    Scenario(name="are written back while they are sent to", group="users", script=_changed(_an_old_copy)),
    Scenario(name="are set back by hours", group="users", script=_set_back_by_hours),
    Scenario(name="are malformed", group="users", script=_malformed),
]
