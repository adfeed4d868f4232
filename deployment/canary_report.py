"""Says how the new revisions of the functions do beside the old ones.

    canary_report.py PROJECT METRIC SINCE FUNCTION=NEW:OLD...

METRIC is the log-based metric of the worker's attempts, SINCE is when the new revisions were there, as in
2026-11-24T13:00:00Z, NEW and OLD are revisions. An access token is read from standard input, so that no list of
processes shows it. The first line is what it all comes to, `healthy`, `worse` or `unclear`, the minutes that have
passed, and each function's requests, separated by tabs. A block for each function follows, with its details indented.
"""

import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from deployment.canary_comparison import compare, outcome
from deployment.canary_figures import read_figures
from deployment.google_api import GoogleApi


def read_time(text: str) -> datetime:
    """A time as Google writes it, in UTC, without its fraction of a second."""
    return datetime.strptime(f"{text[:19]}+0000", "%Y-%m-%dT%H:%M:%S%z")


def main(project: str, metric: str, since: str, *functions: str) -> None:
    """Print the report."""
    revisions = {name: pair.split(":") for name, _, pair in (function.partition("=") for function in functions)}
    began, now = read_time(since), datetime.now(timezone.utc)  # noqa: UP017  Python 3.10
    api = GoogleApi("monitoring", "Cloud Monitoring", sys.stdin.readline())
    with api.exit_on_failure():
        figures = read_figures(
            api,
            project,
            attempts_metric=metric,
            revisions=[revision for pair in revisions.values() for revision in pair],
            since=began,
            until=now,
        )
    comparisons = {name: compare(figures[new], figures[old]) for name, (new, old) in revisions.items()}
    counts = (f"{name} {figures[new].requests}/{figures[old].requests}" for name, (new, old) in revisions.items())
    verdict = outcome(list(comparisons.values())).value
    print(verdict, (now - began) // timedelta(minutes=1), ", ".join(counts), sep="\t")
    for name, comparison in comparisons.items():
        print(f"{name}: {comparison.verdict.value}", *(f"  {line}" for line in comparison.details), sep="\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
