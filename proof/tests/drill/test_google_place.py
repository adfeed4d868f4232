"""A drill's environment on the stand-in of Google: what is made, and that nothing of it stays."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from operations.errors import OperatorError
from operations.session import Session
from operations.sizing.plan import recommended
from proof.drill import google_place
from proof.drill.google_place import GooglePlace, write_settings
from proof.drill.place import Usage
from tests.deployment.conftest import PROJECT, SECRETS, Deployment, environment_of
from tests.function_process import REPOSITORY

TEAMS = {"PROJECT_ID": PROJECT, "REGION": "us-central1", "MAIL_FROM": "reports@acme.example", **SECRETS}


def test_an_environment_is_removed_however_the_drill_ends(tmp_path: Path) -> None:
    project, plan = Deployment(tmp_path, repository=REPOSITORY), recommended(100)
    file = write_settings(tmp_path / ".drill", TEAMS, plan)
    name = file.stem
    # What is new is there at once: the deployment would wait for it.
    project.edit(lambda state: state.update(warm_up=0, invisible=0))
    made: dict[str, Any] = {}

    class Watched(GooglePlace):
        def remove(self) -> None:
            made.update(project.state)
            # Cloud Monitoring takes the queries; the stand-in knows of no documents.
            made["usage"] = self.usage(
                datetime(2026, 11, 30, 8, 15, tzinfo=UTC), datetime(2026, 11, 30, 8, 40, tzinfo=UTC)
            )
            self.run_now(Session(None))
            super().remove()

    with (
        mock.patch.object(google_place, "VISIBLE", timedelta()),
        mock.patch.object(google_place, "BEGUN_SECONDS", 0),
        mock.patch.dict(os.environ, project.script_environment, clear=True),
        # The last step: all else is there by then.
        mock.patch.object(google_place, "Session", side_effect=OperatorError("no database")),
        pytest.raises(OperatorError, match="no database"),
        Watched(file, plan, kills=True).made(),
    ):
        pass

    services = {key.rpartition("/")[2]: each for key, each in made["resources"].items() if "/services/" in key}
    worker, sink = (environment_of(services[f"{name}-{each}"]) for each in ("worker", "sink"))
    assert worker["SENDGRID_HOST"] == f"https://{name}-sink-123456789012.us-central1.run.app"
    assert worker["SENDGRID_API_KEY"] == sink["SENDGRID_API_KEY"] == f"{name}-sendgrid-api-key:1"
    for each in ("worker", "sink"):
        assert f"proof/drill/{each}.py" in made["deployed_files"][f"{name}-{each}"]
    assert "allUsers" in str(made["policies"][services[f"{name}-sink"]["name"]])
    assert f"{name}-mail-events" not in services
    # Nothing of the team's but where.
    assert not any(secret in str(made) for secret in (*SECRETS.values(), "acme.example"))

    assert project.state["forced_runs"] == 1
    assert made["usage"] == Usage(reads=0, writes=0, cloud_run=0)

    left = project.state
    assert [key for part in ("resources", "buckets", "objects", "policies") for key in left[part] if name in key] == []
    assert name not in str(left["policies"])
    assert not file.exists()
