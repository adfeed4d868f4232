"""Until when a worker's claim on a delivery counts. Pure."""

from datetime import datetime, timedelta
from typing import Any

_LONGEST = timedelta(days=1)
"""A worker claims a delivery for seconds. A run may compare the lease with its own time, which can be hours ago.
A lease that ends even later is not a worker's, and would keep the report from every worker."""


def is_live(expires_at: Any, moment: datetime) -> bool:
    """Whether the owner alone may act on the delivery at a moment.

    Args:
        expires_at: what the delivery has in `lease_expires_at`.
        moment: the moment.
    """
    return isinstance(expires_at, datetime) and moment < expires_at <= moment + _LONGEST
