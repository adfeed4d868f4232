"""System alerts, as the operator reads them."""

import shlex
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.dlq_handler.alerting.alert_links import AlertLinks
from functions.dlq_handler.alerting.system_alert_text import make_system_alert
from functions.shared.records.system_alert import AlertKind, StoredSystemAlert
from tests.operations.integration.conftest import Project


def put_system_alert(project: Project, hour: int, **fields: Any) -> str:
    """As the DLQ handler stores it."""
    noticed = datetime(2026, 11, 24, hour, tzinfo=UTC)
    kind, run_id = fields.get("alert", "overdue-reports"), noticed.strftime("%Y%m%dT%H%MZ")
    alert: dict[str, Any] = {
        "alert": kind,
        "run_id": run_id,
        "detail": "reports whose tasks ended without a trace: 3",
        "figures": {"due": 100, "overdue": 3},
        "at": noticed + timedelta(seconds=2),
        "received_at": noticed + timedelta(seconds=3),
        "alerted_at": noticed + timedelta(seconds=4),
        "alerts": {"slack": noticed + timedelta(seconds=4)},
        "state": "open",
        "cause": f"system-{kind}",
        "expire_at": noticed + timedelta(days=90),
        **fields,
    }
    reference = project.database.collection("system_alerts").document(f"{kind}-{run_id}")
    reference.set(alert)
    return str(reference.id)


def test_system_alerts_are_listed_the_newest_first(project: Project) -> None:
    for hour in (11, 13, 12):
        put_system_alert(project, hour)
    rows = project.reports("system-alerts", "--json").json
    assert [row["run_id"] for row in rows] == ["20261124T1300Z", "20261124T1200Z", "20261124T1100Z"]
    assert rows[0] == {
        "system_alert_id": "overdue-reports-20261124T1300Z",
        "alert": "overdue-reports",
        "run_id": "20261124T1300Z",
        "detail": "reports whose tasks ended without a trace: 3",
        "figures": {"due": 100, "overdue": 3},
        "at": "2026-11-24T13:00:02Z",
        "received_at": "2026-11-24T13:00:03Z",
        "alerted_at": "2026-11-24T13:00:04Z",
    }
    rows = project.reports("system-alerts", "--json", "--limit", "1").json
    assert [row["run_id"] for row in rows] == ["20261124T1300Z"]


def test_system_alerts_as_a_table(project: Project) -> None:
    detail = "SendGrid answered 401 for someone@customer.example"
    put_system_alert(project, 13, alert="provider-refuses-key", detail=detail, alerted_at=None)
    out = project.reports("system-alerts").out
    assert "provider-refuses-key" in out
    assert "SendGrid answered 401 for [address]" in out
    assert "2026-11-24T13:00:02Z" in out


def test_an_empty_project_has_no_system_alerts(project: Project) -> None:
    assert project.reports("system-alerts").out == "There are no system alerts.\n"
    assert project.reports("system-alerts", "--json").json == []


def test_a_system_alert_that_holds_anything_is_listed(project: Project) -> None:
    document = project.database.collection("system_alerts").document("odd")
    document.set({"received_at": datetime(2026, 11, 24, tzinfo=UTC), "figures": "many", "detail": 7})
    [row] = project.reports("system-alerts", "--json").json
    assert (row["system_alert_id"], row["alert"], row["detail"], row["figures"]) == ("odd", None, None, {})
    assert project.reports("system-alerts").status == 0


@pytest.mark.parametrize("kind", list(AlertKind))
def test_the_commands_of_an_alert_can_be_called(project: Project, kind: AlertKind) -> None:
    stored = StoredSystemAlert(id="a", kind=kind.value, run_id="20261124T1300Z", report={"delivery_id": "u1:s:1"})
    alert = make_system_alert(stored, 0, datetime(2026, 11, 24, tzinfo=UTC), links=AlertLinks())
    for program, *arguments in map(shlex.split, alert.commands):
        if program == "reports":
            assert project.reports(*arguments).status != 2, arguments
