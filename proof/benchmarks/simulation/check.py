"""Compares the model with the pipeline itself, on the local cloud, at sizes that this machine can run."""

import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from statistics import median

from google.cloud.tasks_v2 import Queue, RetryConfig

from functions.dispatcher.due_subscription import DueSubscription
from functions.dispatcher.fan_out import report_task
from functions.shared.queues.retry_policy import RetryPolicy
from functions.shared.records.report_task import ReportTask
from functions.shared.records.subscription import DEFAULT_SUBSCRIPTION
from proof.benchmarks.cloud import DUE_AT, PARENT, TASKS, Cloud
from proof.benchmarks.failure import BenchmarkFailed
from proof.benchmarks.load import send
from proof.benchmarks.simulation.model import simulate
from proof.benchmarks.simulation.plan import Pace, Plan
from proof.benchmarks.table import Table

_WORKER_URL = "http://self"
_THREADS = 10
CALIBRATION = 60
_POLL_SECONDS = 0.1
_GIVE_UP_SECONDS = 300.0
_SEEDS = 21
REAL_SEEDS = 3
"""The number of real runs for a case in which attempts fail."""

_RETRIES = RetryPolicy(
    max_attempts=8,
    max_retry_duration=timedelta(0),
    min_backoff=timedelta(seconds=1),
    max_backoff=timedelta(seconds=8),
    max_doublings=3,
)

CASES: Sequence[tuple[str, int, float, int, float]] = (
    # The expected limit, reports, rate, concurrent, share of failures.
    ("the queue's rate", 400, 10, 100, 0.0),
    ("the queue's concurrency", 2_000, 500, 2, 0.0),
    ("the worker", 3_000, 500, 10, 0.0),
    ("retries", 400, 20, 100, 0.2),
)


def measure(
    *,
    cases: Sequence[tuple[str, int, float, int, float]] = CASES,
    real_seeds: int = REAL_SEEDS,
    calibration: int = CALIBRATION,
) -> Iterator[Table]:
    """Run each case for real, and in the model with the worker's pace as measured on this machine.

    Args:
        cases: see CASES.
        real_seeds: the number of real runs for a case in which attempts fail.
        calibration: the number of reports by which the pace is measured, three times.
    """
    rows = []
    for limit, reports, rate, concurrent, failures in cases:
        measured = []
        for seed in range(real_seeds if failures else 1):
            with Cloud(mail_failures=failures, seed=seed) as cloud:
                measured.append(_run(cloud, reports, rate, concurrent, calibration=0 if failures else calibration))
        pace = measured[0][0]
        real = sorted(seconds for _, seconds in measured)
        plan = Plan(
            reports=reports,
            rate=rate,
            concurrent=concurrent,
            instances=1,
            concurrency=_THREADS,
            failure_rate=failures,
            retries=_RETRIES,
            # The local Firestore has no such limit.
            rising=(),
            pace=pace,
        )
        # Chance decides which attempts fail, in the model and in the run: the last report of a run is the unluckiest.
        modelled = sorted(simulate(plan, seed=seed).last_sent for seed in range(_SEEDS))
        rows.append(
            [
                limit,
                f"{reports:,}",
                f"{rate:g}/s, {concurrent} at once",
                f"{failures:.0%}",
                f"{pace.cpu_seconds * 1000:.0f} + {pace.wait_seconds * 1000:.0f}",
                _written(real),
                _written(modelled),
                f"{median(modelled) / median(real) - 1:+.0%}",
            ]
        )
    yield Table(
        title="The model and the local cloud",
        columns=[
            *("what limits", "reports", "queue", "emails refused", "a report, ms", "real, s", "modelled, s", "off by"),
        ],
        rows=rows,
        note=f"Where attempts fail, the middle of {real_seeds} runs and of {_SEEDS} modelled ones, each with a seed "
        "of its own, with the least and the most. From Cloud Scheduler's call to the last email. A report's "
        "milliseconds, of its worker's own and of waiting for others, are measured before each run by sending reports "
        "to the same worker one at a time and ten at a time, and are all that the model is told of this machine.",
    )


def _written(seconds: Sequence[float]) -> str:
    least, most = f"{min(seconds):.1f}", f"{max(seconds):.1f}"
    return least if least == most else f"{median(seconds):.1f} ({least} to {most})"


def _run(cloud: Cloud, reports: int, rate: float, concurrent: int, *, calibration: int) -> tuple[Pace, float]:
    """The worker's pace, and the seconds that a real run takes."""
    # The users for the pace measurement have their reports before the run begins.
    cloud.put_in_users(reports + 3 * calibration)
    queue = Queue(
        name=f"{PARENT}/queues/reports",
        rate_limits={"max_dispatches_per_second": rate, "max_concurrent_dispatches": concurrent},
        retry_config=RetryConfig(
            max_attempts=_RETRIES.max_attempts,
            min_backoff=_RETRIES.min_backoff,
            max_backoff=_RETRIES.max_backoff,
            max_doublings=_RETRIES.max_doublings,
        ),
    )
    cloud.queues.create_queue(parent=PARENT, queue=queue)
    with cloud.function("worker", WORKER_URL=_WORKER_URL, THREADS=str(_THREADS), PROVIDER_PAUSE="0") as worker:
        pace = _pace(cloud, worker.url, worker.environment["WORKER_URL"], reports, calibration)
        before = int(cloud.bill()["mails"])
        with cloud.function("dispatcher", WORKER_URL=worker.url) as dispatcher:
            began = time.monotonic()
            due = int(cloud.dispatch(dispatcher)["due"])
        while cloud.counts("reports")["depth"]:
            if time.monotonic() - began > _GIVE_UP_SECONDS:
                raise TimeoutError(f"{reports} reports are not sent after {_GIVE_UP_SECONDS:.0f} s")
            time.sleep(_POLL_SECONDS)
        real = time.monotonic() - began
        sent = int(cloud.bill()["mails"]) - before
        if not sent == due == reports:
            raise BenchmarkFailed(f"{reports} reports were to be due, {due} were, and {sent} were sent")
    return pace, real


def _pace(cloud: Cloud, url: str, audience: str, reports: int, calibration: int) -> Pace:
    """How fast the worker is: alone, and as fast as it can."""
    if not calibration:
        # Failed reports are not comparable. These figures hardly matter if the run mostly waits for retries.
        return Pace(cpu_seconds=0.02, wait_seconds=0.02, start_seconds=0)
    token = cloud.token(TASKS, audience)
    tasks = [
        ReportTask.from_json(report_task(due, "20261124T1200Z").body)
        for number in range(1, 3 * calibration + 1)
        for due in [DueSubscription(f"u{reports + number}", DEFAULT_SUBSCRIPTION, DUE_AT, "activity")]
    ]
    first, alone, together = (tasks[start::3] for start in range(3))
    send(first, urls=[url], token=token, concurrency=_THREADS)
    single = send(alone, urls=[url], token=token, concurrency=1).percentile(0.5)
    own = 1 / send(together, urls=[url], token=token, concurrency=_THREADS).rate
    # The instance is up already.
    return Pace(cpu_seconds=own, wait_seconds=max(single - own, 0), start_seconds=0)
