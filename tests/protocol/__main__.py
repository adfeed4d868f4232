"""Explores all that can happen to the reports of a subscription: python -m tests.protocol --provider logs --kills 2."""

import argparse
import sys
import time
from collections.abc import Sequence

from tests.protocol.actors import Provider
from tests.protocol.played import of_the_machine
from tests.protocol.search import Found, search
from tests.protocol.world import UNKNOWN, Bounds, State, World, restored


def explored(bounds: Bounds, way: Sequence[str] = ()) -> Found[State]:
    """All states within bounds, from a report that is due, or after a way from there. With a restore, all states after
    it, of every copy that was made on the way, unless something is wrong before."""
    world = World(bounds)
    with of_the_machine():
        start = world.after(world.first(), way)
        found = search([start], world.following, wrong=world.wrong, is_good_end=world.is_good_end)
        if not bounds.restores or found.wrong or found.stuck:
            return found
        starts = restored(found)
        return search(starts, world.following, wrong=world.wrong, is_good_end=world.is_good_end)


def main() -> int:
    """Explore, and print how many states there are, and the shortest way to what is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.protocol", description=__doc__)
    parser.add_argument("--provider", choices=Provider, type=Provider, default=Provider.NEITHER)
    for name, value in Bounds._field_defaults.items():
        if name != "provider":
            parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--given-up", choices=UNKNOWN, help="begin with a report of unknown outcome that is given up")
    arguments = vars(parser.parse_args())
    way, begun = UNKNOWN.get(arguments.pop("given_up"), ()), time.process_time()
    found = explored(Bounds(**arguments), way)
    print(f"{len(found.states):,} states in {time.process_time() - begun:.0f} s of CPU")
    for state, rule in found.wrong:
        print(f"\n{rule}:", *found.trace(state), sep="\n  ")
    if found.stuck:
        print(f"\n{len(found.stuck):,} states cannot end, such as:", *found.trace(found.stuck[0]), sep="\n  ")
    return 1 if found.wrong or found.stuck else 0


if __name__ == "__main__":
    sys.exit(main())
