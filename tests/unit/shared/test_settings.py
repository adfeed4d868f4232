"""Settings whose values are a matter of security."""

import pytest

from functions.shared.settings import WorkerSettings, load_settings

VARIABLES = {
    "GOOGLE_CLOUD_PROJECT": "p",
    "WORKER_URL": "https://worker.example.com",
    "TASKS_INVOKER": "tasks@p.iam.gserviceaccount.com",
    "DEAD_LETTER_TOPIC": "t",
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
        load_settings(WorkerSettings)


@pytest.mark.parametrize(
    "host",
    [
        *("https://api.eu.sendgrid.com", "http://localhost:8470", "http://127.0.0.1:8470", "http://127.0.0.2"),
        *("http://[::1]:8470", "http://sendgrid.localhost:8470"),
    ],
)
def test_https_and_this_machine(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("SENDGRID_HOST", f"{host}/")
    assert load_settings(WorkerSettings).sendgrid_host == host
