"""A worker that is configured wrongly does not start, and says why in one line."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.function_process import REPOSITORY
from tests.functions.worker.integration.conftest import Cloud
from tests.support import free_ports


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"WORKER_URL": ""}, "WORKER_URL: not set"),
        ({"SENDGRID_API_KEY": ""}, "SENDGRID_API_KEY: not set"),
        ({"SENDGRID_API_KEY": "SG.key\r\nX-Evil: 1"}, "SENDGRID_API_KEY"),
        ({"MAX_ATTEMPTS": "many"}, "MAX_ATTEMPTS"),
        ({"MAX_ATTEMPTS": "0"}, "MAX_ATTEMPTS"),
        ({"ON_UNKNOWN_OUTCOME": "hope"}, "ON_UNKNOWN_OUTCOME"),
        ({"SENDGRID_HOST": "not a url"}, "SENDGRID_HOST"),
        ({"MAIL_FROM": "nobody"}, "MAIL_FROM"),
        ({"MAIL_UNSUBSCRIBE_GROUP": "reports"}, "MAIL_UNSUBSCRIBE_GROUP"),
        ({"MAIL_UNSUBSCRIBE_URL": "https://example.com/{user_id}/{token}"}, "MAIL_UNSUBSCRIBE_KEY: not set"),
        ({"MAIL_CHECK_UNSUBSCRIBED": "true"}, "MAIL_CHECK_UNSUBSCRIBED: needs MAIL_UNSUBSCRIBE_GROUP"),
        ({"MAIL_SANDBOX": "perhaps"}, "MAIL_SANDBOX"),
        ({"DEFAULT_CADENCE": "sometimes"}, "DEFAULT_CADENCE"),
        ({"DEFAULT_KIND": "../activity"}, "DEFAULT_KIND"),
    ],
)
def test_a_wrong_variable_stops_it_at_start(cloud: Cloud, variables: dict[str, str], named: str) -> None:
    line = end_of_start({**cloud.environment, **variables}, REPOSITORY)
    assert line.startswith(f"Cannot start: {named}")
    assert "SG." not in line


def test_a_secret_that_a_kind_needs_and_nobody_has_set_stops_it_at_start(cloud: Cloud, tmp_path: Path) -> None:
    shutil.copytree(REPOSITORY / "functions", tmp_path / "functions", ignore=shutil.ignore_patterns("__pycache__"))
    needs = tmp_path / "functions" / "worker" / "reports" / "activity" / "needs.yaml"
    needs.write_text("secrets:\n  ORDERS_KEY: {about: The key of the shop.}\n", encoding="utf-8")
    problem = "ORDERS_KEY: not set, and the kind activity needs it (The key of the shop)"
    assert end_of_start(cloud.environment, tmp_path) == f"Cannot start: {problem}"


def end_of_start(environment: dict[str, str], repository: Path) -> str:
    """The one line that a worker leaves which does not start."""
    ended = subprocess.run(
        [
            *(sys.executable, "-m", "functions_framework", "--source", "functions/worker/main.py"),
            *("--target", "worker", "--host", "127.0.0.1", "--port", str(free_ports(1))),
        ],
        env={**environment, "PATH": str(Path(sys.executable).parent)},
        cwd=repository,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode != 0
    [line] = ended.stderr.strip().splitlines()
    return line
