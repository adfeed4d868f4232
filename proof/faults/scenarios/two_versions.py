"""A new version of worker and dispatcher beside the released one, then the released one alone, then the new one alone.

That is how a release goes, and how it is taken back: docs/guides/releases.md.
"""

import itertools
from collections.abc import Sequence

import grpc

from functions.shared.records.ids import run_id
from functions.shared.records.system_alert import AlertKind
from local_cloud.tasks.dispatch import Answer, AnswerLost
from proof.faults.disturbances import cut, lose_answer, refuse
from proof.faults.injection_points import InjectionPoint
from proof.faults.instances import Send
from proof.faults.invariants import UNKNOWN_OUTCOME
from proof.faults.older_version import older_commit
from proof.faults.scenario_run import ScenarioRun
from proof.faults.scenarios import steps as do
from proof.faults.scenarios.everything import STEPS, now_and_then, unreliable_queue
from proof.faults.scenarios.firestore import POINTS
from proof.faults.scenarios.steps import KILLED_AFTER, NOT_NOW, Reports
from proof.faults.two_versions import TwoVersions, Version
from proof.faults.world import CONCURRENCY

_SHARE_OF_NEWER = 0.5
_HOURS = 2
"""In which each request goes to either of the two."""

_KILLS = 0.02


async def _released(scenario_run: ScenarioRun) -> None:
    # The released version tells nothing.
    scenario_run.hears_all = False
    async with scenario_run.world.two_versions(scenario_run.scenario.provider) as versions:
        await _side_by_side(scenario_run, versions)
        await _hand_over(scenario_run, versions, giver=Version.NEWER, taker=Version.OLDER)
        await _hand_over(scenario_run, versions, giver=Version.OLDER, taker=Version.NEWER)
        done = {version: (versions.reports_done(version), versions.parts_done(version)) for version in Version}
    for version, (reports, parts) in done.items():
        name = older_commit()[:7] if version is Version.OLDER else "this version"
        scenario_run.notes.append(f"done by {name}: {reports} reports, {parts} parts of runs")
    if versions.refusals:
        raise RuntimeError(f"a dispatcher refuses what the other has made: {versions.refusals[0]}")
    if not all(itertools.chain(*done.values())):
        raise RuntimeError(f"one version had nothing to do: {done}")


async def _side_by_side(scenario_run: ScenarioRun, versions: TwoVersions) -> None:
    """Each request goes to one of the two. Calls fail or are slow, workers are killed, and tasks come twice."""
    world, faults = scenario_run.world, scenario_run.faults
    versions.split(
        lambda subject, number: (
            Version.NEWER
            if scenario_run.seeded.share("which version", subject, number) < _SHARE_OF_NEWER
            else Version.OLDER
        )
    )
    scenario_run.disturbed_may_end(UNKNOWN_OUTCOME, "retries-exhausted")
    scenario_run.may_tell(*AlertKind)
    for carried_out in (True, False):
        now_and_then(scenario_run, STEPS, scenario_run.kill(carried_out=carried_out), _KILLS)
    for disturbance in (refuse(grpc.StatusCode.UNAVAILABLE), lose_answer(grpc.StatusCode.UNAVAILABLE)):
        now_and_then(scenario_run, {*POINTS, InjectionPoint.PUBLISH, InjectionPoint.ENQUEUE}, disturbance, 0.03)
    for disturbance in (faults.not_now, *faults.others):
        now_and_then(scenario_run, {InjectionPoint.SEND}, disturbance, 0.03)
    world.front_end.before = unreliable_queue(scenario_run)
    await scenario_run.play_hours(_HOURS)
    scenario_run.heal()


def _half_done(report: Reports) -> Sequence[Sequence[do.Step]]:
    """The ways in which a version leaves a report half done. The last is that its task dies without a trace, so that
    only the next run finds it."""
    return (
        # It dies with the claim, before it has made a request: the lease must run out.
        (do.expect_unknown(report, accepted=False), do.disturb(report, KILLED_AFTER, at=InjectionPoint.CLAIM)),
        # It dies when the provider has accepted the email.
        (do.expect_unknown(report, accepted=True), do.disturb(report, KILLED_AFTER)),
        # It notes that the outcome of the email is unknown.
        (do.expect_unknown(report, accepted=True), do.disturb(report, cut(accepted=True))),
        # It gives the delivery back for a later attempt.
        (do.disturb(report, NOT_NOW),),
        # It dies with the dead letter published and the delivery not yet marked dead.
        (do.make_die(report), do.disturb(report, KILLED_AFTER, at=InjectionPoint.PUBLISH)),
        (),
    )


async def _hand_over(scenario_run: ScenarioRun, versions: TwoVersions, *, giver: Version, taker: Version) -> None:
    """One version leaves every report of an hour half done, and its run, too. The other one, alone from then on, brings
    all of it to its end."""
    world = scenario_run.world
    scenario_run.hour = world.next_hour()
    left: dict[str, Sequence[do.Step]] = {}

    async def deliver(delivery: str, send: Send) -> Answer:
        if len(world.front_end.delivered[delivery]) == 1:
            ways = _half_done(Reports(lambda _scenario_run: [delivery]))
            left[delivery] = ways[len(left) % len(ways)]
            await do.in_turn(*left[delivery])(scenario_run)
        if left.get(delivery) == ():
            raise AnswerLost("by the harness")
        return await send()

    # One at a time, so that a worker that is killed takes no other report with it.
    await world.dispatch_at_most(1)
    world.front_end.before = deliver
    versions.split(lambda subject, number: giver if number == 1 else taker)
    kill = scenario_run.kill_function(versions.dispatchers[giver], carried_out=True)
    scenario_run.disturb(InjectionPoint.ENQUEUE, kill, of=[run_id(scenario_run.hour)], skip=1)
    await scenario_run.dispatch()
    await world.drain()
    if () not in left.values():
        raise RuntimeError(f"the hour had {len(left)} reports, too few to leave one half done in each way")
    scenario_run.heal()
    versions.only(taker)
    await world.dispatch_at_most(CONCURRENCY)
    await scenario_run.play_next_hours()


SCENARIOS = [do.rows_of("two versions")("side by side, back, and forth", _released, at_least=16, at_most=60)]
