"""What follows a run: the events of its emails, those who open the recipient's page, and operators who look at it.

Each function gets requests at a rate that follows from the emails' and takes as many as its instances can. The email
provider repeats what is refused, so that is late; a person sees an error page. Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from math import ceil, exp

from proof.benchmarks.simulation import limits
from proof.benchmarks.simulation.model import Outcome
from proof.benchmarks.simulation.plan import MOST_BUSY
from proof.benchmarks.simulation.request_cost import RequestCost, RequestCosts, RequestKind

_MINUTE, _HOUR = 60, 3600

_SPANS_OF_DAY, _SPANS_OF_WEEK = 24, 7
"""Hours and days that the overview counts."""


@dataclass(frozen=True, kw_only=True)
class Habits:
    """What recipients, their mail servers and operators do. Assumed: they differ from team to team.

    Attributes:
        bounced: the share of emails that bounce; the others are delivered.
        deferred: the share that has one more event before that.
        scanned: the share whose links the recipient's mail server opens when the email arrives.
        opened: the share whose recipient opens the page.
        opened_after: seconds until then, on average.
        unsubscribed: the share whose recipient unsubscribes by one click.
        operators: how many look at the console.
        page_each: seconds from one page of an operator to the next.
    """

    bounced: float = 0.01
    deferred: float = 0.02
    scanned: float = 0.1
    opened: float = 0.005
    opened_after: float = 15 * _MINUTE
    unsubscribed: float = 0.001
    operators: int = 3
    page_each: float = 10

    @property
    def events(self) -> float:
        """Events of an email."""
        return 1 + self.deferred


@dataclass(frozen=True, kw_only=True)
class Service:
    """A function as it is deployed.

    Attributes:
        setting: of its most instances.
        instances: at most, each with one CPU.
        concurrency: requests at once in one.
    """

    setting: str
    instances: int
    concurrency: int

    def most_a_second(self, cost: RequestCost) -> float:
        """Requests that all its instances take."""
        return self.instances * min(1 / cost.cpu_seconds, self.concurrency / (cost.cpu_seconds + cost.wait_seconds))

    def instances_for(self, a_second: float, cost: RequestCost) -> int:
        """How many instances so many requests need, with room to spare in each CPU."""
        by_cpu = a_second * cost.cpu_seconds / MOST_BUSY
        return max(1, ceil(max(by_cpu, a_second * (cost.cpu_seconds + cost.wait_seconds) / self.concurrency)))


MAIL_EVENTS = Service(setting="MAIL_EVENTS_MAX_INSTANCES", instances=3, concurrency=16)
PREFERENCES = Service(setting="PREFERENCES_MAX_INSTANCES", instances=3, concurrency=16)
CONSOLE = Service(setting="CONSOLE_MAX_INSTANCES", instances=1, concurrency=80)
"""As deploy.sh has them."""


@dataclass(frozen=True, kw_only=True)
class Load:
    """What came to a function.

    Attributes:
        requests: how many.
        peak: a second, in the busiest minute.
        cost: of one of them.
        instances: how many would take them all.
        late: seconds that the last of them waited, where refused ones are repeated.
        refused: how many found no instance, where nothing repeats them.
    """

    requests: float
    peak: float
    cost: RequestCost
    instances: int
    late: float = 0.0
    refused: float = 0.0

    @property
    def dollars(self) -> float:
        """What all of them cost, beyond the free quotas."""
        seconds = self.requests * self.cost.cpu_seconds / MOST_BUSY
        return (
            self.requests * self.cost.reads * limits.DOLLARS_A_READ
            + self.requests * self.cost.writes * limits.DOLLARS_A_WRITE
            + self.requests * limits.DOLLARS_A_REQUEST
            + seconds * (limits.DOLLARS_A_CPU_SECOND + 0.5 * limits.DOLLARS_A_GIB_SECOND)
        )


@dataclass(frozen=True, kw_only=True)
class Following:
    """What follows a run.

    Attributes:
        calls: of the provider's webhook.
        events_a_call: in one of them, in the busiest minute.
        pages: requests to the recipient's page, by scanners and people.
        looks: pages of the console, in the hour after the run began.
        counts_an_hour: documents that an hour with the overview open reads for its counts.
    """

    calls: Load
    events_a_call: float
    pages: Load
    looks: Load
    counts_an_hour: float

    @property
    def dollars_of_counts(self) -> float:
        """The price of an hour with the overview open."""
        return self.counts_an_hour * limits.DOLLARS_A_READ


def follow(
    outcome: Outcome,
    costs: RequestCosts,
    habits: Habits | None = None,
    *,
    mail_events: Service = MAIL_EVENTS,
    preferences: Service = PREFERENCES,
    console: Service = CONSOLE,
) -> Following:
    """What follows a run.

    Args:
        outcome: of the run.
        costs: of the functions' requests.
        habits: of those who get the emails.
        mail_events: the webhook as it is deployed.
        preferences: the page.
        console: the console.
    """
    habits = habits or Habits()
    mails = mails_a_second(outcome.curve)
    events, call = call_of_events(peak_of(mails) * habits.events, costs, habits)
    calls = [rate * habits.events / events for rate in mails]
    page = page_of(costs, habits)
    people = later([rate * (habits.opened + habits.unsubscribed) for rate in mails], habits.opened_after)
    pages = [scanned + opened for scanned, opened in zip_longest(_scanned(mails, habits), people, fillvalue=0.0)]
    looks = [habits.operators / habits.page_each] * _HOUR
    return Following(
        calls=_load(calls, call, mail_events, late=longest_wait(calls, mail_events.most_a_second(call))),
        events_a_call=events,
        pages=_load(pages, page, preferences, refused=refused(pages, preferences.most_a_second(page))),
        looks=_load(looks, costs[RequestKind.CONSOLE_PAGE], console),
        counts_an_hour=counts_an_hour(outcome.sent, costs[RequestKind.CONSOLE_COUNTS].reads),
    )


def mails_a_second(curve: Sequence[tuple[float, int]]) -> list[float]:
    """How many emails were sent in each second of a run, from how many were sent by when."""
    rates = [0.0] * (int(curve[-1][0]) + 1 if curve else 0)
    before = 0
    for moment, sent in curve:
        rates[int(moment)] += sent - before
        before = sent
    return rates


def peak_of(rates: Sequence[float]) -> float:
    """The mean of the busiest minute."""
    width = min(_MINUTE, len(rates)) or 1
    window = best = sum(rates[:width])
    for number, rate in enumerate(rates[width:]):
        window += rate - rates[number]
        best = max(best, window)
    return best / width


def call_of_events(events_a_second: float, costs: RequestCosts, habits: Habits) -> tuple[float, RequestCost]:
    """How many events a call of the provider's webhook has at a rate, and what the call costs."""
    most = limits.EVENT_CALL_BYTES / costs.event_bytes
    events = min(max(events_a_second * limits.EVENT_CALL_SECONDS, 1.0), most)
    bounced = habits.bounced / habits.events
    return events, costs[RequestKind.EVENT_CALL] + costs[RequestKind.DELIVERED] * (events * (1 - bounced)) + costs[
        RequestKind.BOUNCED
    ] * (events * bounced)


def page_of(costs: RequestCosts, habits: Habits) -> RequestCost:
    """The mean cost of a request to the recipient's page."""
    looked, unsubscribed = habits.scanned + habits.opened, habits.unsubscribed
    both = costs[RequestKind.PAGE] * looked + costs[RequestKind.ONE_CLICK] * unsubscribed
    return both * (1 / (looked + unsubscribed))


def later(rates: Sequence[float], after: float) -> list[float]:
    """The same requests some seconds later on average: most of them soon, and fewer and fewer after that."""
    rest, spread = 0.0, []
    stay = exp(-1 / after)
    for rate in [*rates, *[0.0] * int(4 * after)]:
        rest += rate
        spread.append(rest * (1 - stay))
        rest *= stay
    return spread


def longest_wait(rates: Sequence[float], most: float) -> float:
    """Seconds that a request waits at most where only so many are taken a second, and the others are repeated."""
    waiting = longest = 0.0
    for rate in rates:
        waiting = max(waiting + rate - most, 0.0)
        longest = max(longest, waiting)
    return longest / most


def refused(rates: Sequence[float], most: float) -> float:
    """How many requests are too many in their second."""
    return sum(max(rate - most, 0.0) for rate in rates)


def counts_an_hour(reports: int, fixed: float) -> float:
    """Documents that Firestore bills for the counts of the overview while it is open: of 24 hours each minute, and of
    seven days each five minutes (operations/console/console.py), at a read for a thousand index entries.

    Args:
        reports: the due reports of a day.
        fixed: reads of all these counts where they find next to nothing.
    """
    # A report that was sent is in two indexes that are counted: its delivery's and its email's.
    day, week = (2 * reports * days / limits.INDEX_ENTRIES_A_READ for days in (1, 7))
    hours, days = (spans / (_SPANS_OF_DAY + _SPANS_OF_WEEK) * fixed for spans in (_SPANS_OF_DAY, _SPANS_OF_WEEK))
    return 60 * (hours + day) + 12 * (days + week)


def _scanned(mails: Sequence[float], habits: Habits) -> list[float]:
    return [rate * habits.scanned for rate in mails]


def _load(
    rates: Sequence[float], cost: RequestCost, service: Service, *, late: float = 0.0, refused: float = 0.0
) -> Load:
    peak = peak_of(rates)
    return Load(
        requests=sum(rates),
        peak=peak,
        cost=cost,
        instances=service.instances_for(peak, cost),
        late=late,
        refused=refused,
    )
