"""The settings of a pipeline for tests of what is declared from them."""

from deployment.settings import Settings

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
