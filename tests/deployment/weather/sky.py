"""What the weather draws: how long something stays unseen, and by whom; and how often each belief has struck."""

import math
import random
from collections import Counter

from tests.deployment.weather.clock import VirtualClock
from tests.documents.google_beliefs import PLAYED


class Sky:
    """Draws from a seed. What is drawn depends on what it is drawn for, not on what was drawn before.

    Args:
        seed: of the weather.
        clock: of the deployment.
        never: the belief that never clears; empty if all do.

    Attributes:
        strikes: how often each belief has struck.
        hidden: what was hidden last, and from whom.
    """

    def __init__(self, seed: int, clock: VirtualClock, *, never: str = "") -> None:
        self.seed, self.clock, self.never = seed, clock, never
        self.is_clear = False
        self.strikes: Counter[str] = Counter()
        self.hidden = ""

    def draw(self, *key: object) -> random.Random:
        """What is to be drawn for a key."""
        return random.Random("/".join(map(str, (self.seed, *key))))  # noqa: S311  no secret

    def strike(self, belief: str) -> None:
        """Count that a belief has struck."""
        if belief not in PLAYED:
            raise KeyError(belief)
        self.strikes[belief] += 1

    def hides(self, belief: str, thing: str, *, born: float | None, surface: str = "", flaps: bool = True) -> bool:
        """Whether something is unseen now; then the belief has struck.

        Args:
            belief: why.
            thing: its name.
            born: when it was made, in seconds; None if it was there before.
            surface: by whom it is looked at: each has its own time.
            flaps: whether what was seen may be unseen again.
        """
        if born is None or self.is_clear or self._is_calm(belief):
            return False
        drawn = self.draw(belief, thing, surface)
        longest = PLAYED[belief].minutes * 60
        lag = drawn.choice((0.0, drawn.uniform(0, longest), drawn.triangular(0, longest, 0)))
        period = drawn.choice((0, 0, 9, 31, 77)) if flaps else 0
        if belief == self.never:
            lag, period = math.inf, 0
        age = self.clock.seconds - born
        if age >= lag or (period and age > 0 and int(age / period) % 2):
            return False
        if period and age > period:
            self.strike("flapping")
        self.strike(belief)
        self.hidden = thing
        return True

    def _is_calm(self, belief: str) -> bool:
        """Whether a belief does not come with this seed. Who waits for one thing need not wait for the next: so of half
        of the seeds, each has one alone, in turn."""
        if belief == self.never:
            return False
        if self.seed // 2 % 2:
            return self.draw("calm", belief).random() < 0.4
        passing = [each.id for each in PLAYED.values() if each.minutes]
        return belief != passing[(self.seed // 4 * 2 + self.seed % 2) % len(passing)]
