"""What the handler says when it cannot start: one line that names the variable, and no value."""

import os
import subprocess
import sys

import pytest

from tests.function_process import REPOSITORY

VARIABLES = {"GOOGLE_CLOUD_PROJECT": "p", "LOCATION": "l"}


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"GOOGLE_CLOUD_PROJECT": None}, "GOOGLE_CLOUD_PROJECT: not set"),
        ({"LOCATION": ""}, "LOCATION: not set"),
        ({"SLACK_WEBHOOK_URL": "secret"}, "SLACK_WEBHOOK_URL"),
        ({"ALERT_URLS": "json://localhost, nosuch://secret"}, "ALERT_URLS: entry 2"),
        ({"LOG_LEVEL": "LOUD"}, "LOG_LEVEL"),
    ],
)
def test_a_missing_or_malformed_variable_is_one_line(changes: dict[str, str | None], names: str) -> None:
    variables = {name: value for name, value in {**VARIABLES, **changes}.items() if value is not None}
    ended = subprocess.run(
        [
            *(sys.executable, "-m", "functions_framework", "--source", "functions/dlq_handler/main.py"),
            *("--target", "dlq_handler", "--signature-type", "cloudevent", "--port", "0"),
        ],
        cwd=REPOSITORY,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(REPOSITORY), **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.returncode != 0
    assert ended.stdout == ""
    (line,) = ended.stderr.strip().splitlines()
    assert names in line
    assert "secret" not in line
