"""A message that came to Slack."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, kw_only=True)
class SlackMessage:
    """A message that a webhook has posted.

    Attributes:
        id: counts up from 1.
        received_at: when, in UTC.
        payload: what was posted.
    """

    id: int
    received_at: datetime
    payload: dict[str, Any]
