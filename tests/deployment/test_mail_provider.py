"""deploy.sh with another email provider than SendGrid, and from one to another."""

import base64
from collections.abc import Iterator
from typing import Any

import pytest

from local_pipeline.inbox.server import RESEND_API_KEY
from tests.deployment.conftest import PROJECT, Deployment
from tests.deployment.sendgrid_account import FUNCTION_URL, Account, running_account
from tests.deployment.tls_front import tls_front
from tests.support import Background

URL = f"{FUNCTION_URL}/resend"
SMTP_URL = "smtps://reports:p%40ss@mail.corp.dev:465"


@pytest.fixture
def account(background: Background, deployed: Deployment) -> Iterator[Account]:
    """An account at SendGrid and one at Resend; the project was deployed with SendGrid, without mail events."""
    with running_account(background) as account:
        account.inbox.resend.account.domains = []
        name = f"projects/{PROJECT}/serviceAccounts/report-mail-events@{PROJECT}.iam.gserviceaccount.com"
        deployed.edit(lambda state: state["resources"].update({name: {"name": name, "email": name.rsplit("/", 1)[1]}}))
        del deployed.settings["MAIL_EVENTS"]
        deployed.secrets |= {"SENDGRID_API_KEY": account.key, "RESEND_API_KEY": RESEND_API_KEY, "SMTP_URL": SMTP_URL}
        with tls_front(background, account.inbox.port, deployed.directory) as environment:
            deployed.settings |= environment
            yield account


def webhooks(account: Account) -> list[dict[str, Any]]:
    """Resend's."""
    return list(account.inbox.resend.account.webhooks.values())


def provider_variables(deployment: Deployment, function: str) -> dict[str, str]:
    """What a function has of its provider: variables, and secrets by their names."""
    named = ("MAIL_PROVIDER", "SENDGRID", "RESEND", "SMTP")
    variables = deployment.environment_of(function)
    return {name: value.removesuffix(":1") for name, value in variables.items() if name.startswith(named)}


def readers(deployment: Deployment, secret: str) -> set[str]:
    """The functions that may read a secret."""
    policy = deployment.state["policies"].get(f"projects/{PROJECT}/secrets/report-{secret}", [])
    return {each[1].partition("report-")[2].partition("@")[0] for each in policy}


def test_from_sendgrid_to_resend_and_on_to_a_mail_server(deployed: Deployment, account: Account) -> None:
    deployed.settings["MAIL_PROVIDER"] = "resend"
    outcome = deployed.deploy()
    assert outcome.status == 0, outcome.text
    [webhook] = webhooks(account)
    assert webhook["endpoint"] == URL
    assert set(webhook["events"]) == {
        *("email.bounced", "email.failed", "email.suppressed", "email.complained"),
        *("email.delivery_delayed", "email.delivered"),
    }
    worker = {"RESEND_HOST": deployed.settings["RESEND_HOST"], "RESEND_API_KEY": "report-resend-api-key"}
    assert provider_variables(deployed, "worker") == {"MAIL_PROVIDER": "resend", **worker}
    assert provider_variables(deployed, "dispatcher") == {"MAIL_PROVIDER": "resend"}
    secret = {"RESEND_WEBHOOK_SECRET": "report-resend-webhook-secret"}
    assert provider_variables(deployed, "mail-events") == {"MAIL_PROVIDER": "resend", **secret}
    stored = deployed.resource("/secrets/report-resend-webhook-secret/versions/1")["payload"]["data"]
    assert base64.b64decode(stored).decode() == webhook["signing_secret"]
    assert readers(deployed, "resend-api-key") == {"worker"}
    assert readers(deployed, "resend-webhook-secret") == {"mail-events"}
    # Nothing of SendGrid's is left, but the secret itself.
    assert readers(deployed, "sendgrid-api-key") == set()
    assert "the email provider changes from SendGrid to Resend" in outcome.errors
    assert "gcloud secrets delete report-sendgrid-api-key" in outcome.output
    for hidden in (RESEND_API_KEY, webhook["signing_secret"], account.key):
        assert hidden not in outcome.text
        assert hidden not in str(deployed.calls)

    deployed.secrets.clear()
    again = deployed.deploy()
    assert again.status == 0, again.text
    assert deployed.changes == []

    deployed.settings["MAIL_PROVIDER"] = "smtp"
    deployed.secrets["SMTP_URL"] = SMTP_URL
    outcome = deployed.deploy()
    assert outcome.status == 0, outcome.text
    assert provider_variables(deployed, "worker") == {"MAIL_PROVIDER": "smtp", "SMTP_URL": "report-smtp-url"}
    assert not any(name.endswith("/services/report-mail-events") for name in deployed.state["resources"])
    assert webhooks(account) == []
    assert readers(deployed, "resend-api-key") == readers(deployed, "resend-webhook-secret") == set()
    assert "a mail server reports nothing about emails" in outcome.output
    assert SMTP_URL not in outcome.text + str(deployed.calls)


def test_a_key_that_may_only_send_leads_to_three_steps(deployed: Deployment, account: Account) -> None:
    account.inbox.resend.has_full_access = False
    deployed.settings["MAIL_PROVIDER"] = "resend"
    outcome = deployed.deploy("--only=functions", "--dry-run")
    assert outcome.status == 0, outcome.text
    for word in ("401", "restricted to only send", "1. ", "2. ", "3. RESEND_WEBHOOK_SECRET=", URL):
        assert word in outcome.errors
    assert webhooks(account) == []


@pytest.mark.parametrize(
    ("settings", "wrong"),
    [
        ({"MAIL_PROVIDER": "postmark"}, ["MAIL_PROVIDER: sendgrid, resend or smtp"]),
        (
            {
                "MAIL_PROVIDER": "resend",
                "RESEND_HOST": "http://api.resend.com",
                "RESEND_WEBHOOK_SECRET": "secret",
                "MAIL_UNSUBSCRIBE_GROUP": "7",
                "SMTP_URL": "smtp://mail.corp.dev:25",
            },
            [
                "RESEND_API_KEY is not set",
                "RESEND_HOST: must begin with https://",
                "RESEND_WEBHOOK_SECRET: the signing secret",
                "SendGrid alone has groups",
                "lets nothing out to port 25",
            ],
        ),
        (
            {"MAIL_PROVIDER": "smtp", "SMTP_URL": "smtps://me:p@ss@mail.corp.dev", "MAIL_FROM": "zoë@corp.dev"},
            ["SMTP_URL: smtps://user:password@", "MAIL_FROM: must be ASCII before its @"],
        ),
    ],
)
def test_wrong_settings_are_named(bare: Deployment, settings: dict[str, str], wrong: list[str]) -> None:
    bare.settings |= settings
    outcome = bare.deploy()
    assert (outcome.status, bare.changes) == (1, [])
    assert [words for words in wrong if words not in outcome.errors] == []
    assert "p@ss" not in outcome.text
