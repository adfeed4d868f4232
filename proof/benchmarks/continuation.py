"""Continuation: a run with a time limit of seconds, killed again and again, that leaves no report out."""

from collections.abc import Iterator

from proof.benchmarks.cloud import Cloud
from proof.benchmarks.killed_run import carry_out
from proof.benchmarks.table import Table

REPORTS = 200_000
_CASES = (
    # Title, time limit in seconds, killed every so many seconds.
    ("in one request", 1740.0, None),
    ("a time limit of 2 s", 2.0, None),
    ("a time limit of 2 s, killed every 4 s", 2.0, 4.0),
)


def measure(*, reports: int = REPORTS, give_up: float = 900, seed: int = 1) -> Iterator[Table]:
    """Make the same run whole, in parts, and in parts and killed."""
    rows = []
    for title, time_limit, kill_every in _CASES:
        with Cloud() as cloud:
            cloud.put_in_users(reports)
            outcome = carry_out(
                cloud,
                reports=reports,
                time_limit=time_limit,
                kill_every=kill_every,
                seed=seed,
                give_up=give_up,
            )
            figures = outcome.figures
            rows.append(
                [
                    title,
                    str(outcome.left_out),
                    str(outcome.twice),
                    f"{outcome.seconds:.0f}",
                    str(outcome.parts),
                    str(outcome.kills),
                    f"{figures['due']:,}",
                    str(figures["state"]),
                ]
            )
    yield Table(
        title=f"A run over {reports:,} reports that is cut short",
        columns=["", "left out", "twice", "seconds", "requests", "kills", "due, by the record", "state"],
        rows=rows,
        note="Killed by SIGKILL at random (fixed seed) and started again, while Cloud Scheduler's part and the local "
        "Cloud Tasks repeat what was not answered. The tasks of each report are counted in the queue. A run that is "
        "begun again counts what it finds due itself; the record is of its last attempt.",
    )
