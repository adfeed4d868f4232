"""What the checks know of the deployment."""

from dataclasses import dataclass


@dataclass(frozen=True)
class SenderSettings:
    """Who sends.

    Attributes:
        mail_from: the sender's address.
        postal_address: what every email ends with; may be empty.
        reports_a_second: how many reports the queues let through; None where that is not known.
    """

    mail_from: str
    postal_address: str
    reports_a_second: float | None = None
