"""Which deliveries are meant, and which of them an index can find. Pure."""

from dataclasses import dataclass
from datetime import datetime

from functions.shared.records.delivery import Delivery, DeliveryState
from functions.shared.records.delivery_attempt import AttemptResult
from operations.deliveries.mail_outcome import MailOutcome


@dataclass(frozen=True, kw_only=True)
class DeliveryFilter:
    """Which deliveries are meant. What is empty or None leaves all.

    Attributes:
        reason: skipped or dead for this reason.
        mail: whose email became this; `since` and `until` are then times at which that was known.
        perhaps_twice: of which a recipient may have got two emails.
    """

    user_id: str = ""
    subscription_id: str = ""
    run_id: str = ""
    state: DeliveryState | None = None
    reason: str = ""
    kind: str = ""
    since: datetime | None = None
    until: datetime | None = None
    mail: MailOutcome | None = None
    perhaps_twice: bool = False

    @property
    def problem(self) -> str:
        """Why this names none; empty where it does."""
        is_alone = self.subscription_id and not self.user_id
        return "A subscription goes with its user: name the user, too." if is_alone else ""

    @property
    def is_by_index(self) -> bool:
        """Whether an index finds those that are meant, and no others."""
        if self.mail:
            return not (self.user_id or self.run_id or self.state or self.reason or self.kind)
        if self.reason or self.kind or self.perhaps_twice:
            return False
        if self.user_id:
            return not (self.run_id or self.state)
        return not self.run_id or (self.since is None and self.until is None)

    def matches(self, delivery: Delivery) -> bool:
        """Whether a delivery is meant, as far as it says that itself."""
        wanted = (
            (self.user_id, delivery.user_id),
            (self.subscription_id, delivery.subscription_id),
            (self.run_id, delivery.run_id),
            (self.state, delivery.state),
            (self.reason, delivery.reason),
            (self.kind, delivery.kind),
        )
        if not all(found == asked for asked, found in wanted if asked):
            return False
        if self.perhaps_twice and not _is_perhaps_twice(delivery):
            return False
        due_at = delivery.due_at
        return self.mail is not None or (
            (self.since is None or (due_at is not None and due_at >= self.since))
            and (self.until is None or (due_at is not None and due_at <= self.until))
        )


def _is_perhaps_twice(delivery: Delivery) -> bool:
    """Whether it was sent although an earlier email of it may have been. If an event or a log has proved that one, its
    history ends with that."""
    last = delivery.history[-1].result if delivery.history else None
    return delivery.may_have_been_sent and delivery.state is DeliveryState.SENT and last is AttemptResult.SENT
