"""Says how the new revisions of the functions do beside the old ones.

    canary_report METRIC SINCE FUNCTION=NEW:OLD...

METRIC is the log-based metric of the worker's attempts, SINCE is when the new revisions were there, as in
2026-11-24T13:00:00Z, NEW and OLD are revisions. The first line is what it all comes to, `healthy`, `worse` or
`unclear`, the minutes that have passed, and each function's requests, separated by tabs. A block for each function
follows, with its details indented.
"""

import os
import sys
from datetime import UTC, datetime, timedelta

from deployment.canary_comparison import compare, outcome
from deployment.canary_figures import read_figures
from deployment.client import client_of
from deployment.stopping import saying_why


def read_time(text: str) -> datetime:
    """A time as Google writes it, in UTC, without its fraction of a second."""
    return datetime.strptime(f"{text[:19]}+0000", "%Y-%m-%dT%H:%M:%S%z")


def main(metric: str, since: str, *functions: str) -> None:
    """Print the report."""
    revisions = {name: pair.split(":") for name, _, pair in (function.partition("=") for function in functions)}
    began, now = read_time(since), datetime.now(UTC)
    figures = read_figures(
        client_of(os.environ),
        os.environ["PROJECT_ID"],
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
    with saying_why():
        main(*sys.argv[1:])
