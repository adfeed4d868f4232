"""The model: events in the order of time, each of one report, or of a group of alike ones where there are millions."""

import heapq
import random
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count

from proof.benchmarks.simulation.plan import Plan, RisingIndex

_GROUPS = 60_000
"""The approximate number of groups of reports. Up to this number, each report is its own group."""

_BATCH = 100
"""The number of tasks that the dispatcher enqueues in one call."""


_SHORTEST_WAIT = 1e-6

_REFUSED_SECONDS = 10.0
"""For this long after a service refuses a request, the run counts as waiting for that service."""


_BURST_SECONDS = 1.0
"""The burst that Firestore takes above a rate: its limits are for sustained writes."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The outcome of a run.

    Attributes:
        last_sent: seconds until the last report was sent.
        enqueued: seconds until every report had its task.
        half_sent: seconds until half of them were sent.
        sent: reports.
        dead: reports that are given up.
        attempts: deliveries of tasks, refused ones among them.
        begun: the attempts that a worker took.
        instances: of the worker, at most at once.
        instance_seconds: how long instances had anything to do.
        dispatcher_seconds: the same for the dispatcher's instances.
        peak_rate: reports sent in the best minute, a second.
        bottleneck: what the run waited for the longest.
        waits: seconds by what was waited for.
        curve: how many were sent by when.
    """

    last_sent: float
    enqueued: float
    half_sent: float
    sent: int
    dead: int
    attempts: int
    begun: int
    instances: int
    instance_seconds: float
    dispatcher_seconds: float
    peak_rate: float
    bottleneck: str
    waits: dict[str, float]
    curve: Sequence[tuple[float, int]]


@dataclass
class _Bucket:
    """Tokens that come back at a rate."""

    rate: float
    size: float
    tokens: float
    at: float = 0

    def wait(self, now: float, amount: float) -> float:
        """Seconds until so many can be taken."""
        self.tokens = min(self.size, self.tokens + (now - self.at) * self.rate)
        self.at = now
        missing = (min(amount, self.size) - self.tokens) / self.rate
        # With a smaller step the time might not advance at all.
        return missing if missing > _SHORTEST_WAIT else 0.0

    def take(self, amount: float) -> None:
        self.tokens -= amount


def simulate(plan: Plan, *, seed: int = 1) -> Outcome:
    """Simulate a run.

    The queues are taken as one, since users are spread evenly among them; so are the instances, which the load
    balancer fills evenly, and the shards of an index. The model does not include the slow ramp-up of an idle queue or
    its slowdown after a 429: there are no published figures for them.

    Args:
        plan: the settings.
        seed: chooses the attempts that fail.
    """
    return _Simulation(plan, seed).run()


@dataclass
class _Simulation:
    plan: Plan
    seed: int
    now: float = 0
    ready: deque[tuple[int, int]] = field(default_factory=deque)
    """Attempt and number of the tasks that may be dispatched."""
    events: list[tuple[float, int, str, int, int]] = field(default_factory=list)
    """Each event: its time, order, type, attempt, and number of reports."""
    dispatched: int = 0
    in_flight: int = 0
    working: int = 0
    waiting: deque[tuple[int, int]] = field(default_factory=deque)
    """Requests that wait for an instance to start."""
    up: int = 0
    starting: int = 0

    def run(self) -> Outcome:
        plan = self.plan
        # Groups are no larger than the number of reports that may be under way at once.
        self._group = max(1, min(plan.reports // _GROUPS, plan.concurrent * plan.queues // 10))
        self._chance = random.Random(self.seed)  # noqa: S311  which attempts fail
        self._order = count()
        burst = plan.burst if plan.burst is not None else max(plan.rate / 5, 1)
        size = max(burst * plan.queues, self._group)
        self._queue = _Bucket(plan.rate * plan.queues, size, size)
        mails = max(plan.mails_a_second, self._group)
        self._mails = _Bucket(plan.mails_a_second, mails, mails)
        self._waits: defaultdict[str, float] = defaultdict(float)
        self._sent = self._dead = self._peak = self._begun = 0
        self._refused: dict[str, float] = {}
        self._busy = 0.0
        self._index_busy_until = self._growth_busy_until = self._operations = 0.0
        self._curve: list[tuple[float, int]] = []
        self._fresh = plan.reports
        for when, number in _arrivals(plan, max(self._group, _BATCH)):
            self._at(when, "arrive", 1, number)
        enqueued = max(when for when, *_ in self.events)
        self._wake: float | None = None
        while self.events:
            when, _, what, attempt, number = heapq.heappop(self.events)
            self._pass(when)
            getattr(self, f"_{what}")(attempt, number)
            self._dispatch()
        times = [moment for moment, _ in self._curve] or [0.0]
        return Outcome(
            last_sent=times[-1],
            enqueued=enqueued,
            half_sent=next((moment for moment, sent in self._curve if sent * 2 >= plan.reports), times[-1]),
            sent=self._sent,
            dead=self._dead,
            attempts=self.dispatched,
            begun=self._begun,
            instances=self._peak,
            instance_seconds=self._busy,
            dispatcher_seconds=plan.reports / plan.pace.tasks_a_second + 1,
            peak_rate=_peak_rate(self._curve),
            bottleneck=max(self._waits, key=lambda name: self._waits[name], default="nothing"),
            waits=dict(self._waits),
            curve=self._curve,
        )

    def _at(self, when: float, what: str, attempt: int, number: int) -> None:
        heapq.heappush(self.events, (when, next(self._order), what, attempt, number))

    def _pass(self, when: float) -> None:
        """Let time pass, and note what the run waits for."""
        self._waits[self._reason()] += when - self.now
        # An instance has something to do while any of its requests is under way; they are spread evenly.
        self._busy += min(self.up, self.working) * (when - self.now)
        self.now = when

    def _reason(self) -> str:
        index = self.plan.tightest_index
        if self.plan.new is not None and self._growth_busy_until > max(self.now, self._index_busy_until):
            return "Firestore's 500/50/5 rule"
        if index is not None and self._index_busy_until > self.now:
            return _wait_for(index)
        for name, moment in self._refused.items():
            if self.now - moment < _REFUSED_SECONDS:
                return name
        if not self.ready:
            if self._fresh > 0:
                return "the dispatcher"
            return "the worker" if self.in_flight else "retries"
        if self.in_flight + self._group > self.plan.concurrent * self.plan.queues:
            return "the worker"
        if self.plan.dispatches_a_second >= self.plan.mails_a_second:
            return "SendGrid"
        if index is not None and self.plan.dispatches_a_second >= index.reports_a_second:
            return _wait_for(index)
        return "the queues' rate"

    def _arrive(self, _attempt: int, number: int) -> None:
        self._fresh -= number
        self.ready.append((1, number))

    def _retry(self, attempt: int, number: int) -> None:
        self.ready.append((attempt, number))

    def _wake_up(self, _attempt: int, _number: int) -> None:
        self._wake = None

    def _dispatch(self) -> None:
        """Dispatch as many tasks as the queues allow."""
        limit = self.plan.concurrent * self.plan.queues
        while self.ready:
            attempt, number = self.ready.popleft()
            now = min(number, self._group)
            room = self.in_flight + now <= limit or self.in_flight == 0
            wait = self._queue.wait(self.now, now)
            if not room or wait > 0:
                self.ready.appendleft((attempt, number))
                if room and (self._wake is None or self._wake > self.now + wait):
                    self._wake = self.now + wait
                    self._at(self._wake, "wake_up", 0, 0)
                return
            if number > now:
                self.ready.appendleft((attempt, number - now))
            self._queue.take(now)
            self.dispatched += now
            self.in_flight += now
            self._request(attempt, now)

    def _request(self, attempt: int, number: int) -> None:
        """A request comes to the worker: an instance has room, or one is started, or it is refused."""
        plan = self.plan
        if self.working + number <= self.up * plan.concurrency or (self.up == plan.instances and self.working == 0):
            self._begin(attempt, number)
            return
        waiting = sum(waiting for _, waiting in self.waiting) + number
        missing = -(-(self.working + waiting) // plan.concurrency) - self.up - self.starting
        new = min(missing, plan.instances - self.up - self.starting)
        for _ in range(max(new, 0)):
            self.starting += 1
            self._at(self.now + plan.pace.start_seconds, "started", 0, 0)
        if self.starting and waiting <= (self.starting + self.up) * plan.concurrency - self.working:
            self.waiting.append((attempt, number))
        else:
            self.in_flight -= number
            self._refused["the worker"] = self.now
            self._again(attempt, number)

    def _started(self, _attempt: int, _number: int) -> None:
        self.starting -= 1
        self.up += 1
        self._peak = max(self._peak, self.up)
        while self.waiting and self.working + self.waiting[0][1] <= max(
            self.up * self.plan.concurrency, self.waiting[0][1]
        ):
            self._begin(*self.waiting.popleft())

    def _begin(self, attempt: int, number: int) -> None:
        self.working += number
        self._begun += number
        pace = self.plan.pace
        beside = max(1.0, self.working / max(self.up, 1))
        # Requests of an instance share its CPU, except while they wait for other services.
        share = beside * pace.cpu_seconds / (pace.cpu_seconds + pace.wait_seconds)
        seconds = pace.wait_seconds + pace.cpu_seconds * max(1.0, share)
        # Requests that exceed the CPU wait in line for it.
        seconds = max(seconds, beside * pace.cpu_seconds)
        self._at(self.now + seconds, "end", attempt, number)

    def _end(self, attempt: int, number: int) -> None:
        if self._mails.wait(self.now, number) > 0:
            self._refused["SendGrid"] = self.now
            self._release(number)
            self._again(attempt, number)
            return
        self._mails.take(number)
        failed = self._failures(number)
        if failed:
            self._release(failed)
            self._again(attempt, failed)
        if number > failed:
            self._at(self._written(number - failed), "settle", attempt, number - failed)

    def _settle(self, _attempt: int, number: int) -> None:
        self._release(number)
        self._sent += number
        self._curve.append((self.now, self._sent))

    def _release(self, number: int) -> None:
        self.working -= number
        self.in_flight -= number

    def _written(self, number: int) -> float:
        """When Firestore has taken so many reports: into the tightest of the rising indexes, and into a new collection
        that grows by its rule. A worker waits for it."""
        return max(self.now, self._indexed(number), self._added(number))

    def _indexed(self, number: int) -> float:
        index = self.plan.tightest_index
        if index is not None:
            self._index_busy_until = max(self._index_busy_until, self.now - _BURST_SECONDS)
            self._index_busy_until += number / index.reports_a_second
        return self._index_busy_until

    def _added(self, number: int) -> float:
        new = self.plan.new
        if new is not None:
            self._operations = max(self._operations, new.advised_by(max(self.now - _BURST_SECONDS, 0.0)))
            self._operations += number * new.operations
            self._growth_busy_until = new.seconds_for(self._operations)
        return self._growth_busy_until

    def _failures(self, number: int) -> int:
        rate = self.plan.failure_rate
        if number == 1:
            return int(self._chance.random() < rate)
        # The share of a group, with the remainder decided by chance, so that the mean is right.
        whole, rest = divmod(number * rate, 1)
        return int(whole) + int(self._chance.random() < rest)

    def _again(self, attempt: int, number: int) -> None:
        if attempt >= self.plan.retries.max_attempts > 0:
            self._dead += number
            return
        wait = self.plan.retries.wait_before_retry(attempt).total_seconds()
        self._at(self.now + wait, "retry", attempt + 1, number)


def _wait_for(index: RisingIndex) -> str:
    return f"Firestore's index of {index.name}"


def _arrivals(plan: Plan, batch: int) -> Iterator[tuple[float, int]]:
    """When the dispatcher has enqueued how many."""
    for first in range(0, plan.reports, batch):
        number = min(batch, plan.reports - first)
        yield (first + number) / plan.pace.tasks_a_second, number


def _peak_rate(curve: Sequence[tuple[float, int]]) -> float:
    """The most that was sent in a minute, a second."""
    best = 0.0
    first = 0
    for moment, sent in curve:
        while curve[first][0] < moment - 60:
            first += 1
        before = curve[first - 1][1] if first else 0
        best = max(best, (sent - before) / max(min(60.0, moment), 1.0))
    return best
