"""The body of a Cloud Tasks task: the dispatcher and the operator write it, the worker reads it."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import AfterValidator, Field

from functions.shared.records.contract import Contract, UtcDatetime
from functions.shared.records.ids import KIND_PATTERN, DocumentId, delivery_id
from functions.shared.times.plausible_time import plausible


def _due_time(value: datetime) -> datetime:
    if plausible(value) is None:
        raise ValueError("must be between 1970 and 2200")
    return value


DueTime = Annotated[UtcDatetime, AfterValidator(_due_time)]
"""When a report falls due. Beyond these years it is malformed (functions.shared.times.plausible_time)."""


class ReportTask(Contract):
    """One report of one subscription that the pipeline owes."""

    user_id: DocumentId
    subscription_id: DocumentId
    delivery_id: DocumentId
    due_at: DueTime
    run_id: Annotated[str, Field(min_length=1, max_length=64)]
    kind: Annotated[str, Field(pattern=KIND_PATTERN)]

    @classmethod
    def of(cls, user_id: str, subscription_id: str, due_at: datetime, *, run_id: str, kind: str) -> Self:
        """The task of the delivery that is of a subscription and a due time."""
        return cls(
            user_id=user_id,
            subscription_id=subscription_id,
            delivery_id=delivery_id(user_id, subscription_id, due_at),
            due_at=due_at,
            run_id=run_id,
            kind=kind,
        )

    @property
    def names_its_delivery(self) -> bool:
        """Whether the delivery is that of the subscription and the due time."""
        return self.delivery_id == delivery_id(self.user_id, self.subscription_id, self.due_at)
