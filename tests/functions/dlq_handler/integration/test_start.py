"""What the handler says when it cannot start: one line that names the variable, and no value."""

from pathlib import Path

import pytest

from tests.function_process import last_words
from tests.support import Background

VARIABLES = {
    "GOOGLE_CLOUD_PROJECT": "p",
    "LOCATION": "l",
    "DLQ_HANDLER_URL": "https://dlq-handler.example.com",
    "EVENTS_INVOKER": "events@p.iam.gserviceaccount.com",
}


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"GOOGLE_CLOUD_PROJECT": None}, "GOOGLE_CLOUD_PROJECT: not set"),
        ({"LOCATION": ""}, "LOCATION: not set"),
        ({"DLQ_HANDLER_URL": None, "EVENTS_INVOKER": ""}, "DLQ_HANDLER_URL: not set; EVENTS_INVOKER: not set"),
        ({"EVENTS_INVOKER": "secret"}, "EVENTS_INVOKER"),
        ({"SLACK_WEBHOOK_URL": "secret"}, "SLACK_WEBHOOK_URL"),
        ({"ALERT_URLS": "json://localhost, nosuch://secret"}, "ALERT_URLS: entry 2"),
        ({"LOG_LEVEL": "LOUD"}, "LOG_LEVEL"),
    ],
)
def test_a_missing_or_malformed_variable_is_one_line(
    background: Background, tmp_path: Path, changes: dict[str, str | None], names: str
) -> None:
    variables = {name: value for name, value in {**VARIABLES, **changes}.items() if value is not None}
    line = last_words(
        background, name="dlq_handler", signature_type="cloudevent", environment=variables, log_directory=tmp_path
    )
    assert names in line
    assert "secret" not in line
