"""A worker that is configured wrongly does not start, and says why in one line."""

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
    ended = subprocess.run(
        [
            *(sys.executable, "-m", "functions_framework", "--source", "functions/worker/main.py"),
            *("--target", "worker", "--host", "127.0.0.1", "--port", str(free_ports(1))),
        ],
        env={**cloud.environment, **variables, "PATH": str(Path(sys.executable).parent)},
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode != 0
    [line] = ended.stderr.strip().splitlines()
    assert line.startswith(f"Cannot start: {named}")
    assert "SG." not in line
