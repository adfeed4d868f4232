"""The domains that a deployment may send to."""

import pytest
from pydantic import ValidationError

from functions.shared.settings import WorkerSettings
from functions.worker.destinations.email.allowed_domains import EVERY_DOMAIN, AllowedDomains

NEEDED = {
    "google_cloud_project": "p",
    "default_kind": "activity",
    "mail_from": "reports@example.com",
    "worker_url": "https://worker.example",
    "tasks_invoker": "tasks@p.example",
    "dead_letter_topic": "letters",
    "max_attempts": 3,
}


@pytest.mark.parametrize(
    ("address", "is_allowed"),
    [
        ("ada@example.com", True),
        ("Ada@EXAMPLE.com", True),
        ('"a@b"@example.com', True),
        ("ada@sub.example.com", False),
        ("ada@notexample.com", False),
        ("example.com@customer.example", False),
        ("", False),
    ],
)
def test_an_address_is_allowed_by_its_domain(address: str, is_allowed: bool) -> None:
    assert AllowedDomains(["Example.com", "corp.example"]).allows(address) == is_allowed
    assert EVERY_DOMAIN.allows(address)


def test_the_setting_names_domains() -> None:
    settings = WorkerSettings.model_validate({**NEEDED, "mail_allowed_domains": "example.com, corp.example"})
    assert settings.mail_allowed_domains == ["example.com", "corp.example"]


@pytest.mark.parametrize("text", ["ada@example.com", "*.example.com", "example", ".example.com", "a b.example"])
def test_the_setting_names_nothing_else(text: str) -> None:
    with pytest.raises(ValidationError, match="mail_allowed_domains"):
        WorkerSettings.model_validate({**NEEDED, "mail_allowed_domains": text})
