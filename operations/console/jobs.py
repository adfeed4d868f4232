"""Work on many things that goes on while its page is looked at: replaying thousands of dead letters takes minutes."""

import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import structlog

from operations.failures import describe
from operations.operator_actions import AlreadyRecorded, FailedReports, OperatorActions
from operations.parallel import PARALLEL

_MOST_JOBS = 100
"""How many are remembered; the action log has all of them."""
_MOST_FAILURES = 200
_SHORT_SECONDS = 1.0
"""A job that takes no longer has ended when its page is shown, which without scripts does not follow."""

_logger = structlog.get_logger()


class JobResult(Protocol):
    """What came of one thing: `operations.dead_letters.dead_letter_result.DeadLetterResult` is one."""

    @property
    def letter_id(self) -> str:
        """Which thing."""

    @property
    def outcome(self) -> "JobOutcome":
        """The result in a word."""

    @property
    def explanation(self) -> str:
        """The result in a sentence."""


class JobOutcome(Protocol):
    """A result in a word."""

    @property
    def value(self) -> str:
        """The word."""

    @property
    def is_success(self) -> bool:
        """Whether nothing is left to do."""


@dataclass(kw_only=True)
class Job:
    """Work on many things.

    Attributes:
        id: names its page.
        title: what is done: `Replay 74 dead letters`.
        total: how many things there are.
        back: the page that it was begun on.
        watch: the page that shows what becomes of its things; empty where there is none.
        left_out: how many of the things that the operator has confirmed had changed before it began.
        began_at: when it began.
        ended_at: when it ended; None while it goes on.
        outcomes: how many things came to each result.
        failures: the first things that failed, each with the reason.
        error: why it was cut short; empty where it was not.
        is_cancelled: whether the operator has stopped it.
    """

    id: str
    title: str
    total: int
    back: str
    watch: str = ""
    left_out: int = 0
    began_at: datetime = field(init=False)
    ended_at: datetime | None = None
    outcomes: Counter[str] = field(default_factory=Counter)
    failures: list[tuple[str, str]] = field(default_factory=list)
    error: str = ""
    is_cancelled: bool = False

    @property
    def done(self) -> int:
        """How many things are done."""
        return self.outcomes.total()

    @property
    def summary(self) -> str:
        """What came of it, for the action log."""
        counted = ", ".join(f"{count} {name}" for name, count in self.outcomes.most_common())
        cut = f"; cut short: {self.error}" if self.error else "; stopped by the operator" if self.is_cancelled else ""
        left_out = f"; {self.left_out} left out: changed since they were confirmed" if self.left_out else ""
        return f"{counted or 'nothing done'}{left_out}{cut}"


class Jobs:
    """Begins jobs and finds them again. Safe for threads."""

    def __init__(self) -> None:
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._lock = threading.Lock()

    def begin(
        self,
        job: Job,
        things: Sequence[str],
        work: Callable[[str], JobResult],
        *,
        log: OperatorActions,
        now: Callable[[], datetime],
        who: str,
        subject: str,
        note: str = "",
        about: FailedReports | None = None,
        ended: Callable[[], None] = lambda: None,
    ) -> Job:
        """Begin a job in a thread of its own, and wait a moment for it to end. A job that was begun is not begun again.

        Args:
            job: what it is.
            things: the ids of what is worked on.
            work: works on one; called from several threads.
            log: keeps the action.
            now: the present, in UTC.
            who: the operator.
            subject: what the action log says that it is done to.
            note: why.
            about: the failed reports that it is about; None where it is about none.
            ended: called when it has ended.
        """
        with self._lock:
            if begun := self._jobs.get(job.id):
                return begun
            job.began_at = now()
            self._jobs[job.id] = job
            while len(self._jobs) > _MOST_JOBS:
                self._jobs.popitem(last=False)

        def carry_out() -> None:
            try:
                with log.record(who, job.title, subject=subject, now=now, note=note, key=job.id, about=about) as action:
                    self._work(job, things, work)
                    action.outcome = job.summary
            except AlreadyRecorded:
                job.error = "It was begun before: the page Actions has what came of it."
            except Exception as error:
                _logger.exception("job_failed", job=job.id)
                job.error = job.error or describe(error)
            finally:
                ended()
                job.ended_at = now()

        thread = threading.Thread(target=carry_out, name=f"job-{job.id}", daemon=True)
        thread.start()
        thread.join(_SHORT_SECONDS)
        return job

    def find(self, job_id: str) -> Job | None:
        """A job; None where there is none, or no more."""
        with self._lock:
            return self._jobs.get(job_id)

    def _work(self, job: Job, things: Iterable[str], work: Callable[[str], JobResult]) -> None:
        def one(thing: str) -> JobResult | None:
            return None if job.is_cancelled or job.error else work(thing)

        with ThreadPoolExecutor(PARALLEL, thread_name_prefix="job") as threads:
            futures = [threads.submit(one, thing) for thing in things]
            for future in futures:
                try:
                    result = future.result()
                except Exception as error:  # noqa: BLE001  the job's page and the action log have it
                    # What follows would fail, too: the service does not answer.
                    job.error = describe(error)
                    continue
                if result is None:
                    continue
                with self._lock:
                    job.outcomes[result.outcome.value] += 1
                    if not result.outcome.is_success and len(job.failures) < _MOST_FAILURES:
                        job.failures.append((result.letter_id, result.explanation))
