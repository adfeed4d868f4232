"""What `resend-if-absent` buys, and at what price: by how late SendGrid's Email Logs show an email, and by how long a
worker stands still between its last look at the claim and the socket."""

import asyncio
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from functions.shared.settings import OnUnknownOutcome
from local_pipeline.inbox.email_logs import LogsDelay
from proof.benchmarks.table import Table
from proof.faults.disturbances import cut
from proof.faults.injection_points import InjectionPoint
from proof.faults.invariants import Rule, Tally
from proof.faults.runner import play
from proof.faults.scenario_run import Scenario, ScenarioRun, Script
from proof.faults.scenarios.absence import FIRST_HOUR, hours_pass, of_second_hour, stands_still
from proof.faults.world import World

REPORTS = 240
MINUTE = timedelta(minutes=1)
_SHARE = 0.8
"""How many of the reports that fall due in the second hour get no answer. SendGrid has every second one's email."""

_DELAYS = (
    LogsDelay(MINUTE, spread=1.0),
    LogsDelay(5 * MINUTE, spread=1.0),
    LogsDelay(10 * MINUTE, spread=1.0),
    LogsDelay(35 * MINUTE),
    LogsDelay(60 * MINUTE, spread=1.0),
    LogsDelay(MINUTE, spread=1.0, lost=0.2),
)
_STANDSTILLS = (10 * MINUTE, 25 * MINUTE, 40 * MINUTE)
_CHOICES = (
    (OnUnknownOutcome.DEAD_LETTER, False),
    (OnUnknownOutcome.RESEND_IF_ABSENT, False),
    (OnUnknownOutcome.RESEND_IF_ABSENT, True),
)
"""Each with or without the events of the emails."""
_COUNTED = ("unknown", "of these accepted", "doubled", "lost", "left to a person")


def measure(*, reports: int = REPORTS) -> Iterator[Table]:
    """Play both settings against each delay of the logs, and each standstill.

    Args:
        reports: how many fall due in the first hour.
    """
    with tempfile.TemporaryDirectory() as folder:
        yield from asyncio.run(_measure(Path(folder), reports))


async def _measure(folder: Path, reports: int) -> list[Table]:
    world = World(folder)
    await world.start()
    try:
        by_delay = [
            (
                *_words(delay),
                choice.value,
                "yes" if events else "no",
                await _tally(world, _scenario(f"{delay}", _late(delay), choice, events), reports),
            )
            for delay in _DELAYS
            for choice, events in _CHOICES
        ]
        by_standstill = [
            (f"{still // MINUTE} min", await _tally(world, _scenario(f"still {still}", stands_still(still)), reports))
            for still in _STANDSTILLS
        ]
    finally:
        await world.stop()
    return [
        Table(
            title="What SendGrid's logs decide, by how late they are",
            columns=(
                *("half show after", "19 of 20 after", "never show", "ON_UNKNOWN_OUTCOME", "mail events"),
                *_COUNTED,
            ),
            rows=[(*words, *_counts(tally)) for *words, tally in by_delay],
            note="The settling time is 30 minutes. Runs come every hour. Accepted: also those that were sent again.",
        ),
        Table(
            title="A worker that stands still before it sends, with resend-if-absent",
            columns=("for", *_COUNTED),
            rows=[(words, *_counts(tally)) for words, tally in by_standstill],
            note="It goes on, and SendGrid accepts its email then.",
        ),
    ]


def _words(delay: LogsDelay) -> tuple[str, str, str]:
    usual, factor = delay.usual / MINUTE, {0.0: 1.0, 1.0: 5.2}[delay.spread]
    return f"{usual:g} min", f"{usual * factor:.0f} min", f"{delay.lost:.0%}"


def _counts(tally: Tally) -> tuple[str, ...]:
    return tuple(map(str, (tally.unknown, tally.accepted, tally.doubled, tally.lost, tally.left)))


def _scenario(
    name: str,
    script: Script,
    choice: OnUnknownOutcome = OnUnknownOutcome.RESEND_IF_ABSENT,
    events: bool = False,
) -> Scenario:
    return Scenario(name=name, group="absence", script=script, on_unknown_outcome=choice, has_mail_events=events)


async def _tally(world: World, scenario: Scenario, reports: int) -> Tally:
    played = await play(world, scenario, reports=reports)
    if unplayed := [str(each) for each in played.violations if each.rule is Rule.NOT_PLAYED]:
        raise RuntimeError("; ".join(unplayed))
    return played.tally


def _late(delay: LogsDelay) -> Script:
    """Of every second report that gets no answer SendGrid has the email, and its logs show it late."""

    async def script(scenario_run: ScenarioRun) -> None:
        await FIRST_HOUR(scenario_run)
        victims = of_second_hour(_SHARE).of(scenario_run)
        scenario_run.world.inbox.logs_delay = replace(delay)
        for accepted in (True, False):
            of = victims[accepted::2]
            scenario_run.disturb(InjectionPoint.SEND, cut(accepted=accepted), of=of, must_happen=False)
        await scenario_run.dispatch()
        await hours_pass(scenario_run)

    return script
