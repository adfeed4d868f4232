"""Explores sequences: python -m tests.moments --every 3 --start hourly, or --random 200000."""

import argparse
import itertools
import random
import sys
import time
from collections.abc import Callable, Collection, Iterator, Sequence

from tests.moments.sequences import OPERATIONS, STARTS, play

_SHOWN = 20


def _sequences(
    arguments: argparse.Namespace, every: Collection[str], operations: Collection[str]
) -> Iterator[tuple[str, ...]]:
    starts = [arguments.start] if arguments.start else list(every)
    if arguments.every:
        for start in starts:
            yield from ((start, *names) for names in itertools.product(operations, repeat=arguments.every))
    chance = random.Random(arguments.seed)  # noqa: S311  no secret
    for _ in range(arguments.random):
        length = chance.randint(2, arguments.longest)
        yield (chance.choice(starts), *(chance.choice(list(operations)) for _ in range(length)))


def explore(
    program: str,
    starts: Collection[str],
    operations: Collection[str],
    play_one: Callable[[str, Sequence[str]], Sequence[str]],
) -> int:
    """Play sequences as the command line says, show progress, and say which of them were wrong.

    Args:
        program: what is explored.
        starts: the names of what a sequence begins with.
        operations: the names of what happens.
        play_one: plays operations from a start, and returns what is wrong.
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m {program}", description="Explores sequences: --every 2, or --random 200000."
    )
    parser.add_argument("--every", type=int, default=0, metavar="LENGTH", help="every sequence of so many operations")
    parser.add_argument("--random", type=int, default=0, metavar="N", help="so many random sequences")
    parser.add_argument("--longest", type=int, default=6, metavar="LENGTH", help="of a random sequence (default: 6)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--start", choices=starts, help="only from this subscription")
    arguments = parser.parse_args()
    begun, played, wrong = time.monotonic(), 0, 0
    for start, *names in _sequences(arguments, starts, operations):
        played += 1
        if mistakes := play_one(start, names):
            wrong += 1
            if wrong <= _SHOWN:
                print(f"{start}: {'; '.join(names)}\n    {'; '.join(mistakes)}", flush=True)
        if played % 1000 == 0 and sys.stderr.isatty():
            print(f"\r{played:,} sequences, {wrong} wrong", end="", file=sys.stderr)
    print(f"{played:,} sequences in {time.monotonic() - begun:.0f} s: {wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(explore("tests.moments", STARTS, OPERATIONS, lambda start, names: play(STARTS[start], names)))
