"""Explores all that can happen to one report: python -m tests.protocol --provider logs --kills 2."""

import argparse
import sys
import time
from collections.abc import Iterable

from tests.protocol.report import Bounds, Provider, State, first, following, is_good_end, restored, wrong
from tests.protocol.search import Found, search


def explored(bounds: Bounds, start: State | None = None) -> Found[State]:
    """All states within bounds, from a report that is due or from another start. With a restore, all states after it,
    of every copy that was made on the way, unless something is wrong before."""
    found = _searched(bounds, [start or first(bounds)])
    if not bounds.restores or found.wrong or found.stuck:
        return found
    return _searched(bounds, restored(found.after))


def _searched(bounds: Bounds, starts: Iterable[State]) -> Found[State]:
    return search(starts, lambda state: following(state, bounds), wrong=wrong, is_good_end=is_good_end)


def main() -> int:
    """Explore, and print how many states there are, and the shortest way to what is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.protocol", description=__doc__)
    parser.add_argument("--provider", choices=Provider, type=Provider, default=Provider.NEITHER)
    for name, value in Bounds._field_defaults.items():
        if name != "provider":
            parser.add_argument(f"--{name}", type=int, default=value)
    bounds, begun = Bounds(**vars(parser.parse_args())), time.monotonic()
    found = explored(bounds)
    print(f"{len(found.before):,} states in {time.monotonic() - begun:.0f} s")
    for state, rule in found.wrong:
        print(f"\n{rule}:", *found.trace(state), sep="\n  ")
    if found.stuck:
        print(f"\n{len(found.stuck):,} states cannot end, such as:", *found.trace(found.stuck[0]), sep="\n  ")
    return 1 if found.wrong or found.stuck else 0


if __name__ == "__main__":
    sys.exit(main())
