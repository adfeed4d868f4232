"""`python -m tests.deployment.weather --random 10000`: first deployments in weather of as many seeds."""

import argparse
import os
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from functools import partial
from pathlib import Path

from tests.deployment.conftest import copy_of_repository
from tests.deployment.weather.judge import Course, Verdict, judge
from tests.documents.google_beliefs import PLAYED


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
        one = partial(_judge, repository, everything=chosen.everything, bare=chosen.bare, never=chosen.never_clears)
        seeds = range(chosen.seed, chosen.seed + chosen.random)
        with ProcessPoolExecutor(chosen.processes) as pool:
            return _report({seed: pool.submit(one, seed) for seed in seeds})


def _judge(repository: Path, seed: int, *, everything: bool, bare: bool, never: bool) -> Verdict:
    """Of two seeds, one with everything on; of eight, two whose first run is killed."""
    course = Course.NEVER if never else Course.KILLED if seed % 8 in {3, 6} else Course.AT_ONCE
    return judge(seed, repository, course, everything=everything or (not bare and seed % 2 == 0))


def _report(judged: Mapping[int, Future[Verdict]]) -> int:
    strikes: Counter[str] = Counter()
    failed, longest = 0, 0.0
    for seed, future in judged.items():
        if error := future.exception():
            wrong = "".join(traceback.format_exception(error))
        else:
            wrong = future.result().wrong
            strikes += future.result().strikes
            longest = max(longest, future.result().seconds)
        if wrong:
            failed += 1
            print(f"seed {seed}: {wrong}\n", flush=True)
    for belief in PLAYED:
        print(f"{strikes[belief]:8} {belief}")
    print(f"{len(judged) - failed} of {len(judged)} are well; the longest took {longest / 60:.0f} minutes.")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
