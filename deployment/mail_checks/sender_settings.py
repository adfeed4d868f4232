"""What the checks know of the deployment."""

from dataclasses import dataclass


@dataclass(frozen=True)
class SenderSettings:
    """The sender's settings. The postal address may be empty; the rate is None if nobody knows it."""

    mail_from: str
    postal_address: str
    reports_a_second: float | None = None
