"""deploy.sh deploys the function that takes mail events, and sets SendGrid's webhook up for it."""

import json
import shutil
from collections.abc import Iterator
from http import HTTPStatus

import pytest

from deployment.mail_api import MailApi
from deployment.sendgrid_webhook import find_webhook
from deployment.webhook_setup import Webhook
from local_pipeline.inbox.event_webhook import WebhookKey
from local_pipeline.inbox.faults import Answer
from local_pipeline.inbox.sender_identity import SenderIdentity
from local_pipeline.inbox.server import MAIL_SEND_SCOPE
from tests.deployment.conftest import PROJECT, Deployment
from tests.deployment.sendgrid_account import FUNCTION_URL, Account, running_account
from tests.deployment.tls_front import tls_front
from tests.git import commit_all, git
from tests.support import Background

URL = f"{FUNCTION_URL}/sendgrid"
SERVICE = "/services/report-mail-events"
ONLY = "--only=mail-events"


@pytest.fixture
def account(background: Background) -> Iterator[Account]:
    with running_account(background) as account:
        yield account


@pytest.fixture
def ready(background: Background, account: Account, deployed: Deployment) -> Iterator[Deployment]:
    """A project that was deployed without mail events, and has the account for them."""
    name = f"projects/{PROJECT}/serviceAccounts/report-mail-events@{PROJECT}.iam.gserviceaccount.com"
    deployed.edit(lambda state: state["resources"].update({name: {"name": name, "email": name.rsplit("/", 1)[1]}}))
    del deployed.settings["MAIL_EVENTS"]
    deployed.secrets["SENDGRID_API_KEY"] = account.key
    with tls_front(background, account.inbox.port, deployed.directory) as environment:
        deployed.settings |= environment
        yield deployed


def webhook_of(account: Account) -> Webhook | None:
    return find_webhook(MailApi("SendGrid", account.inbox.url, account.key), URL)


def keys_of(deployment: Deployment) -> list[str]:
    """The public keys that the function runs with."""
    return deployment.environment_of("mail-events")["SENDGRID_WEBHOOK_KEY"].split(",")


def is_deployed(deployment: Deployment) -> bool:
    return any(name.endswith(SERVICE) for name in deployment.state["resources"])


def test_a_dry_run_changes_nothing_at_sendgrid(ready: Deployment, account: Account) -> None:
    outcome = ready.deploy(ONLY, "--dry-run")
    assert outcome.status == 0, outcome.text
    assert f"to be created: event webhook to {URL}" in outcome.output
    assert "to be created: function report-mail-events" in outcome.output
    assert ready.changes == []
    assert webhook_of(account) is None


def test_the_events_can_be_chosen_and_switched_off(ready: Deployment, account: Account) -> None:
    ready.settings["MAIL_EVENTS"] = "bounce, spam_report"
    outcome = ready.deploy(ONLY)
    assert outcome.status == 0, outcome.text
    webhook = webhook_of(account)
    assert webhook is not None
    assert webhook.events == {"bounce", "spam_report"}
    ready.settings["MAIL_EVENTS"] = "off"
    outcome = ready.deploy(ONLY)
    assert outcome.status == 0, outcome.text
    assert not is_deployed(ready)
    assert webhook_of(account) is None


def test_a_key_is_replaced_without_losing_a_call(ready: Deployment, account: Account) -> None:
    old = WebhookKey().public
    ready.settings["SENDGRID_WEBHOOK_KEY"] = old
    assert ready.deploy(ONLY).status == 0
    webhook = webhook_of(account)
    assert webhook is not None
    assert keys_of(ready) == [webhook.key, old]
    ready.settings["SENDGRID_WEBHOOK_KEY"] = webhook.key
    assert ready.deploy(ONLY).status == 0
    assert keys_of(ready) == [webhook.key]


def test_each_account_of_a_brand_gets_a_webhook_of_its_own(ready: Deployment, account: Account) -> None:
    team = ready.directory / "team"
    shutil.copytree(ready.repository / "kinds", team / "kinds")
    (team / "brands.yaml").write_text("acme: {from: reports@acme.example, account: acme}", encoding="utf-8")
    git(team, "init", "--quiet")
    commit_all(team)
    ready.team = team
    outcome = ready.deploy(ONLY)
    assert (outcome.status, ready.changes) == (1, [])
    assert "MAIL_ACCOUNTS has no key of the account acme, which a brand in brands.yaml has." in outcome.errors
    account.inbox.accounts["SG.acme"] = SenderIdentity("acme.example")
    ready.secrets["MAIL_ACCOUNTS"] = json.dumps({"acme": "SG.acme"})
    outcome = ready.deploy("--only=functions")
    assert outcome.status == 0, outcome.text
    other = find_webhook(MailApi("SendGrid", account.inbox.url, "SG.acme"), URL)
    own = webhook_of(account)
    assert own is not None
    assert other is not None
    assert other.enabled
    assert keys_of(ready) == [own.key, other.key]
    worker = ready.environment_of("worker")
    assert json.loads(worker["BRANDS"]) == {"acme": {"from": "reports@acme.example", "account": "acme"}}


class TestByHand:
    def test_a_key_that_may_not_leads_to_three_steps(self, ready: Deployment, account: Account) -> None:
        account.inbox.sendgrid_scopes = {MAIL_SEND_SCOPE}
        outcome = ready.deploy("--only=functions")
        assert outcome.status == 0, outcome.text
        assert not is_deployed(ready)
        for word in ("403", "user.webhooks.event.settings.update", "1. ", "2. ", "3. SENDGRID_WEBHOOK_KEY=", URL):
            assert word in outcome.errors
        key = WebhookKey().public
        ready.settings["SENDGRID_WEBHOOK_KEY"] = key
        outcome = ready.deploy(ONLY)
        assert outcome.status == 0, outcome.text
        assert keys_of(ready) == [key]
        assert "Warning" not in outcome.errors
        assert webhook_of_admin(account) is None

    def test_a_plan_without_room_says_so(self, ready: Deployment, account: Account) -> None:
        account.inbox.webhook_settings.most = 0
        outcome = ready.deploy(ONLY)
        assert outcome.status == 0, outcome.text
        assert "maximum number of webhooks" in outcome.errors
        assert "  created: " not in outcome.output
        assert not is_deployed(ready)

    def test_sendgrid_that_does_not_answer_costs_no_key(self, ready: Deployment, account: Account) -> None:
        assert ready.deploy(ONLY).status == 0
        keys = keys_of(ready)
        account.inbox.answer_next("sendgrid", Answer(status=HTTPStatus.SERVICE_UNAVAILABLE))
        ready.settings["LOG_LEVEL"] = "DEBUG"
        outcome = ready.deploy(ONLY)
        assert outcome.status == 0, outcome.text
        assert "./deploy.sh --only=mail-events" in outcome.errors
        assert keys_of(ready) == keys
        assert "run.projects.locations.services.patch report-mail-events" in ready.changes


def webhook_of_admin(account: Account) -> Webhook | None:
    """As a key sees it that may look."""
    account.inbox.sendgrid_scopes |= {"user.webhooks.event.settings.read"}
    return webhook_of(account)


@pytest.mark.parametrize(
    ("settings", "wrong"),
    [
        (
            {"MAIL_EVENTS": "bounce,open", "SENDGRID_WEBHOOK_KEY": "<key>", "MAIL_EVENTS_MEMORY": "much"},
            [
                "MAIL_EVENTS: open is not one of bounce, dropped, spam_report",
                "SENDGRID_WEBHOOK_KEY: the public key",
                "MAIL_EVENTS_MEMORY: as in 512Mi",
            ],
        ),
        ({"MAIL_EVENTS": "off, bounce"}, ["MAIL_EVENTS: off is not one of"]),
    ],
)
def test_wrong_settings_are_named(bare: Deployment, settings: dict[str, str], wrong: list[str]) -> None:
    bare.settings |= settings
    outcome = bare.deploy()
    assert (outcome.status, bare.changes) == (1, [])
    assert [words for words in wrong if words not in outcome.errors] == []
