"""What calls take and are answered, as the OpenAPI document has it. A subscription's fields are those of its document:
their types are there (functions.shared.records.subscription)."""

from datetime import datetime
from typing import Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from functions.shared.records.mail_event import MailStatus
from functions.shared.records.recipients import recipients
from functions.shared.records.states import DeliveryState, PauseReason
from functions.shared.records.subscription import Subscription


class Pause(BaseModel):
    """How long a pause is."""

    model_config = ConfigDict(extra="forbid")

    until: AwareDatetime = Field(description="when it ends, within a year from now")


class Objection(BaseModel):
    """An address that gets no emails of a subscription, though a list may have it."""

    recipient: str = Field(description="the hash of the address, as outcomes have it")
    address: str | None = Field(description="the one in `to` or `cc`; null for the user's own and one that is gone")
    because: PauseReason = Field(description="bounced, unsubscribed or complained")
    at: datetime | None = Field(description="when the latest event said so; null if version 0.1.0 has written it")

    @classmethod
    def all_of(cls, subscription: Subscription) -> list[Self]:
        """The addresses that object to a subscription's reports, in the order of their hashes."""
        listed = {each.hashed: each.address for each in recipients(subscription, None)}
        return [
            cls(recipient=hashed, address=listed.get(hashed), because=each.because, at=each.at)
            for hashed, each in sorted(subscription.objecting.items())
            if each.because
        ]


class Delivery(BaseModel):
    """A report that was due, and what came of it."""

    delivery_id: str
    subscription_id: str | None
    kind: str | None
    state: DeliveryState = Field(description="sent, skipped and dead are final")
    due_at: datetime | None
    period_start: datetime | None = Field(description="when the time begins that the report covers")
    period_end: datetime | None
    reason: str | None = Field(description="why it was skipped or is dead, in one word")
    note: str | None = Field(description="what the kind says, such as why there is nothing to report")
    mail: MailStatus | None = Field(description="what became of its emails, by the email provider's events")
    mail_reason: str | None
    mail_at: datetime | None
    created_at: datetime | None
    updated_at: datetime | None


class DeliveryPage(BaseModel):
    """A page of deliveries."""

    deliveries: list[Delivery]
    next: str | None = Field(description="what `after` has to be for the page that follows; null on the last")


class CopyFile(BaseModel):
    """A file that came with a report."""

    filename: str
    media_type: str
    content: str = Field(description="in base64", json_schema_extra={"contentEncoding": "base64"})


class Copy(BaseModel):
    """A report as it went out."""

    subject: str
    made_at: datetime
    html: str = Field(description="a page that needs no other file; show it in a frame with `sandbox`")
    text: str
    files: list[CopyFile]


class EnqueuedReport(BaseModel):
    """A report that is on its way."""

    delivery_id: str
    due_at: datetime


class RecipientPage(BaseModel):
    """Where a recipient manages the reports."""

    url: str


class Problem(BaseModel):
    """Why a call was not carried out: problem details of RFC 9457."""

    title: str = Field(description="the status in words")
    status: int
    detail: str = Field(description="a sentence for developers")


MODELS = (Objection, Pause, DeliveryPage, Copy, EnqueuedReport, RecipientPage, Problem)
