"""What became of emails, as the console counts and lists it."""

from enum import StrEnum


class MailOutcome(StrEnum):
    """What became of the emails of a delivery. A delivery with several recipients may have several."""

    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    """One is known not to arrive: it bounced, or was blocked or dropped."""
    COMPLAINED = "complained"
    """A recipient has marked one as spam."""

    @property
    def time_field(self) -> str:
        """The field of an email record that has the time at which it was known first. An index of several fields may
        have one of a map that is exempt otherwise: https://cloud.google.com/firestore/docs/solutions/index-map-field"""
        return "undelivered_at" if self is MailOutcome.UNDELIVERED else f"first_at.{self.value}"
