"""Keeps a copy of each report in the archive before it is handed over."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import NamedTuple

import structlog
from google.api_core.exceptions import GoogleAPIError

from functions.shared.archive import Archive
from functions.shared.records.archived_copy import ArchivedCopy, CopiedFile, CopyName
from functions.shared.sanitize import error_text
from functions.worker.destinations.built_report import BuiltReport
from functions.worker.destinations.email.model import Mail
from functions.worker.destinations.email.unsubscribe_link import IN_HTML, IN_TEXT
from functions.worker.task_delivery import TaskDelivery
from functions.worker.time_budget import COPY_SECONDS, NOTE_SECONDS

_FEWEST_SECONDS = 0.5
"""Also a report that took all of its time gets one try."""

_logger = structlog.get_logger()


class KeptCopy(NamedTuple):
    """What the claim writes down about the copy of an email.

    Attributes:
        name: of the object; empty where there is none.
        error: why there is none; empty where none was to be kept.
    """

    name: str = ""
    error: str = ""


class Copies:
    """Keeps copies. Safe for threads.

    Args:
        archive: where; None for nowhere.
        days: for how many days by default.
        days_of_kinds: for how many by kind, where a kind says so; 0 keeps none of it.
        now: the present, in UTC.
    """

    def __init__(
        self,
        archive: Archive | None = None,
        *,
        days: int = 0,
        days_of_kinds: Mapping[str, int] | None = None,
        now: Callable[[], datetime],
    ) -> None:
        self._archive = archive
        self._days = days
        self._days_of_kinds = days_of_kinds or {}
        self._now = now

    def name(self, work: TaskDelivery) -> CopyName | None:
        """Name the copy of an email before it is made, since it has a link to its copy; None where none is kept."""
        task = work.task
        days = self._days_of_kinds.get(task.kind, self._days)
        if self._archive is None or not days:
            return None
        return CopyName.of(task.user_id, task.delivery_id, work.owner, days=days, now=self._now())

    def keep(
        self, name: CopyName | None, work: TaskDelivery, built: BuiltReport, *, seconds: float
    ) -> tuple[BuiltReport, KeptCopy]:
        """Keep the copy of a report.

        Args:
            name: of the copy; None where none is to be kept.
            work: the report's delivery.
            built: an email with a link to its copy.
            seconds: how long it may take at most.

        Returns:
            The report to send, without the link where the copy could not be kept.
        """
        if name is None or self._archive is None:
            return built, KeptCopy()
        try:
            copy = _copy_of(built, work, now=self._now())
            self._archive.keep(name, copy, seconds=max(min(COPY_SECONDS, seconds), _FEWEST_SECONDS))
        except Exception as error:  # noqa: BLE001  no report fails because of its copy
            text = error_text(f"{type(error).__name__}: {error}")
            _logger.warning("copy_not_kept", delivery_id=work.task.delivery_id, error=text)
            return built.without_copy_link(), KeptCopy(error=text)
        return built, KeptCopy(name=str(name))

    def drop(self, work: TaskDelivery, name: str) -> None:
        """Delete the copy of an email that was not accepted. Where that fails, the lifecycle rule does it."""
        try:
            if self._archive is not None:
                self._archive.drop(name, seconds=NOTE_SECONDS)
        except GoogleAPIError as error:
            _logger.info("copy_not_dropped", delivery_id=work.task.delivery_id, error=error_text(error))


def _copy_of(built: BuiltReport, work: TaskDelivery, *, now: datetime) -> ArchivedCopy:
    task = work.task
    return ArchivedCopy(
        user_id=task.user_id,
        subscription_id=task.subscription_id,
        delivery_id=task.delivery_id,
        kind=task.kind,
        made_at=now,
        recipients=[each.address for each in built.recipients] if isinstance(built, Mail) else [],
        subject=built.subject,
        html=built.html,
        text=built.text,
        html_tag=str(IN_HTML),
        text_tag=str(IN_TEXT),
        images=[CopiedFile(each.filename, each.media_type, each.content, each.content_id) for each in built.images],
        attachments=[CopiedFile(each.filename, each.media_type, each.content) for each in built.attachments],
    )
