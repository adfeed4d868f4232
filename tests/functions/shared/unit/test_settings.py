"""Settings: those whose values are a matter of security, and that each is documented."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import get_args, get_type_hints

import pytest

from functions.shared.queues.ramp import Ramp
from functions.shared.settings import (
    DispatcherSettings,
    DlqHandlerSettings,
    RampSettings,
    RestoreSettings,
    Secret,
    load_settings,
)
from functions.worker.destinations.email.sendgrid.settings import SendGridSettings
from tests.function_settings import FUNCTION_SETTINGS

VARIABLES = {
    "GOOGLE_CLOUD_PROJECT": "p",
    "WORKER_URL": "https://worker.example.com",
    "TASKS_INVOKER": "tasks@p.iam.gserviceaccount.com",
    "DEAD_LETTER_TOPIC": "t",
    "DEFAULT_KIND": "activity",
    "MAX_ATTEMPTS": "3",
    "MAIL_FROM": "reports@example.com",
    "SENDGRID_API_KEY": "SG.key",
}


@pytest.fixture(autouse=True)
def variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    "host",
    [
        *(
            "http://api.sendgrid.com",
            "HTTP://api.sendgrid.com",
            "http://localhost.evil.example",
            "http://10.0.0.1:8470",
        ),
        *("http://127.0.0.1@evil.example", "http://127.0.0.1.evil.example", "http://[2001:db8::1]", "http://0.0.0.0:1"),
    ],
)
def test_the_key_is_sent_to_no_other_machine_in_the_clear(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("SENDGRID_HOST", host)
    with pytest.raises(SystemExit, match="SENDGRID_HOST: must begin with https://"):
        load_settings(SendGridSettings)


@pytest.mark.parametrize(
    "host",
    [
        *("https://api.eu.sendgrid.com", "http://localhost:8470", "http://127.0.0.1:8470", "http://127.0.0.2"),
        *("http://[::1]:8470", "http://sendgrid.localhost:8470"),
    ],
)
def test_https_and_this_machine(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("SENDGRID_HOST", f"{host}/")
    assert load_settings(SendGridSettings).sendgrid_host == host


def test_a_ramp_needs_the_rate_at_which_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPORT_QUEUES", "reports,reports-2")
    assert load_settings(RampSettings).ramp is None
    monkeypatch.setenv("RAMP_START", "2026-12-01")
    with pytest.raises(SystemExit, match="QUEUE_RATE: not set"):
        load_settings(RampSettings)
    monkeypatch.setenv("QUEUE_RATE", "10")
    expected = Ramp(start=date(2026, 12, 1), first_day=200, growth=1.5, full_rate=10, queues=2)
    assert load_settings(RampSettings).ramp == expected


@pytest.mark.parametrize(
    ("variable", "value"),
    [("RAMP_START", "soon"), ("RAMP_FIRST_DAY", "0"), ("RAMP_GROWTH", "1"), ("QUEUE_RATE", "0")],
)
def test_a_ramp_that_never_ends_or_begins_is_refused(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv("REPORT_QUEUES", "reports")
    monkeypatch.setenv(variable, value)
    with pytest.raises(SystemExit, match=variable):
        load_settings(RampSettings)


@pytest.mark.parametrize(
    ("value", "error"),
    [("2026-11-24 13:30", "RESTORED_AT: "), ("yesterday", "RESTORED_AT: "), ("2126-11-24T13:30:00Z", "in the future")],
)
def test_a_restore_has_a_time_that_is_past(monkeypatch: pytest.MonkeyPatch, value: str, error: str) -> None:
    assert load_settings(RestoreSettings).restored_at is None
    monkeypatch.setenv("RESTORED_AT", "2020-11-24T14:30:00+01:00")
    assert load_settings(RestoreSettings).restored_at == datetime(2020, 11, 24, 13, 30, tzinfo=UTC)
    monkeypatch.setenv("RESTORED_AT", value)
    with pytest.raises(SystemExit, match=error):
        load_settings(RestoreSettings)


@pytest.mark.parametrize(
    ("value", "said"),
    [("{", "KIND_OWNERS: Expecting property name"), ("[]", "KIND_OWNERS: Input should be a valid dictionary")],
)
def test_owners_that_are_no_json_object_are_refused_in_one_line(
    monkeypatch: pytest.MonkeyPatch, value: str, said: str
) -> None:
    for name, given in {
        "LOCATION": "l",
        "DLQ_HANDLER_URL": "https://d.example",
        "EVENTS_INVOKER": "e@p.example",
    }.items():
        monkeypatch.setenv(name, given)
    monkeypatch.setenv("KIND_OWNERS", value)
    with pytest.raises(SystemExit, match=said):
        load_settings(DlqHandlerSettings)


def test_no_key_is_shown_with_the_settings() -> None:
    keys: dict[str, bool] = {}
    for kind in {kind for kinds in FUNCTION_SETTINGS.values() for kind in kinds}:
        hints = get_type_hints(kind, include_extras=True)
        names = [name for name in kind.model_fields if hints[name] == Secret or Secret in get_args(hints[name])]
        keys |= {name: bool(kind.model_fields[name].repr) for name in names}
    assert len(keys) >= 2
    assert not any(keys.values()), keys


DISPATCHER = {
    "LOCATION": "us-central1",
    "REPORT_QUEUES": "reports",
    "DISPATCHER_URL": "https://dispatcher.example.com",
    "SCHEDULER_INVOKER": "scheduler@p.iam.gserviceaccount.com",
}


def breaker(monkeypatch: pytest.MonkeyPatch, **variables: str) -> DispatcherSettings:
    for name, value in {**DISPATCHER, **variables}.items():
        monkeypatch.setenv(name, value)
    return load_settings(DispatcherSettings)


def test_the_limits_of_the_breaker_are_read_exactly_and_can_be_off(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = breaker(
        monkeypatch, COMPLAINT_ALERT_PERCENT="0.07", BOUNCE_STOP_PERCENT="off", COMPLAINT_STOP_PERCENT="0"
    )
    assert (settings.complaint_alert_percent, settings.complaint_stop_percent) == (Decimal("0.07"), Decimal(0))
    assert (settings.bounce_alert_percent, settings.bounce_stop_percent) == (Decimal(2), Decimal(0))


@pytest.mark.parametrize(
    ("limits", "error"),
    [
        ({"COMPLAINT_ALERT_PERCENT": "0.31"}, "COMPLAINT_ALERT_PERCENT, COMPLAINT_STOP_PERCENT: the alert must come"),
        ({"BOUNCE_STOP_PERCENT": "1.9"}, "BOUNCE_ALERT_PERCENT, BOUNCE_STOP_PERCENT: the alert must come"),
        ({"BOUNCE_STOP_PERCENT": "101"}, "BOUNCE_STOP_PERCENT: "),
        ({"BOUNCE_ALERT_PERCENT": "-1"}, "BOUNCE_ALERT_PERCENT: "),
        ({"COMPLAINT_STOP_PERCENT": "nan"}, "COMPLAINT_STOP_PERCENT: "),
        ({"BREAKER_LEAST_MAILS": "0"}, "BREAKER_LEAST_MAILS: "),
    ],
)
def test_limits_that_make_no_sense(monkeypatch: pytest.MonkeyPatch, limits: dict[str, str], error: str) -> None:
    with pytest.raises(SystemExit, match=error):
        breaker(monkeypatch, **limits)
