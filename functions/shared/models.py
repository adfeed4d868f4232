"""The contracts: what is in a task, in a dead letter and in the ledger, and how they are named."""

import functools
import hashlib
import re
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from functions.shared.plausible_time import plausible

DELIVERY_RETENTION = timedelta(days=90)
"""After this Firestore deletes a delivery, by the TTL policy on `expire_at`."""

OPEN_LETTER_RETENTION = timedelta(days=400)
"""After this Firestore deletes a dead letter that nobody has dealt with: more than a year after its latest failure."""

CLOSED_LETTER_RETENTION = timedelta(days=90)
"""The same for one that was replayed or dismissed, counted from then."""

RUN_RETENTION = timedelta(days=90)
"""After this Firestore deletes the record of a run: as long as the deliveries are kept that name it."""


class DeliveryState(StrEnum):
    """Where a delivery stands in the ledger."""

    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    SKIPPED = "skipped"
    DEAD = "dead"

    @property
    def is_final(self) -> bool:
        """Whether nothing more happens to it by itself."""
        return self in {DeliveryState.SENT, DeliveryState.SKIPPED, DeliveryState.DEAD}


class Reason(StrEnum):
    """Why something became a dead letter."""

    RETRIES_EXHAUSTED = "retries-exhausted"
    PERMANENT_ERROR = "permanent-error"
    INVALID_TASK = "invalid-task"
    UNKNOWN_OUTCOME = "unknown-outcome"
    LOST = "lost"


class AlertKind(StrEnum):
    """What is wrong with the system itself, rather than with one report."""

    OVERDUE_REPORTS = "overdue-reports"
    """A run found reports whose task died without a trace."""
    RUN_ERRORS = "run-errors"
    """A run could not do everything."""
    NO_RUN = "no-run"
    """The run before a run was more than two hours earlier."""
    KEY_REFUSED = "provider-refuses-key"
    """The mail provider takes nothing with the key that it is given."""


def _to_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError("in UTC it is out of range") from None


UtcDatetime = Annotated[AwareDatetime, AfterValidator(_to_utc)]
"""A moment; anything with an offset is accepted, UTC is kept, and JSON has a Z."""


def _due_time(value: datetime) -> datetime:
    if plausible(value) is None:
        raise ValueError("must be between 1970 and 2200")
    return value


DueTime = Annotated[UtcDatetime, AfterValidator(_due_time)]
"""When a report falls due. Beyond these years it is malformed (functions.shared.plausible_time)."""


def _document_id(value: str) -> str:
    reserved = value in {".", ".."} or (value.startswith("__") and value.endswith("__"))
    if reserved or "/" in value or not 1 <= len(value.encode()) <= 1500:
        raise ValueError("not a document id")
    return value


DocumentId = Annotated[str, AfterValidator(_document_id)]
"""A Firestore document id. https://firebase.google.com/docs/firestore/quotas#collections_documents_and_fields"""

KIND_PATTERN = r"^[a-z][a-z0-9_]{0,62}$"


class InvalidContract(ValueError):
    """A body is not what the contract says. The message names each field, in one line, without the values."""


class _Contract(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    def to_json(self) -> bytes:
        return self.model_dump_json(exclude_none=True).encode()


class ReportTask(_Contract):
    """The body of a task: one report that one user is owed."""

    user_id: DocumentId
    delivery_id: DocumentId
    due_at: DueTime
    run_id: Annotated[str, Field(min_length=1, max_length=64)]
    kind: Annotated[str, Field(pattern=KIND_PATTERN)] = "activity"

    @classmethod
    def from_json(cls, body: bytes) -> "ReportTask":
        """Read a task's body.

        Raises:
            InvalidContract: the body is empty, not JSON, not an object, or a field is missing or malformed.
        """
        if not body.strip():
            raise InvalidContract("the body is empty")
        try:
            return cls.model_validate_json(body)
        except ValidationError as error:
            raise InvalidContract(describe_validation_error(error)) from None


class DeadLetter(_Contract):
    """What the worker or the dispatcher publishes about a report that will not be sent by itself.

    The task's own fields are absent where the task could not be read.
    """

    user_id: str | None = None
    delivery_id: str | None = None
    due_at: UtcDatetime | None = None
    run_id: str | None = None
    kind: str | None = None
    reason: Reason
    error: str
    attempts: int
    failed_at: UtcDatetime
    letter_id: str | None = None
    """The id that it is kept under, where that is not the delivery's: what fails one delivery after another, such as a
    malformed document, is one dead letter (`malformed_user_letter_id`)."""
    body: str | None = None
    """The task's body as it came, cut to 10,000 characters, where it is not a task."""


class SystemAlert(_Contract):
    """What a run or a worker publishes on the dead letter topic about the system itself.

    Its message has the attribute `alert`, and no report is lost with it: it only tells.
    """

    alert: AlertKind
    run_id: Annotated[str, Field(min_length=1, max_length=64)]
    """Of the run that noticed it, or whose task did: people are told once for each kind and run."""
    at: UtcDatetime
    detail: str
    figures: dict[str, int] = Field(default_factory=dict)


def describe_validation_error(error: ValidationError) -> str:
    """Say in one line what is wrong with each field. Values are left out: they may be anybody's data."""
    return "; ".join(
        f"{'.'.join(str(part) for part in item['loc']) or 'body'}: {item['msg']}"
        for item in error.errors(include_input=False, include_url=False, include_context=False)
    )


def run_id(scheduled_for: datetime) -> str:
    """Name a run after the time that it was scheduled for: `20261124T1300Z`; seconds only where there are any."""
    return _compact(scheduled_for)


def delivery_id(user_id: str, due_at: datetime) -> str:
    """Name a delivery after its user and due time: `u42-20261124T1300Z`.

    A user id too long to carry the time within Firestore's 1,500 bytes is replaced by its SHA-256.
    """
    return _with_suffix(user_id, f"-{_compact(due_at)}")


def malformed_user_letter_id(user_id: str) -> str:
    """Name the one dead letter of a user whose document is malformed: `u42-malformed`.

    No delivery has this id, since those end with a time.
    """
    return _with_suffix(user_id, "-malformed")


def _with_suffix(user_id: str, suffix: str) -> str:
    owner = user_id if len(user_id.encode()) + len(suffix) <= 1500 else hashlib.sha256(user_id.encode()).hexdigest()
    return owner + suffix


def task_id(delivery: str, salt: str = "") -> str:
    """Name the task of a delivery: a hash in front, then as much of delivery and salt as a task's name may hold.

    Names with a common prefix slow Cloud Tasks down, and a name is refused for up to 24 hours after its task ended:
    a second, wanted task for the same delivery gives a salt.
    https://cloud.google.com/tasks/docs/reference/rest/v2/projects.locations.queues.tasks#Task.FIELDS.name

    Args:
        delivery: the delivery's id.
        salt: what sets this task apart from the delivery's others, such as the run that noticed its loss.
    """
    digest = hashlib.sha256(f"{delivery}\x00{salt}".encode()).hexdigest()[:24]
    shown = "-".join(re.sub(r"[^A-Za-z0-9_-]", "_", part)[:200] for part in (delivery, salt) if part)
    return f"{digest}-{shown}"


@functools.lru_cache(maxsize=1024)
def _compact(moment: datetime) -> str:
    # Kept, since most reports of a run fell due at the same few moments.
    moment = moment.astimezone(UTC)
    if moment.microsecond:
        return moment.strftime("%Y%m%dT%H%M%S.%fZ")
    return moment.strftime("%Y%m%dT%H%M%SZ" if moment.second else "%Y%m%dT%H%MZ")
