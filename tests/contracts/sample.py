"""The report, the run and the times of all examples."""

from datetime import UTC, datetime, timedelta

from functions.shared.records.report_task import ReportTask
from functions.shared.times.period import Period

DUE = datetime(2026, 11, 24, 13, tzinfo=UTC)
NOW = DUE + timedelta(seconds=20)
LATER = NOW + timedelta(minutes=5)
PERIOD = Period(DUE - timedelta(hours=1), DUE)
OWNER = "5f2b1c0d9e8a7f6b5c4d3e2f1a0b9c8d"

TASK = ReportTask(
    user_id="u42",
    # Delivery ids escape what is in it.
    subscription_id="ops:50%",
    delivery_id="u42:ops%3A50%25:20261124T1300Z",
    due_at=DUE,
    run_id="20261124T1300Z",
    kind="activity",
)
