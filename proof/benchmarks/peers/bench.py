"""The same reports under the same faults through each system: how many are accepted once, twice or never, and of how
many a person is told.

The faults are the provider's and kills of the workers (plan.py). They are chosen by a seed, by the report's number and
the attempt at it, and by no clock: a machine that is busy gets the same. Only what else a killed process had under way
differs from run to run, which is little where the machine keeps the pace.
"""

import asyncio
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import astuple, dataclass
from datetime import timedelta
from pathlib import Path

from functions.shared.settings import MailProviderName, OnUnknownOutcome
from proof.benchmarks.peers.celery_workers import CeleryWorkers
from proof.benchmarks.peers.environment import Missing, make_environment, redis, say
from proof.benchmarks.peers.http_functions import powertools, tutorial
from proof.benchmarks.peers.ours import Ours
from proof.benchmarks.peers.plan import Course, FaultKind, PlannedFaults, make_plan
from proof.benchmarks.peers.system import AT_ONCE, Order, System, Told
from proof.benchmarks.table import Table
from proof.faults.world import World

REPORTS = 600
SEED = "peers"

_STEP = timedelta(seconds=10)
_COLUMNS = ("", "once", "doubled", "lost", "reported", "of these unknown", "accepted though called failed")


@dataclass(frozen=True, kw_only=True)
class Counts:
    """The reports by what became of them. The first four add up to all reports.

    Attributes:
        once: accepted once, and a person is told nothing.
        doubled: accepted more than once.
        lost: never accepted, and a person is told nothing.
        reported: not doubled, and a person is told.
        unknown: of those `reported`, how many the person is told may have been sent.
        called_failed: those that were accepted, although a person is told that they failed.
    """

    once: int = 0
    doubled: int = 0
    lost: int = 0
    reported: int = 0
    unknown: int = 0
    called_failed: int = 0


def count(reports: Iterable[str], *, accepted: Mapping[str, int], told: Told) -> Counts:
    """Count the reports by the emails of each that the provider has accepted, and by what a person is told."""
    once = doubled = lost = reported = unknown = called_failed = 0
    for report in reports:
        mails, is_failed, is_unknown = accepted.get(report, 0), report in told.failed, report in told.unknown
        called_failed += is_failed and mails > 0
        if mails > 1:
            doubled += 1
        elif is_failed or is_unknown:
            reported += 1
            unknown += is_unknown
        elif mails == 1:
            once += 1
        else:
            lost += 1
    return Counts(
        once=once, doubled=doubled, lost=lost, reported=reported, unknown=unknown, called_failed=called_failed
    )


class ProviderWorld(World):
    """A world whose functions send through a provider."""

    def __init__(self, directory: Path, provider: MailProviderName) -> None:
        super().__init__(directory)
        self._provider = provider

    async def send_mail_events(self) -> None:
        """Have the provider call mail_events with what becomes of the emails."""
        if self._provider is not MailProviderName.RESEND:
            await super().send_mail_events()
            return
        function = await self._function("mail_events")
        webhook = self.inbox.resend.webhook
        webhook.url = f"http://127.0.0.1:{function.port}/resend"
        await webhook.start()

    async def drain(self) -> None:
        """Let time pass until nothing is left to deliver."""
        await super().drain()
        while self.inbox.resend.webhook.unsent:
            self.pass_time(_STEP)
            await super().drain()

    @property
    def variables(self) -> dict[str, str]:
        """Those of the world, and the provider's, for all functions."""
        return {
            **super().variables,
            "MAIL_PROVIDER": self._provider,
            "RESEND_WEBHOOK_SECRET": self.inbox.resend.webhook.secret.text,
        }


def measure(
    *,
    reports: int = REPORTS,
    kinds: Sequence[FaultKind] = tuple(FaultKind),
    providers: Sequence[MailProviderName] = tuple(MailProviderName),
    with_peers: bool = True,
) -> Iterator[Table]:
    """Send the reports through every system: this pipeline with each provider, and its peers unless a test does without
    them."""
    plan = make_plan(reports, SEED, kinds)
    note, rows = ["How each is set up: proof/README.md, *Beside others*."], []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        systems: list[System] = [Ours(provider) for provider in providers]
        if MailProviderName.SENDGRID in providers:
            systems.insert(1, Ours(MailProviderName.SENDGRID, OnUnknownOutcome.RESEND_IF_ABSENT))
        if with_peers:
            systems = [*_peers(folder, stack, note), *systems]
        for number, system in enumerate(systems):
            say(f"{system.name}: {reports} reports")
            counts, met = asyncio.run(_play(system, reports, plan, folder / str(number)))
            say(f"{system.name}: {', '.join(f'{kind} {times}' for kind, times in met.items())}")
            rows.append([system.name, *map(str, astuple(counts))])
    yield Table(title=f"{reports} reports under faults", columns=_COLUMNS, rows=rows, note="\n".join(note))


def _peers(folder: Path, stack: ExitStack, note: list[str]) -> Iterator[System]:
    yield tutorial()
    try:
        url = stack.enter_context(redis(folder))
        python = make_environment(folder / "environment")
    except Missing as error:
        say(f"Celery and Powertools are left out: {error}")
        note.append(f"Celery and Powertools are left out: {error}")
        return
    yield CeleryWorkers(python=python, redis=url)
    yield powertools(python, url)


async def _play(
    system: System, reports: int, plan: Mapping[int, Course], folder: Path
) -> tuple[Counts, Mapping[FaultKind, int]]:
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
        return count(order.reports, accepted=accepted, told=told), faults.met
    finally:
        await world.stop()
