"""Compares the new revision of a function with the old one while each gets a share of the requests. Pure.

Cloud Run sends each request to one of the two at random, so the two do the same work, and if they are equally good,
only chance makes their figures differ. Fisher's exact test says how probable a difference is by chance alone. It takes
any number of requests, few ones too, where a test by the normal distribution is wrong.

The new revision is worse where its share of bad requests is higher, the probability of that by chance is below
`CHANCE`, and the difference is large enough to matter. What is bad: an answer 5xx; an answer 4xx; a request that takes
longer than the old one's median, or than its 95th percentile (a control quantile test, which asks nothing of the
distribution); a report that became a dead letter. The test is made each minute, which gives chance more occasions:
`CHANCE` is small for that reason.

That no difference shows says something only where there were requests enough to show one: `LEAST_REQUESTS`.
"""

import enum
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

CHANCE = 0.001
"""With 10 percent of the requests and none that fails otherwise, the third failure of a new revision is below it."""

LEAST_REQUESTS = 100
"""Of each revision. If none of 100 requests fails, fewer than 3 percent of all would, with a confidence of 95 percent
(the rule of three). Of a revision that fails 5 percent, at 10 percent of the traffic, it finds 9 in 10."""

LEAST_DIFFERENCE = 0.01
"""Of the shares of failed answers. With very many requests every difference is certain, also one that does not matter.
A report that became a dead letter matters in any case."""

LATENCY_FACTOR = 1.5
LEAST_DELAY_MS = 100.0
"""So much slower, both by factor and by time, is too slow."""

QUANTILES = {"the median latency": 0.5, "the 95th percentile of the latency": 0.95}
FAILURES = {"5xx": "answers 5xx", "4xx": "answers 4xx"}


@dataclass(frozen=True)
class Latencies:
    """A histogram.

    Attributes:
        bounds: the upper bound of each bucket but the last, in milliseconds, in rising order.
        counts: how many requests are in each bucket; one more than bounds.
    """

    bounds: tuple[float, ...] = ()
    counts: tuple[int, ...] = (0,)

    @property
    def total(self) -> int:
        """How many requests there are."""
        return sum(self.counts)

    def bucket_of(self, quantile: float) -> int:
        """The index of the bucket in which the quantile is. There must be requests."""
        rank = quantile * self.total
        below = 0
        for index, count in enumerate(self.counts):
            below += count
            if count and below >= rank:
                return index
        raise ValueError("a quantile of nothing")

    def quantile(self, quantile: float) -> float:
        """The quantile in milliseconds: in proportion within its bucket, as Cloud Monitoring has it. There must be
        requests. What is in the last bucket counts as its lower bound."""
        index = self.bucket_of(quantile)
        lower = self.bounds[index - 1] if index else 0.0
        upper = self.bounds[index] if index < len(self.bounds) else lower
        position = (quantile * self.total - sum(self.counts[:index])) / self.counts[index]
        return lower + (upper - lower) * min(max(position, 0.0), 1.0)

    def above(self, index: int) -> int:
        """How many requests are in the buckets above that with the index."""
        return sum(self.counts[index + 1 :])


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What one revision did: how many requests were answered with each class of status, such as `5xx`, their latencies,
    how many attempts to send a report there were, which only the worker makes, and how many ended in a dead letter."""

    answers: Mapping[str, int] = field(default_factory=dict)
    latencies: Latencies = field(default_factory=Latencies)
    reports: int = 0
    dead: int = 0

    @property
    def requests(self) -> int:
        """How many requests there were."""
        return sum(self.answers.values())


class Verdict(enum.Enum):
    """What can be said of a new revision."""

    HEALTHY = "healthy"
    WORSE = "worse"
    TOO_FEW = "too few requests"


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The new revision of a function, compared with the old one.

    Attributes:
        details: what the verdict rests on, a line each.
        has_new_failures: whether a request failed in a way in which none of the old one's does. It counts where the
            requests are too few to compare.
    """

    verdict: Verdict
    details: tuple[str, ...]
    has_new_failures: bool


def compare(new: Figures, old: Figures) -> Comparison:
    """Compare the new revision of a function with the old one, over the same time."""
    worse = tuple(_differences(new, old))
    failures = tuple(_new_failures(new, old))
    if worse:
        verdict, details = Verdict.WORSE, worse
    elif min(new.requests, old.requests) < LEAST_REQUESTS:
        verdict, details = Verdict.TOO_FEW, (_too_few(new, old), *failures)
    else:
        verdict, details = Verdict.HEALTHY, tuple(_summary(new, old))
    return Comparison(verdict=verdict, details=details, has_new_failures=bool(failures))


class Outcome(enum.Enum):
    """What the comparisons of all functions together come to."""

    HEALTHY = (
        "at least one function had requests enough, none is worse, and none of the few of others failed in a new way"
    )
    WORSE = "at least one function is worse"
    UNCLEAR = "there were too few requests to say anything, or something failed among the few"


def outcome(comparisons: Sequence[Comparison]) -> Outcome:
    """Sum up the comparisons of all functions."""
    verdicts = [comparison.verdict for comparison in comparisons]
    if Verdict.WORSE in verdicts:
        return Outcome.WORSE
    doubtful = any(each.has_new_failures for each in comparisons if each.verdict is Verdict.TOO_FEW)
    return Outcome.HEALTHY if Verdict.HEALTHY in verdicts and not doubtful else Outcome.UNCLEAR


def probability_by_chance(new_bad: int, new_all: int, old_bad: int, old_all: int) -> float:
    """How probable it is that at least so many of the bad requests are the new revision's, if each of all requests is
    as likely to be bad as any other: Fisher's exact test, one-sided."""
    bad, everything = new_bad + old_bad, new_all + old_all
    total = _log_choose(everything, new_all)
    terms = (
        math.exp(_log_choose(bad, count) + _log_choose(everything - bad, new_all - count) - total)
        for count in range(max(new_bad, new_all - (everything - bad)), min(bad, new_all) + 1)
    )
    return min(math.fsum(terms), 1.0)


def _log_choose(of: int, count: int) -> float:
    return math.lgamma(of + 1) - math.lgamma(count + 1) - math.lgamma(of - count + 1)


def _is_worse(new_bad: int, new_all: int, old_bad: int, old_all: int, *, least_difference: float = 0.0) -> bool:
    if not new_all or not old_all or new_bad / new_all - old_bad / old_all <= least_difference:
        return False
    return probability_by_chance(new_bad, new_all, old_bad, old_all) < CHANCE


def _differences(new: Figures, old: Figures) -> Iterator[str]:
    """A line for each figure in which the new one is worse."""
    for answer, words in FAILURES.items():
        counts = new.answers.get(answer, 0), new.requests, old.answers.get(answer, 0), old.requests
        if _is_worse(*counts, least_difference=LEAST_DIFFERENCE):
            yield f"{words}: {_against(*counts)} of the old one's"
    if new.latencies.total and old.latencies.total:
        for words, quantile in QUANTILES.items():
            bucket = old.latencies.bucket_of(quantile)
            slow = (new.latencies.above(bucket), new.latencies.total, old.latencies.above(bucket), old.latencies.total)
            ours, theirs = new.latencies.quantile(quantile), old.latencies.quantile(quantile)
            if ours >= max(theirs * LATENCY_FACTOR, theirs + LEAST_DELAY_MS) and _is_worse(*slow):
                yield f"{words}: {_milliseconds(ours)} against {_milliseconds(theirs)} of the old one"
    dead = new.dead, new.reports, old.dead, old.reports
    if _is_worse(*dead):
        yield f"dead letters: {_against(*dead)} of the old one's"


def _new_failures(new: Figures, old: Figures) -> Iterator[str]:
    """A line for each kind of failure that only the new one has."""
    for answer, words in FAILURES.items():
        if new.answers.get(answer, 0) and not old.answers.get(answer, 0):
            yield f"{words}: {new.answers[answer]:,} of the new one's, none of the old one's"
    if new.dead and not old.dead:
        yield f"dead letters: {new.dead:,} of the new one's, none of the old one's"


def _too_few(new: Figures, old: Figures) -> str:
    counted = f"{_requests(new.requests)} to the new revision, {old.requests:,} to the old one"
    return f"{counted}: too few to compare, {LEAST_REQUESTS} each are needed"


def _summary(new: Figures, old: Figures) -> Iterator[str]:
    """A line for each figure: of the new one, then of the old one."""
    yield f"{_requests(new.requests)} to the new revision, {old.requests:,} to the old one"
    for answer, words in FAILURES.items():
        yield f"{words}: {_against(new.answers.get(answer, 0), new.requests, old.answers.get(answer, 0), old.requests)}"
    if new.latencies.total and old.latencies.total:
        for words, quantile in QUANTILES.items():
            ours, theirs = new.latencies.quantile(quantile), old.latencies.quantile(quantile)
            yield f"{words}: {_milliseconds(ours)} against {_milliseconds(theirs)}"
    if new.reports and old.reports:
        yield f"dead letters: {_against(new.dead, new.reports, old.dead, old.reports)}"


def _against(new_bad: int, new_all: int, old_bad: int, old_all: int) -> str:
    return f"{_share(new_bad, new_all)} against {_share(old_bad, old_all)}"


def _share(bad: int, everything: int) -> str:
    percent = 100 * bad / everything
    return f"{bad:,} of {everything:,} ({percent:{'.0f' if percent >= 10 else '.2g'}} %)"


def _requests(count: int) -> str:
    return f"{count:,} request" if count == 1 else f"{count:,} requests"


def _milliseconds(value: float) -> str:
    return f"{value:,.0f} ms"
