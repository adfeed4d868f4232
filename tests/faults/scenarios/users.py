"""Users whose documents are new, changed meanwhile, old copies, or nothing that can be used."""

import copy
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from functions.shared.system_alert import AlertKind
from tests.faults.disturbances import CarryOut
from tests.faults.injection_points import InjectionPoint, InterceptedCall
from tests.faults.plans import Plan
from tests.faults.scenario_run import Scenario, ScenarioRun, Script

_HOURS = 3
_HOURS_BACK = 5
_POSTPONED = timedelta(hours=12)


async def _play_hours(scenario_run: ScenarioRun, hours: int) -> None:
    for hour in range(hours):
        if hour:
            scenario_run.hour = scenario_run.world.next_hour()
        await scenario_run.dispatch_and_drain()


async def _enrolled(scenario_run: ScenarioRun) -> None:
    """Some have just signed up: the field that the pipeline goes by is missing, or null."""
    await scenario_run.put_in_new_users(len(scenario_run.users))
    await _play_hours(scenario_run, 2)


def _changed(change: Callable[[ScenarioRun, str], Mapping[str, Any]]) -> Script:
    """The application writes to users when SendGrid is about to be given their mail: its period is settled by then."""

    async def script(scenario_run: ScenarioRun) -> None:
        victims = {scenario_run.delivery(user): user for user in scenario_run.hourly[::2]}

        async def write(call: InterceptedCall, carry_out: CarryOut) -> Any:
            user = victims[call.subject]
            await scenario_run.write_user(user, change(scenario_run, user))
            return await carry_out()

        scenario_run.disturb(InjectionPoint.SEND, write, of=victims)
        await _play_hours(scenario_run, 2)

    return script


def _another_schedule(scenario_run: ScenarioRun, user: str) -> Mapping[str, Any]:
    person = scenario_run.people[user]
    person.former_plan = person.plan
    person.plan = Plan.due_at(scenario_run.hour + _POSTPONED, "daily", "Asia/Tokyo")
    return person.plan.to_fields()


def _a_later_report(scenario_run: ScenarioRun, user: str) -> Mapping[str, Any]:
    person = scenario_run.people[user]
    person.postponed_to = scenario_run.hour + _POSTPONED
    return {"next_report_at": person.postponed_to}


def _an_old_copy(scenario_run: ScenarioRun, user: str) -> Mapping[str, Any]:
    return scenario_run.document(user, scenario_run.people[user])


async def _set_back_by_hours(scenario_run: ScenarioRun) -> None:
    """A backup is restored: all stand again where they stood hours ago, and everything since was sent."""
    before = {user: copy.copy(scenario_run.document(user, person)) for user, person in scenario_run.people.items()}
    await _play_hours(scenario_run, 1 + _HOURS_BACK)
    for user, document in before.items():
        await scenario_run.put_user(user, document)
    scenario_run.hour = scenario_run.world.next_hour()
    await scenario_run.dispatch_and_drain()


async def _malformed(scenario_run: ScenarioRun) -> None:
    """Documents of which no report can be made: each is one dead letter, once, and everybody else is sent theirs."""
    scenario_run.may_tell(AlertKind.RUN_ERRORS)
    await scenario_run.put_in_malformed(malformed_documents(scenario_run))
    await _play_hours(scenario_run, _HOURS)


def malformed_documents(scenario_run: ScenarioRun) -> list[Mapping[str, Any]]:
    """Some, each malformed in another way."""
    document = scenario_run.document(scenario_run.users[0], scenario_run.people[scenario_run.users[0]])
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
