"""Until when a claim counts."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.shared.records.delivery import Delivery

NOW = datetime(2026, 11, 24, 13, tzinfo=UTC)


@pytest.mark.parametrize(
    ("expires_at", "expected"),
    [
        (NOW + timedelta(seconds=90), True),
        # By the time of a run that was called again hours later.
        (NOW + timedelta(hours=5), True),
        (NOW, False),
        (NOW - timedelta(seconds=1), False),
        *((year, False) for year in (datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC))),
        *((other, False) for other in (None, "later", 2**62, True)),
    ],
)
def test_lease(expires_at: Any, expected: bool) -> None:
    fields = {"state": "sending", "lease_expires_at": expires_at}
    assert Delivery.from_fields("d", fields, version=NOW).is_claimed(NOW) is expected
