"""`python -m tests.deployment.weather --random 10000`: first deployments in weather of as many seeds."""

import argparse
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from tests.deployment.conftest import copy_of_repository
from tests.deployment.weather.beliefs import PLAYED
from tests.deployment.weather.judge import Verdict, judge


def main(arguments: Iterable[str] | None = None) -> int:
    """Judge; the exit status says whether all was well."""
    parser = argparse.ArgumentParser(description="First deployments in weather that is drawn from seeds.")
    parser.add_argument("--random", type=int, default=50, metavar="N", help="how many seeds")
    parser.add_argument("--seed", type=int, default=1, help="the first one")
    parser.add_argument("--never-clears", action="store_true", help="in weather that does not clear")
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--bare", action="store_true", help="only with what a deployment needs")
    kind.add_argument("--everything", action="store_true", help="only with all that can be asked for")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    chosen = parser.parse_args(None if arguments is None else list(arguments))
    with tempfile.TemporaryDirectory(prefix="weather-") as folder:
        repository = copy_of_repository(Path(folder))
        one = partial(
            _judge, repository, everything=chosen.everything, bare=chosen.bare, never=chosen.never_clears
        )
        with ProcessPoolExecutor(chosen.processes) as pool:
            seeds = range(chosen.seed, chosen.seed + chosen.random)
            return _report(pool.map(one, seeds, chunksize=4), chosen.random)


def _judge(repository: Path, seed: int, *, everything: bool, bare: bool, never: bool) -> Verdict:
    return judge(seed, repository, everything=everything or (not bare and seed % 2 == 0), never=never)


def _report(verdicts: Iterable[Verdict], count: int) -> int:
    strikes: Counter[str] = Counter()
    failed = 0
    longest = 0.0
    for verdict in verdicts:
        strikes += verdict.strikes
        longest = max(longest, verdict.seconds)
        if verdict.wrong:
            failed += 1
            print(f"seed {verdict.seed}: {verdict.wrong}\n", flush=True)
    for belief in PLAYED:
        print(f"{strikes[belief]:8} {belief}")
    print(f"{count - failed} of {count} are well; the longest first run took {longest / 60:.0f} minutes.")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
