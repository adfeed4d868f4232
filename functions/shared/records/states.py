"""Where a delivery and a dead letter stand, why a subscription is paused, who is enrolled, and how often a query that
names recipients is read, in one word each.

They are apart from the records, since the help of commands lists them, and to import a record takes longer than help
may.
"""

from enum import StrEnum


class DeliveryState(StrEnum):
    """Where a delivery stands: `state` in its document."""

    PENDING = "pending"
    """It waits for a worker."""
    SENDING = "sending"
    """A worker has claimed it until `lease_expires_at`. After that its outcome is unknown."""
    GIVING_UP = "giving-up"
    """No worker sends it any more, and its dead letter is to be published, or has just been."""
    SENT = "sent"
    """The provider accepted the email. Final."""
    SKIPPED = "skipped"
    """No email was sent, and none will be: `reason` says why (SkipReason). Final."""
    DEAD = "dead"
    """The pipeline will not send it by itself, and its dead letter is published. Final, unless an operator replays
    it."""

    @property
    def is_final(self) -> bool:
        """Whether the pipeline does nothing more with it by itself."""
        return self in {DeliveryState.SENT, DeliveryState.SKIPPED, DeliveryState.DEAD}


class DeadLetterReason(StrEnum):
    """Why a report became a dead letter."""

    RETRIES_EXHAUSTED = "retries-exhausted"
    """The last attempt of its task failed, too."""
    PERMANENT_ERROR = "permanent-error"
    """No further attempt could succeed: a document, the kind of report or the email is not usable."""
    INVALID_TASK = "invalid-task"
    """The task's body is not a task, so it names no delivery."""
    UNKNOWN_OUTCOME = "unknown-outcome"
    """The provider may have taken the email, and cannot say whether it has."""
    LOST = "lost"
    """Its tasks died without a trace, for 24 hours and in 12 runs at least."""


class DeadLetterState(StrEnum):
    """Where a dead letter stands: `state` in its document."""

    OPEN = "open"
    """Waits for a person to replay or dismiss it."""
    REPLAYED = "replayed"
    """An operator put its delivery back into the queue. It opens again if the report fails again."""
    DISMISSED = "dismissed"
    """An operator decided that the report is not to be sent. `reports dead-letters reopen` opens it again."""
    SETTLED = "settled"
    """Its outcome was unknown, and then it turned out that the report was sent."""


class PauseReason(StrEnum):
    """Why a subscription is paused: `paused_because` in its document."""

    USER = "user"
    """The user asked for it."""
    OPERATOR = "operator"
    """An operator did it, with `reports subscriptions pause`."""
    USER_INACTIVE = "user-inactive"
    """Its user is inactive or gone. It resumes when the user is active again."""
    NOT_IN_AUDIENCE = "not-in-audience"
    """The query of its kind's audience has no row for its user. It resumes when the query has one again."""
    BOUNCED = "bounced"
    """The user's mailbox refuses email."""
    COMPLAINED = "complained"
    """The user reported an email as spam."""
    UNSUBSCRIBED = "unsubscribed"
    """The user unsubscribed."""


class Enroll(StrEnum):
    """Whom the dispatcher enrolls, and so who gets the default subscription."""

    ALL = "all"
    """Each active user."""
    MARKED = "marked"
    """Those whom the application marks by `enrolled_at: null`."""
    NONE = "none"
    """Nobody: the application writes all subscriptions."""
