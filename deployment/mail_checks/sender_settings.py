"""What the checks know of the deployment."""

from dataclasses import dataclass


@dataclass(frozen=True)
class SenderSettings:
    """Who sends. The postal address may be empty, and the rate of the queues unknown."""

    mail_from: str
    postal_address: str
    reports_a_second: float | None = None
