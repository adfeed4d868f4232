"""Reads a kind's audience for a run. It is a task of the worker's, which has the kinds and the secrets of their
databases, so that no run waits for a database of the team's."""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import TypeVar

import structlog
from google.api_core.exceptions import GoogleAPIError

from functions.shared.firestore.audience_reading import AudienceReading
from functions.shared.firestore.database import Database
from functions.shared.logging import redact
from functions.shared.queues.retry_policy import DISPATCH_DEADLINE
from functions.shared.records.audience import Audience, AudienceTask, Effect
from functions.shared.records.audience_comparison import Outcome
from functions.shared.records.contract import InvalidContract
from functions.shared.records.ids import run_id
from functions.shared.records.subscription import SubscriptionDefaults
from functions.shared.records.system_alert import AlertKind, SystemAlert
from functions.worker.attempt import Attempt
from functions.worker.kind_settings import KindSettings
from functions.worker.task_answer import TaskAnswer
from report_kit.audience_rows import audience_rows
from report_kit.report import PermanentError
from report_kit.sql.source import SourceUnavailable

_TIME = DISPATCH_DEADLINE - timedelta(seconds=30)
"""After how long an attempt leaves the rest to the next one, which passes over what is written already: what is left
until the queue stops waiting is longer than a request for rows and a commit take."""

_TOLD_FROM = 5
"""The attempt from which people are told what another attempt may mend: most outages are over by then."""

_MOST_NAMED = 20
"""How many of the rows that are refused an alert names."""

T = TypeVar("T")

_logger = structlog.get_logger()


class _OutOfTime(Exception):
    """The next attempt goes on.

    Args:
        figures: how far this one came.
    """

    def __init__(self, figures: Mapping[str, int]) -> None:
        super().__init__("an attempt's time was over")
        self.has_written = any(figures[name] for name in ("added", "changed", "returned", "left"))


class ReadAudience:
    """Carries out the tasks. Safe for threads.

    Args:
        database: the Firestore database.
        defaults: what a subscription's document does not say.
        settings: the kinds' own settings and secrets.
        tell: publishes an alert: functions.shared.dead_letter_topic.DeadLetterTopic.tell.
        now: the present, in UTC.
    """

    def __init__(
        self,
        database: Database,
        defaults: SubscriptionDefaults,
        settings: KindSettings,
        *,
        tell: Callable[[SystemAlert], object],
        now: Callable[[], datetime],
    ) -> None:
        self._database, self._defaults, self._settings = database, defaults, settings
        self._tell, self._now = tell, now

    def __call__(self, body: bytes, attempt: Attempt) -> TaskAnswer:
        """Carry out a task.

        Args:
            body: of the task.
            attempt: which call of the queue this is.
        """
        try:
            task = AudienceTask.from_json(body)
        except InvalidContract as error:
            _logger.error("audience_task_invalid", error=str(error))  # noqa: TRY400  the text says all
            return TaskAnswer(status=HTTPStatus.OK, result="not-read", details={"cause": "invalid-task"})
        try:
            self._read(task)
        except PermanentError as error:
            self._not_read(task, attempt, error, is_told=True)
            return TaskAnswer(status=HTTPStatus.OK, result="not-read", details={"cause": "mistake"})
        except SourceUnavailable as error:
            self._not_read(task, attempt, error, is_told=attempt.number >= _TOLD_FROM)
            return _retry(cause="database-unavailable")
        except GoogleAPIError as error:
            self._not_read(task, attempt, error, is_told=attempt.number >= _TOLD_FROM)
            return _retry(cause="firestore")
        except _OutOfTime as error:
            # The first reading of a large audience takes many attempts.
            self._not_read(task, attempt, error, is_told=attempt.number >= _TOLD_FROM and not error.has_written)
            return _retry(cause="goes-on")
        return TaskAnswer(status=HTTPStatus.OK, result="read")

    def _read(self, task: AudienceTask) -> None:
        now, kind = self._now(), task.kind

        def on_time(some: Iterable[T]) -> Iterator[T]:
            for each in some:
                if self._now() - now > _TIME:
                    raise _OutOfTime(reading.figures)
                yield each

        reading = AudienceReading(self._database, Audience(kind, self._defaults, now))
        refused: list[Outcome] = []
        settings = self._settings.get(kind, {})
        with contextlib.closing(audience_rows(kind, settings, cadence=self._defaults.cadence, now=now)) as rows:
            for outcome in on_time(reading.read(on_time(rows))):
                if outcome.plan.effect is Effect.REFUSED and len(refused) < _MOST_NAMED:
                    refused.append(outcome)
        _logger.info("audience_read", kind=kind, run_id=task.run_id, **reading.figures)
        held_back = reading.figures["held_back"]
        gone = [f"{held_back:,} who got reports are not in it any more"] if held_back else []
        if detail := "; ".join([*gone, *map(str, sorted(refused))]):
            self._alert(AlertKind.AUDIENCE_INCOMPLETE, task, redact(detail), reading.figures)

    def _not_read(self, task: AudienceTask, attempt: Attempt, error: Exception, *, is_told: bool) -> None:
        detail = redact(str(error))
        _logger.warning("audience_not_read", kind=task.kind, run_id=task.run_id, attempt=attempt.number, error=detail)
        if is_told:
            self._alert(AlertKind.AUDIENCE_NOT_READ, task, detail)

    def _alert(self, kind: AlertKind, task: AudienceTask, detail: str, figures: Mapping[str, int] = {}) -> None:
        now = self._now()
        # In the name of the day: people get these once a day.
        day = run_id(now.replace(hour=0, minute=0, second=0, microsecond=0))
        counts = {name: number for name, number in figures.items() if number}
        self._tell(SystemAlert(alert=kind, run_id=day, at=now, detail=detail, figures=counts, about=task.kind))


def _retry(*, cause: str) -> TaskAnswer:
    return TaskAnswer(status=HTTPStatus.INTERNAL_SERVER_ERROR, result="retry", details={"cause": cause})
