"""The same reports under the same faults through each system: how many are accepted once, twice or never, and of how
many a person is told.

The faults are the provider's and kills of the workers (plan.py). They are chosen by a seed, by the report's number and
the attempt at it, and by no clock: a machine that is busy gets the same. Only what else a killed process had under way
differs from run to run, which is little where the machine keeps the pace.
"""

import asyncio
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from functions.shared.settings import MailProviderName, OnUnknownOutcome
from proof.benchmarks.peers.celery_workers import CeleryWorkers
from proof.benchmarks.peers.counting import Counts, count
from proof.benchmarks.peers.environment import NoPackages, make_environment, redis_if_installed, say
from proof.benchmarks.peers.faults import PlannedFaults
from proof.benchmarks.peers.http_functions import powertools, tutorial
from proof.benchmarks.peers.ours import Ours
from proof.benchmarks.peers.plan import Course, FaultKind, make_plan
from proof.benchmarks.peers.provider_world import ProviderWorld
from proof.benchmarks.peers.system import AT_ONCE, PACE, Order, System
from proof.benchmarks.table import Table

REPORTS = 600
SEED = "peers"

_COLUMNS = ("", "once", "doubled", "lost", "reported", "of these unknown", "accepted though called failed")


@dataclass(frozen=True, kw_only=True)
class _Result:
    """What a system made of the reports.

    Attributes:
        counts: of the reports.
        met: how many attempts met each fault.
    """

    counts: Counts
    met: Mapping[FaultKind, int]


def measure(
    *,
    reports: int = REPORTS,
    kinds: Sequence[FaultKind] = tuple(FaultKind),
    providers: Sequence[MailProviderName] = tuple(MailProviderName),
    with_peers: bool = True,
) -> Iterator[Table]:
    """Send the reports through every system.

    Args:
        reports: how many.
        kinds: the faults to have.
        providers: this pipeline is measured with each of them.
        with_peers: whether to measure others than this pipeline.
    """
    plan = make_plan(reports, SEED, kinds)
    note = [_plan_in_words(reports, plan), "", "What was set:", ""]
    rows = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        systems: list[System] = [Ours(provider) for provider in providers]
        if MailProviderName.SENDGRID in providers:
            systems.insert(1, Ours(MailProviderName.SENDGRID, OnUnknownOutcome.RESEND_IF_ABSENT))
        if with_peers:
            systems = [*_peers(folder, stack, note), *systems]
        for number, system in enumerate(systems):
            say(f"{system.name}: {reports} reports")
            result = asyncio.run(_play(system, reports, plan, folder / str(number)))
            say(f"{system.name}: {', '.join(f'{kind} {times}' for kind, times in result.met.items())}")
            rows.append([system.name, *_cells(result.counts)])
            note.append(f"- {system.name}: {system.setting}")
    yield Table(title=f"{reports} reports under faults", columns=_COLUMNS, rows=rows, note="\n".join(note))


def _peers(folder: Path, stack: ExitStack, note: list[str]) -> Iterator[System]:
    yield tutorial()
    try:
        python = make_environment(folder / "environment")
    except NoPackages as error:
        say(f"Celery and Powertools are left out: {error}")
        note.append(f"- Celery and Powertools are left out: {error}")
        return
    redis = stack.enter_context(redis_if_installed(folder))
    yield CeleryWorkers(python=python, redis=redis)
    yield powertools(python, redis)


async def _play(system: System, reports: int, plan: Mapping[int, Course], folder: Path) -> _Result:
    world = ProviderWorld(folder, system.provider)
    try:
        await world.start()
        await world.dispatch_at_most(AT_ONCE)
        order = Order.of(reports, world, folder)
        numbers = {report: number for number, report in enumerate(order.reports)}
        faults = PlannedFaults(plan, numbers, lambda report, request: system.kill(order, report, request))
        world.inbox.fault = faults
        try:
            told = await system.send(order)
        finally:
            faults.end()
        accepted = Counter(mail.custom_args["delivery_id"] for mail in world.inbox.mails)
        return _Result(counts=count(order.reports, accepted=accepted, told=told), met=faults.met)
    finally:
        await world.stop()


def _cells(counts: Counts) -> list[str]:
    figures = (counts.once, counts.doubled, counts.lost, counts.reported, counts.unknown, counts.called_failed)
    return [str(figure) for figure in figures]


def _plan_in_words(reports: int, plan: Mapping[int, Course]) -> str:
    of_kind = Counter(course.kind for course in plan.values())
    faults = ", ".join(f"{kind} {number}" for kind, number in of_kind.items())
    return (
        f"Of the {reports} reports, {len(plan)} meet a fault at their first attempts ({faults}). {PACE} come a second, "
        f"and at most {AT_ONCE} are under way at once. A report counts as *reported* if a person is told that it "
        "failed or, as *unknown*, that it may have been sent, and as *lost* if it was never accepted and no person is "
        "told."
    )
