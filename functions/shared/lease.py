"""Until when a worker's claim on a delivery counts. Pure."""

from datetime import datetime, timedelta
from typing import Any

_LONGEST = timedelta(days=1)
"""A worker claims a delivery for seconds. Whoever asks may judge by the time of a run that was some hours ago; a lease
that ends even later is no worker's, and would keep the report from everybody."""


def is_live(expires_at: Any, moment: datetime) -> bool:
    """Whether nobody else may touch the delivery at a moment.

    Args:
        expires_at: what the delivery has in `lease_expires_at`.
        moment: the moment.
    """
    return isinstance(expires_at, datetime) and moment < expires_at <= moment + _LONGEST
