"""Brands with a sender, a domain for links and an account at the provider of their own."""

import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta

import pytest

from functions.worker.provider_outage import FAILURES
from local_pipeline.function_process import FunctionProcess
from local_pipeline.inbox import elsewhere
from local_pipeline.inbox.email_logs import LogsDelay
from local_pipeline.inbox.faults import Answer, Call, CutConnection
from local_pipeline.local_destination import LocalDestination, deliver_of
from tests.functions.worker.integration.conftest import DUE, HOUR, Cloud

ACCOUNT, KEY = "acme", "SG.acme"
BRANDS = {
    "acme": {
        "name": "Acme",
        "from": "reports@mail.acme.example",
        "link_domain": "reports.acme.example",
        "font": "Source Sans 3, Georgia, serif",
        "account": ACCOUNT,
    },
    "labs": {"color": "#b91c1c", "from": "labs@labs.example.com", "from_name": "Labs", "reply_to": "help@example.com"},
    "forged": {"from": "reports@other.example"},
}

SETTINGS = {
    "BRANDS": json.dumps(BRANDS),
    "MAIL_ACCOUNTS": json.dumps({ACCOUNT: KEY}),
    "MAIL_REPLY_TO": "us@example.com",
    "PREFERENCES_URL": "https://pages.example.com/mails",
    "PREFERENCES_KEY": "a-key-of-more-than-thirty-two-letters",
    "SENDGRID_LOGS": "true",
    "PROVIDER_PAUSE": "300",
}
WEBHOOK = deliver_of(LocalDestination.WEBHOOK, "https://example.com")


@pytest.fixture(scope="module")
def worker(_surroundings: Cloud) -> FunctionProcess:
    return _surroundings.worker(**SETTINGS)


def test_a_brand_sends_as_itself_through_its_own_account(cloud: Cloud, worker: FunctionProcess) -> None:
    user = cloud.user(brand="acme")
    assert cloud.deliver(user, worker=worker).json()["result"] == "sent"
    [mail] = cloud.mails_to(user)
    assert (str(mail.envelope.sender), mail.envelope.account) == ("Acme <reports@mail.acme.example>", KEY)
    # What is said to the deployment's sender is not said to this one.
    assert mail.reply_to == ()
    assert mail.headers["List-Id"] == "<activity.mail.acme.example>"
    assert mail.headers["List-Unsubscribe"].startswith("<https://reports.acme.example/mails/")
    assert mail.html is not None
    assert ">Acme<" in mail.html
    assert "font-family:'Source Sans 3', 'Georgia', serif, -apple-system" in mail.html
    assert mail.html.count("https://reports.acme.example/mails/") > 0
    assert "pages.example.com" not in mail.html
    assert cloud.delivery_of(user)["provider"] == "sendgrid/acme"


@pytest.fixture(scope="module")
def restored(_surroundings: Cloud) -> FunctionProcess:
    """A worker that knows of a restore of Firestore."""
    secrets = json.dumps(elsewhere.secrets_at(_surroundings.inbox.url))
    at = (DUE + HOUR / 2).isoformat()
    return _surroundings.worker(**SETTINGS, DESTINATION_SECRETS=secrets, RESTORED_AT=at)


def test_after_a_restore_the_brands_own_account_is_asked(
    cloud: Cloud, worker: FunctionProcess, restored: FunctionProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cloud.inbox, "logs_delay", LogsDelay(timedelta(0)))
    user = cloud.user(brand="acme")
    assert cloud.deliver(user, worker=worker).json()["result"] == "sent"
    # As in the copy, which knows nothing of the report.
    cloud.delivery(user).delete()
    cloud.subscription(user).update({"next_report_at": DUE, "reported_until": DUE - HOUR})
    assert cloud.deliver(user, worker=restored).json()["result"] == "sent"
    assert len(cloud.mails_to(user)) == 1


@pytest.mark.parametrize(
    ("brand", "deliver", "said"),
    [
        ("acme", None, "the email provider (sendgrid/acme) may have the report, or not: it has no record of it"),
        ("labs", None, "the email provider (sendgrid) may have the report, or not: it has no record of it"),
        ("acme", WEBHOOK, "the destination webhook may have the report, or not, and cannot be asked"),
        ("umbrella", None, "an account that is not known may have the report, or not, and cannot be asked: neither"),
    ],
)
def test_the_letter_says_whom_the_worker_asked(
    cloud: Cloud, restored: FunctionProcess, brand: str, deliver: Mapping[str, str] | None, said: str
) -> None:
    user = cloud.user(brand=brand, subscription={"deliver": deliver} if deliver else None)
    assert cloud.deliver(user, worker=restored).json()["reason"] == "unknown-outcome"
    [(letter, _)] = cloud.letters()
    assert said in letter["error"]


def test_a_brand_without_an_account_leaves_by_the_deployments(cloud: Cloud, worker: FunctionProcess) -> None:
    user = cloud.user(brand="labs")
    assert cloud.deliver(user, worker=worker).json()["result"] == "sent"
    [mail] = cloud.mails_to(user)
    assert (str(mail.envelope.sender), mail.envelope.account) == ("Labs <labs@labs.example.com>", "")
    assert [each.email for each in mail.reply_to] == ["help@example.com"]
    assert mail.headers["List-Unsubscribe"].startswith("<https://pages.example.com/mails/")
    assert cloud.delivery_of(user)["provider"] == "sendgrid"


def test_a_brand_that_there_is_not_is_a_dead_letter_and_no_email_of_another(
    cloud: Cloud, worker: FunctionProcess
) -> None:
    user = cloud.user(brand="umbrella")
    assert cloud.deliver(user, worker=worker).json()["reason"] == "permanent-error"
    [(letter, _attributes)] = cloud.letters()
    assert letter["error"] == "the user's document: brand: umbrella is not in brands.yaml"
    assert cloud.mails_to(user) == []


def test_a_sender_that_the_account_has_not_verified_is_refused(cloud: Cloud, worker: FunctionProcess) -> None:
    user = cloud.user(brand="forged")
    answer = cloud.deliver(user, worker=worker)
    assert answer.status_code == 503
    assert "does not match a verified Sender Identity" in cloud.delivery_of(user)["last_error"]


def test_an_unknown_outcome_is_asked_of_the_account_that_took_the_email(cloud: Cloud, worker: FunctionProcess) -> None:
    async def lost(call: Call, carry_on: Callable[[], Awaitable[Answer]]) -> Answer:
        answer = await carry_on()
        if call.service == "sendgrid":
            raise CutConnection
        return answer

    user, delay = cloud.user(brand="acme"), cloud.inbox.logs_delay
    cloud.inbox.fault, cloud.inbox.logs_delay = lost, LogsDelay(timedelta(0))
    assert cloud.deliver(user, worker=worker).json()["cause"] == "unknown-outcome"
    cloud.delivery(user).update({"lease_expires_at": datetime.now(UTC) - timedelta(minutes=1)})
    # The user has another brand by now; the logs of its account do not have the email.
    cloud.users.document(user).update({"brand": "labs"})
    assert cloud.deliver(user, worker=worker, retry_count=1).json()["result"] == "sent"
    cloud.inbox.logs_delay = delay
    assert len(cloud.mails_to(user)) == 1


@pytest.mark.parametrize("provider", ["sendgrid/gone", "resend"])
def test_nobody_else_is_asked_about_an_account_that_is_gone(
    cloud: Cloud, worker: FunctionProcess, provider: str
) -> None:
    user, ago = cloud.user(), datetime.now(UTC) - timedelta(minutes=1)
    cloud.put_delivery(user, state="sending", owner="x", attempts=1, provider=provider, lease_expires_at=ago)
    # Not "no record": the deployment's own account has no record of another's emails.
    assert cloud.deliver(user, worker=worker).json()["reason"] == "unknown-outcome"
    assert "brands.yaml" in cloud.delivery_of(user)["last_error"]
    [_letter] = cloud.letters()


def test_a_key_that_is_refused_stops_its_own_brands_alone(cloud: Cloud, worker: FunctionProcess) -> None:
    async def refusing(call: Call, carry_on: Callable[[], Awaitable[Answer]]) -> Answer:
        return Answer(status=401) if b"mail.acme.example" in call.body else await carry_on()

    cloud.inbox.fault = refusing
    answer = cloud.deliver(cloud.user(brand="acme"), worker=worker)
    assert (answer.status_code, answer.json()["cause"]) == (500, "provider-refuses-key")
    assert cloud.deliver(cloud.user(), worker=worker).json()["result"] == "sent"
    assert not cloud.letters()
    # However lately another account was told of.
    assert [each["about"] for each in cloud.system_alerts] == [ACCOUNT]


def test_an_outage_of_an_account_stops_its_own_brands_alone(cloud: Cloud, worker: FunctionProcess) -> None:
    async def failing(call: Call, carry_on: Callable[[], Awaitable[Answer]]) -> Answer:
        return Answer(status=502) if b"mail.acme.example" in call.body else await carry_on()

    cloud.inbox.fault = failing
    answers = [cloud.deliver(cloud.user(brand="acme"), worker=worker) for _ in range(FAILURES + 1)]
    # Not 503 or 429, by which the whole queue would slow down.
    assert (answers[-1].status_code, answers[-1].json()["cause"]) == (500, "provider-failing")
    for others in (cloud.user(), cloud.user(brand="labs")):
        assert cloud.deliver(others, worker=worker).json()["result"] == "sent"
