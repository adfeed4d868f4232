"""For whom a delivery is: the user as the document has it now, and where its schedule goes from here."""

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
    """A delivery of the user that has come to its end.

    Attributes:
        due_at: when it was due.
        period_end: the end of what it covers, where the ledger says so.
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
        schedule: by which the user moves on; None where there is no document.
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
        """The time that a delivery covers which no attempt has covered yet; None where there is no schedule.

        A user who stands at a later due time has moved on from this one: it covers what was due then, and nothing
        of what has been reported since.

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

        A user only ever moves forward: one who stands at a later due time, because an old delivery was replayed or the
        application set it so, is left there. What the delivery covers counts as reported even so.

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
        """The fields to write for a user who stands at a delivery that is final already; none for one who does not.

        Final state and user are written together, so this is a user whose application has written an old copy of the
        document back. However old it was, the user moves beyond everything that is final at once: left at the next
        final delivery, the user would come back here with every run.

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
