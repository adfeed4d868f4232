"""Reads a kind's audience for a run. It is a task of the worker's, which has the kinds and the secrets of their
databases, so that no run waits for a database of the team's."""

import contextlib
import time
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus

import structlog
from google.api_core.exceptions import GoogleAPIError

from functions.shared.firestore.audience_reading import AudienceReading
from functions.shared.firestore.database import Database
from functions.shared.logging import redact
from functions.shared.queues.retry_policy import DISPATCH_DEADLINE
from functions.shared.records.audience import AudienceTask
from functions.shared.records.contract import InvalidContract
from functions.shared.records.ids import run_id
from functions.shared.records.subscription import SubscriptionDefaults
from functions.shared.records.system_alert import AlertKind, SystemAlert
from functions.worker.attempt import Attempt
from functions.worker.kind_settings import KindSettings
from functions.worker.task_answer import TaskAnswer
from report_kit.kind_folders import folder_of
from report_kit.kinds import audience_of
from report_kit.report import PermanentError
from report_kit.sql.audience_rows import audience_rows
from report_kit.sql.source import SourceUnavailable

_MARGIN_SECONDS = 30.0
"""How long before the queue stops waiting a reading leaves the rest to the next attempt, which passes over what is
written already: longer than a request for rows and a commit take."""

_TOLD_FROM = 5
"""The attempt from which people are told that the database does not answer: most outages are over by then."""

_MOST_NAMED = 20

_logger = structlog.get_logger()


class ReadAudience:
    """Carries out the tasks. Safe for threads.

    Args:
        database: the Firestore database.
        defaults: what a subscription's document does not say.
        settings: the kinds' own settings and secrets.
        tell: publishes an alert: functions.shared.dead_letter_topic.DeadLetterTopic.tell.
        now: the present, in UTC.
        seconds: after how long an attempt leaves the rest to the next one.
    """

    def __init__(
        self,
        database: Database,
        defaults: SubscriptionDefaults,
        settings: KindSettings,
        *,
        tell: Callable[[SystemAlert], object],
        now: Callable[[], datetime],
        seconds: float = DISPATCH_DEADLINE.total_seconds() - _MARGIN_SECONDS,
    ) -> None:
        self._database, self._defaults, self._settings = database, defaults, settings
        self._tell, self._now, self._seconds = tell, now, seconds

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
            reading = self._read(task)
        except PermanentError as error:
            self._not_read(task, attempt, error, is_told=True)
            return TaskAnswer(status=HTTPStatus.OK, result="not-read", details={"cause": "mistake"})
        except SourceUnavailable as error:
            self._not_read(task, attempt, error, is_told=attempt.number >= _TOLD_FROM)
            return _retry(cause="database-unavailable")
        except GoogleAPIError as error:
            self._not_read(task, attempt, error, is_told=False)
            return _retry(cause="firestore")
        if not reading.is_whole:
            return _retry(cause="goes-on")
        self._tell_of(reading, task)
        return TaskAnswer(status=HTTPStatus.OK, result="read")

    def _read(self, task: AudienceTask) -> AudienceReading:
        audience = audience_of(task.kind)
        if audience is None:
            raise PermanentError(f"kinds/{task.kind}: no query names its recipients")
        now, late_from = self._now(), time.monotonic() + self._seconds
        reading = AudienceReading(
            self._database,
            task.kind,
            self._defaults,
            base=audience.defaults,
            options=audience.options,
            now=now,
            is_late=lambda: time.monotonic() > late_from,
        )
        settings = self._settings.get(task.kind, {})
        with contextlib.closing(audience_rows(folder_of(task.kind), settings, now=now)) as rows:
            reading.read(rows)
        figures = {effect.name.lower(): number for effect, number in reading.effects.items()}
        _logger.info(
            "audience_read",
            kind=task.kind,
            run_id=task.run_id,
            whole=reading.is_whole,
            rows=reading.rows,
            refused=len(reading.refused),
            held_back=len(reading.held_back),
            **figures,
        )
        return reading

    def _not_read(self, task: AudienceTask, attempt: Attempt, error: Exception, *, is_told: bool) -> None:
        detail = redact(str(error))
        _logger.warning("audience_not_read", kind=task.kind, run_id=task.run_id, attempt=attempt.number, error=detail)
        if is_told:
            self._alert(AlertKind.AUDIENCE_NOT_READ, task, detail)

    def _tell_of(self, reading: AudienceReading, task: AudienceTask) -> None:
        refused = [redact(str(each)) for each in reading.refused[:_MOST_NAMED]]
        for text in refused:
            _logger.warning("audience_row_refused", kind=task.kind, run_id=task.run_id, error=text)
        details = []
        if reading.held_back:
            details.append(
                "recipients who are not in it any more, and get their reports until a person accepts that they leave: "
                f"{len(reading.held_back):,}"
            )
        if refused:
            more = len(reading.refused) - len(refused)
            details.append("; ".join([*refused, *([f"and {more:,} more"] if more else [])]))
        if details:
            self._alert(AlertKind.AUDIENCE_INCOMPLETE, task, "; ".join(details), rows=reading.rows)

    def _alert(self, kind: AlertKind, task: AudienceTask, detail: str, **figures: int) -> None:
        now = self._now()
        # In the name of the day: people get these once a day.
        day = run_id(now.replace(hour=0, minute=0, second=0, microsecond=0))
        self._tell(SystemAlert(alert=kind, run_id=day, at=now, detail=detail, figures=figures, about=task.kind))


def _retry(*, cause: str) -> TaskAnswer:
    return TaskAnswer(status=HTTPStatus.INTERNAL_SERVER_ERROR, result="retry", details={"cause": cause})
