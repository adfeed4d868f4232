"""The recipient of a delivery: what the user's document says now, and when the next report is due."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from functions.shared.period import Period, period_to_report
from functions.shared.plausible_time import plausible
from functions.shared.report_task import ReportTask
from functions.shared.schedule import Cadence, Schedule
from functions.shared.user import InvalidUser, User


@dataclass(frozen=True, kw_only=True)
class FinalDelivery:
    """A final delivery of the user.

    Attributes:
        due_at: when it was due.
        period_end: the end of what it covers, where the delivery says so.
    """

    due_at: datetime
    period_end: datetime | None


@dataclass(frozen=True, kw_only=True)
class Recipient:
    """What a user's document says about a delivery.

    Attributes:
        user: the user; None where there is no document, or no usable one.
        problem: what is wrong with the document; empty where nothing is.
        wanted: false where the user is gone or inactive.
        schedule: tells when the next report is due; None where there is no document.
        next_report_at: the user's, where it is a plausible time.
        reported_until: the user's, where it is a plausible time.
    """

    user: User | None
    problem: str
    wanted: bool
    schedule: Schedule | None
    next_report_at: datetime | None
    reported_until: datetime | None

    @classmethod
    def from_document(cls, user_id: str, document: Mapping[str, Any] | None, default_cadence: Cadence) -> "Recipient":
        """Read a user's document, whatever is in it.

        Args:
            user_id: the document's id.
            document: its fields, or None where there is none.
            default_cadence: for users whose document names none.
        """
        if document is None:
            return cls(user=None, problem="", wanted=False, schedule=None, next_report_at=None, reported_until=None)
        user, problem = None, ""
        try:
            user = User.from_document(user_id, document, default_cadence)
            schedule = user.schedule
        except InvalidUser as error:
            problem, schedule = str(error), error.schedule
        return cls(
            user=user,
            problem=problem,
            # An inactive user is left alone, whatever else is wrong with the document.
            wanted=document.get("active") is not False,
            schedule=schedule,
            next_report_at=plausible(document.get("next_report_at")),
            reported_until=plausible(document.get("reported_until")),
        )

    def period(self, task: ReportTask, run_time: datetime) -> Period | None:
        """The time that the first attempt of a delivery covers; None where there is no schedule.

        If the user's document has a later due time, the user has moved on: the delivery covers what was due then, and
        nothing of what later reports have covered.

        Args:
            task: the delivery's.
            run_time: when the dispatcher's run was.
        """
        if self.schedule is None:
            return None
        moved_on = self.next_report_at is not None and self.next_report_at > task.due_at
        return period_to_report(
            self.schedule,
            due_at=task.due_at,
            run_time=task.due_at if moved_on else run_time,
            reported_until=self.reported_until,
        )

    def moved_on(self, due_at: datetime, period: Period | None) -> dict[str, datetime]:
        """The fields to write to the user's document when a delivery is final; none where it is not to be touched.

        A user only moves forward. If the document has a later due time, because an operator replayed an old delivery or
        the application set it, that due time stays. What the delivery covers counts as reported all the same.

        Args:
            due_at: the delivery's due time.
            period: what it covers.
        """
        if self.schedule is None or period is None:
            return {}
        if self.next_report_at is not None and self.next_report_at > max(due_at, period.end):
            return self._reported(period.end)
        return self._moved_to(self.schedule.next_due(period.end, later_than=due_at), period.end)

    def moved_past(
        self, due_at: datetime, period: Period | None, newest: Sequence[FinalDelivery]
    ) -> dict[str, datetime]:
        """The fields to write for a user whose due time is that of a final delivery; none for any other user.

        The worker writes final state and user together, so here the application has written an old copy of the document
        back. However old the copy, the user moves beyond all final deliveries at once: at the next final delivery each
        run would bring the user back here.

        Args:
            due_at: the delivery's due time.
            period: what it covers.
            newest: the user's newest final deliveries.
        """
        if self.schedule is None or period is None or self.next_report_at != due_at:
            return {}
        until = max([period.end, *(each.period_end for each in newest if each.period_end is not None)])
        last = max([due_at, *(each.due_at for each in newest)])
        return self._moved_to(self.schedule.next_due(until, later_than=last), until)

    def _moved_to(self, next_report_at: datetime, until: datetime) -> dict[str, datetime]:
        return {"next_report_at": next_report_at, **self._reported(until)}

    def _reported(self, until: datetime) -> dict[str, datetime]:
        if self.reported_until is None or self.reported_until < until:
            return {"reported_until": until}
        return {}
