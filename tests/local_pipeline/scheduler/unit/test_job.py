"""Jobs as gcloud's flags files describe them."""

from datetime import timedelta
from pathlib import Path

import pytest

from local_cloud.errors import LocalCloudError
from local_pipeline.scheduler import Job
from tests.support import REPOSITORY


def job_of(tmp_path: Path, text: str) -> Job:
    path = tmp_path / "scheduler.yaml"
    path.write_text(text)
    return Job.from_flags_file(path, name="dispatch", uri="http://localhost/dispatch")


def test_the_shipped_file() -> None:
    job = Job.from_flags_file(
        REPOSITORY / "scheduler.yaml", name="dispatch", uri="http://localhost:1/", service_account="scheduler@p.iam"
    )
    assert job.http_method == "POST"
    assert job.attempt_deadline <= timedelta(minutes=30)
    assert job.service_account == "scheduler@p.iam"


def test_every_flag(tmp_path: Path) -> None:
    job = job_of(
        tmp_path,
        """
        --schedule: "*/5 * * * *"
        --time-zone: Asia/Tokyo
        --description: every five minutes
        --uri: http://localhost/other
        --http-method: put
        --headers: {Content-Type: application/json, X-Team: reports}
        --message-body: '{"a": 1}'
        --attempt-deadline: 15s
        --max-retry-attempts: 5
        --max-retry-duration: 1h
        --min-backoff: 10s
        --max-backoff: 5m
        --max-doublings: 3
        --oidc-service-account-email: a@p.iam
        --oidc-token-audience: http://localhost
        """,
    )
    assert (job.schedule.line, str(job.schedule.time_zone)) == ("*/5 * * * *", "Asia/Tokyo")
    assert (job.uri, job.http_method, job.body) == ("http://localhost/other", "PUT", b'{"a": 1}')
    assert job.headers == {"Content-Type": "application/json", "X-Team": "reports"}
    assert job.attempt_deadline == timedelta(seconds=15)
    assert (job.retry.retry_count, job.retry.max_doublings) == (5, 3)
    assert (job.retry.min_backoff, job.retry.max_backoff) == (timedelta(seconds=10), timedelta(minutes=5))
    assert job.retry.max_retry_duration == timedelta(hours=1)
    assert (job.service_account, job.audience) == ("a@p.iam", "http://localhost")


def test_the_defaults_are_the_services(tmp_path: Path) -> None:
    job = job_of(tmp_path, '--schedule: "0 * * * *"')
    assert str(job.schedule.time_zone) == "Etc/UTC"
    assert (job.http_method, job.body, dict(job.headers)) == ("POST", b"", {})
    assert job.attempt_deadline == timedelta(minutes=3)
    assert job.retry.retry_count == 0
    assert job.service_account is None


def test_headers_as_one_string(tmp_path: Path) -> None:
    job = job_of(tmp_path, '--schedule: "0 * * * *"\n--headers: "X-A=1,X-B=two=2"')
    assert job.headers == {"X-A": "1", "X-B": "two=2"}


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("--time-zone: Etc/UTC", "--schedule: is required"),
        ("--schedule: 5", "--schedule: 5 must be a string"),
        ('--schedule: "every 5 minutes"', "--schedule: "),
        ('--schedule: "0 * * * *"\n--time-zone: Mars/Base', "--time-zone: 'Mars/Base' is not a time zone"),
        ('--schedule: "0 * * * *"\n--time-zone: ../etc', "--time-zone: "),
        ('--schedule: "0 * * * *"\n--http-method: BREW', "--http-method: "),
        ('--schedule: "0 * * * *"\n--http-method: GET\n--message-body: x', "--message-body: a GET request has no body"),
        ('--schedule: "0 * * * *"\n--attempt-deadline: 14s', "--attempt-deadline: must be from 15s to 30m"),
        ('--schedule: "0 * * * *"\n--attempt-deadline: 31m', "--attempt-deadline: must be from 15s to 30m"),
        ('--schedule: "0 * * * *"\n--attempt-deadline: soon', "--attempt-deadline: 'soon' is not a duration"),
        ('--schedule: "0 * * * *"\n--max-retry-attempts: 6', "--max-retry-attempts: 6 is more than the 5"),
        ('--schedule: "0 * * * *"\n--max-retry-attempts: true', "--max-retry-attempts: "),
        ('--schedule: "0 * * * *"\n--max-doublings: -1', "--max-doublings: "),
        ('--schedule: "0 * * * *"\n--min-backoff: 2h', "--min-backoff: must not be longer"),
        ('--schedule: "0 * * * *"\n--headers: x', "--headers: "),
        ('--schedule: "0 * * * *"\n--headers: {X-A: 1}', "--headers: "),
        ('--schedule: "0 * * * *"\n--oauth-token-scope: x', "--oauth-token-scope: the local cloud does not know"),
    ],
)
def test_a_file_that_is_refused_names_the_flag(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(LocalCloudError) as raised:
        job_of(tmp_path, text)
    assert named in str(raised.value)
    assert "scheduler.yaml" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_target_is_required(tmp_path: Path) -> None:
    path = tmp_path / "scheduler.yaml"
    path.write_text('--schedule: "0 * * * *"')
    with pytest.raises(LocalCloudError, match="--uri: is required"):
        Job.from_flags_file(path, name="dispatch")
