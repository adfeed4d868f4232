"""A worker that is configured wrongly does not start, and says why in one line."""

import shutil
from pathlib import Path

import pytest

from tests.function_process import REPOSITORY, last_words
from tests.functions.worker.integration.conftest import Cloud


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"WORKER_URL": ""}, "WORKER_URL: not set"),
        ({"SENDGRID_API_KEY": ""}, "SENDGRID_API_KEY: not set"),
        ({"SENDGRID_API_KEY": "SG.key\r\nX-Evil: 1"}, "SENDGRID_API_KEY"),
        ({"MAX_ATTEMPTS": "many"}, "MAX_ATTEMPTS"),
        ({"MAX_ATTEMPTS": "0"}, "MAX_ATTEMPTS"),
        ({"ON_UNKNOWN_OUTCOME": "hope"}, "ON_UNKNOWN_OUTCOME"),
        ({"ON_UNKNOWN_OUTCOME": "resend-if-absent"}, "LOCATION, REPORT_QUEUES: not set"),
        ({"SETTLING_MINUTES": "19"}, "SETTLING_MINUTES"),
        ({"SENDGRID_HOST": "not a url"}, "SENDGRID_HOST"),
        ({"MAIL_FROM": "nobody"}, "MAIL_FROM"),
        ({"MAIL_UNSUBSCRIBE_GROUP": "reports"}, "MAIL_UNSUBSCRIBE_GROUP"),
        ({"MAIL_UNSUBSCRIBE_URL": "https://example.com/{user_id}/{token}"}, "MAIL_UNSUBSCRIBE_KEY: not set"),
        ({"MAIL_CHECK_UNSUBSCRIBED": "true"}, "MAIL_CHECK_UNSUBSCRIBED: needs MAIL_UNSUBSCRIBE_GROUP"),
        ({"MAIL_SANDBOX": "perhaps"}, "MAIL_SANDBOX"),
        ({"DEFAULT_CADENCE": "sometimes"}, "DEFAULT_CADENCE"),
        ({"DEFAULT_KIND": "../activity"}, "DEFAULT_KIND"),
        ({"BRANDS": '{"acme": {"account": "acme"}}'}, "brands.yaml: acme: MAIL_ACCOUNTS has no account acme"),
    ],
)
def test_a_wrong_variable_stops_it_at_start(
    cloud: Cloud, tmp_path: Path, variables: dict[str, str], named: str
) -> None:
    line = last_words(
        cloud.background, name="worker", environment={**cloud.environment, **variables}, log_directory=tmp_path
    )
    assert line.startswith(f"Cannot start: {named}")
    assert "SG." not in line


def test_a_secret_that_a_kind_needs_and_nobody_has_set_stops_it_at_start(cloud: Cloud, tmp_path: Path) -> None:
    for folder in ("functions", "report_kit"):
        shutil.copytree(REPOSITORY / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    needs = tmp_path / "kinds" / "orders" / "needs.yaml"
    needs.parent.mkdir(parents=True)
    (tmp_path / "kinds" / "__init__.py").touch()
    needs.write_text("secrets:\n  ORDERS_KEY: {about: The key of the shop.}\n", encoding="utf-8")
    environment = {**cloud.environment, "PYTHONPATH": str(tmp_path)}
    line = last_words(cloud.background, name="worker", environment=environment, log_directory=tmp_path)
    problem = "ORDERS_KEY: not set, and the kind orders needs it (The key of the shop)"
    assert line == f"Cannot start: {problem}"
