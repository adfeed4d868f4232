"""The settings and the moment of a deployment, for tests of what is declared from them."""

from datetime import UTC, datetime

from deployment.settings import Settings

NOW = datetime(2026, 11, 24, 14, tzinfo=UTC)
"""When tests deploy: an hour after the stand-in's first revisions, on whatever day they run."""

SETTINGS = Settings(
    project_id="my-project",
    project_number="123456789012",
    region="us-central1",
    prefix="report",
    queue_name="reports",
    alert_email="ops@example.com",
    notification_channels=("projects/my-project/notificationChannels/1",),
    slo_percent="99",
    runbook_url="https://wiki.example/runbooks",
    budget="100",
)
