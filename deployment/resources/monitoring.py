"""What watches the pipeline: log-based metrics, the service level objective, alert policies with their notification
channel, and a dashboard."""

from pathlib import Path
from typing import Any

from deployment.engine.declared import Declared, Kind, NameOf
from deployment.settings import Settings
from deployment.templates import filled

METRIC = Kind(api="logging", version="v2", collection="projects.metrics", id_in="body")
CHANNEL = Kind(api="monitoring", version="v3", collection="projects.notificationChannels")
POLICY = Kind(api="monitoring", version="v3", collection="projects.alertPolicies")
SERVICE = Kind(api="monitoring", version="v3", collection="services", id_in="serviceId")
OBJECTIVE = Kind(
    api="monitoring", version="v3", collection="services.serviceLevelObjectives", id_in="serviceLevelObjectiveId"
)
DASHBOARD = Kind(api="monitoring", version="v1", collection="projects.dashboards")

_HALF_AN_HOUR_SECONDS = 1_800


def monitoring(settings: Settings) -> list[Declared]:
    values = _values(settings)
    channels = [channel_of(settings)] if settings.alert_email else []
    metrics = [
        Declared(
            what=f"metric {settings.prefix}-{name}",
            kind=METRIC,
            parent=f"projects/{settings.project_id}",
            id=f"{settings.prefix}-{name}",
            fields=filled(settings.folder, f"metrics/{name}.json", values),
        )
        for name in _names(settings.folder / "metrics")
    ]
    objective = filled(settings.folder, "objective.json", values)
    watched = Declared(
        what=f"monitored service {settings.prefix}-reports",
        kind=SERVICE,
        parent=f"projects/{settings.project_id}",
        id=f"{settings.prefix}-reports",
        fields=objective.pop("service"),
    )
    on_time = Declared(
        what=f"objective on-time of {settings.prefix}-reports",
        kind=OBJECTIVE,
        parent=watched.name,
        id="on-time",
        fields=objective,
        after=(watched.what, *(metric.what for metric in metrics)),
    )
    recipients = [*settings.notification_channels, *(NameOf(channel.what) for channel in channels)]
    policies = [
        Declared(
            what=f"alert policy {alert}",
            kind=POLICY,
            parent=f"projects/{settings.project_id}",
            fields=filled(
                settings.folder,
                f"alert_policies/{alert}.json",
                {**values, "ALERT": alert, "RUNBOOK": _links(settings, alert), "CHANNELS": recipients},
            ),
            found_by={"userLabels": {"pipeline": settings.prefix, "alert": alert}},
            after=(on_time.what,),
        )
        for alert in _names(settings.folder / "alert_policies")
    ]
    dashboard = Declared(
        what=f'dashboard "{values["DASHBOARD"]}"',
        kind=DASHBOARD,
        parent=f"projects/{settings.project_id}",
        fields=filled(settings.folder, "dashboard.json", values),
        found_by={"displayName": values["DASHBOARD"]},
        after=(on_time.what,),
    )
    return [*channels, *metrics, watched, on_time, *policies, dashboard]


def channel_of(settings: Settings) -> Declared:
    """The notification channel of ALERT_EMAIL. One that a person has made for the same address will do."""
    address = {"type": "email", "labels": {"email_address": settings.alert_email}}
    return Declared(
        what=f"notification channel for {settings.alert_email}",
        kind=CHANNEL,
        parent=f"projects/{settings.project_id}",
        fields={**address, "enabled": True},
        at_first={"displayName": f"Report pipeline ({settings.prefix})", "userLabels": {"pipeline": settings.prefix}},
        found_by=address,
    )


def nothing_of_monitoring(settings: Settings) -> list[Declared]:
    """That a project is to have none of it: neither what is declared nor what carries the pipeline's label."""
    gone = [each.gone() for each in monitoring(settings) if each.kind not in {POLICY, CHANNEL}]
    labelled = {"userLabels": {"pipeline": settings.prefix}}
    after = (*(each.what for each in gone), "notification channel {name}")
    return [
        *gone,
        *(
            Declared(
                what=what,
                kind=kind,
                parent=f"projects/{settings.project_id}",
                found_by=labelled,
                after=after if kind is POLICY else (),
                absent=True,
            )
            for what, kind in (("alert policy {name}", POLICY), ("notification channel {name}", CHANNEL))
        ),
    ]


def _names(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.glob("*.json"))


def _links(settings: Settings, alert: str) -> list[dict[str, str]]:
    url = settings.runbook_url
    return [{"displayName": "Runbook", "url": f"{url}#{alert}"}] if url else []


def _values(settings: Settings) -> dict[str, Any]:
    return {
        "PREFIX": settings.prefix,
        "REGION": settings.region,
        "PROJECT_ID": settings.project_id,
        "QUEUE_NAME": settings.queue_name,
        "TOPIC": settings.topic,
        "DASHBOARD": f"Report pipeline ({settings.prefix})",
        "SLO_PERCENT": settings.slo_percent,
        "SLO_GOAL": round(float(settings.slo_percent) / 100, 6),
        # The workers cannot empty a queue that is deeper than this within half an hour.
        "QUEUE_DEPTH": max(1, int(settings.full_rate * _HALF_AN_HOUR_SECONDS)),
    }
