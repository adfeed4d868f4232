"""A dead letter: the message that says that the pipeline will not send a report by itself, and why.

The worker and the dispatcher publish it, the DLQ handler keeps it in `dead_letters`, the operator replays or dismisses
it.
"""

from datetime import timedelta
from enum import StrEnum

from functions.shared.contract import Contract, UtcDatetime

OPEN_LETTER_RETENTION = timedelta(days=400)
"""After this Firestore deletes a dead letter that is still open: more than a year after its latest failure."""

CLOSED_LETTER_RETENTION = timedelta(days=90)
"""After this Firestore deletes a dead letter that an operator replayed or dismissed, counted from then."""


class DeadLetterReason(StrEnum):
    """Why a report became a dead letter."""

    RETRIES_EXHAUSTED = "retries-exhausted"
    """The last attempt of its task failed, too."""
    PERMANENT_ERROR = "permanent-error"
    """No further attempt could succeed: the user's document, the kind of report or the mail is not usable."""
    INVALID_TASK = "invalid-task"
    """The task's body is not a task, so it names no delivery."""
    UNKNOWN_OUTCOME = "unknown-outcome"
    """The provider may have taken the mail, and cannot tell."""
    LOST = "lost"
    """Its tasks died without a trace, and 24 hours have passed."""


class LetterState(StrEnum):
    """Where a dead letter stands: `state` in its document."""

    OPEN = "open"
    """Waits for a person to replay or dismiss it."""
    REPLAYED = "replayed"
    """An operator put its delivery back into the queue. It opens again if the report fails again."""
    DISMISSED = "dismissed"
    """An operator decided that the report is not to be sent. `reports dead-letters reopen` opens it again."""


class DeadLetter(Contract):
    """What the worker or the dispatcher publishes about a report that will not be sent by itself.

    The task's own fields are absent where the task could not be read.
    """

    user_id: str | None = None
    delivery_id: str | None = None
    due_at: UtcDatetime | None = None
    run_id: str | None = None
    kind: str | None = None
    reason: DeadLetterReason
    error: str
    attempts: int
    failed_at: UtcDatetime
    letter_id: str | None = None
    """The id of its document, where that is not the delivery's: a cause that fails one delivery after another, such as
    a malformed user, makes one dead letter (`malformed_user_letter_id`)."""
    body: str | None = None
    """The body as it came, cut to 10,000 characters, where it is not a task."""
