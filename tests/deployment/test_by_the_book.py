"""docs/start/deploy.md as it is written, from no project to a deployed pipeline, with the settings of that page alone.

Emails lead to the recipient's page, and SendGrid says what becomes of them. Everybody can call these two functions."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from deployment.mail_api import MailApi
from deployment.sendgrid_webhook import find_webhook
from deployment.webhook_setup import Webhook
from functions.mail_events.sendgrid.parts import SendGridSettings
from functions.shared.settings import MailEventsSettings, PreferencesSettings
from tests.deployment.conftest import BARE, REPOSITORY, Deployment, environment_of
from tests.deployment.sendgrid_account import FUNCTION_URL, Account, running_account
from tests.deployment.tls_front import tls_front
from tests.documents.fresh_clone import fresh_clone
from tests.documents.tutorial import Reader
from tests.support import Background

PAGE = REPOSITORY / "docs" / "start" / "deploy.md"
PROJECT = "my-reports-4711"
"""The one of the page."""
PLACE = f"projects/{PROJECT}/locations/us-central1"
PAGE_URL = "https://report-preferences-123456789012.us-central1.run.app"
WEBHOOK_URL = f"{FUNCTION_URL}/sendgrid"


pytestmark = pytest.mark.thorough


@dataclass(frozen=True)
class FirstRun:
    """The first deployment, and what it left.

    Attributes:
        preview: what the dry run before it printed.
        outcome: what it printed itself.
        examples: of each call with example events, whether the function had its key by then.
    """

    deployment: Deployment
    account: Account
    preview: str
    outcome: str
    state: dict[str, Any]
    webhook: Webhook | None
    examples: list[bool]

    def service(self, function: str) -> Any:
        """The function's service."""
        return self.state["resources"][f"{PLACE}/services/report-{function}"]

    def grants(self, function: str) -> dict[str, set[str]]:
        """The roles of the function's account, by resource."""
        member = f"serviceAccount:report-{function}@{PROJECT}.iam.gserviceaccount.com"
        roles = {name: {each[0] for each in policy if each[1] == member} for name, policy in self._policies}
        return {name: each for name, each in roles.items() if each}

    def callers(self, function: str) -> list[str]:
        """Who may call the function."""
        return [each[1] for each in dict(self._policies)[f"{PLACE}/services/report-{function}"]]

    @property
    def _policies(self) -> Any:
        return self.state["policies"].items()


def webhook_of(account: Account) -> Webhook | None:
    return find_webhook(MailApi("SendGrid", account.inbox.url, account.key), WEBHOOK_URL)


def keys_of(deployment: Deployment) -> list[str]:
    """The public keys that the function runs with; none where it is not deployed."""
    service = deployment.state["resources"].get(f"{PLACE}/services/report-mail-events")
    return environment_of(service)["SENDGRID_WEBHOOK_KEY"].split(",") if service else []


def open_to_all(service: Any, *, most: int) -> bool:
    """Whether a service takes calls from everywhere, by at most so many instances."""
    return (service["ingress"], service["scaling"]["maxInstanceCount"]) == ("INGRESS_TRAFFIC_ALL", most)


GCLOUD = """\
#!/bin/bash
echo "$*" >>"$(dirname "$0")/gcloud.log"
case "$*" in
  "auth print-access-token --quiet") echo ya29.stand-in ;;
  "billing accounts list")
    echo "ACCOUNT_ID            NAME                OPEN"
    echo "012345-6789AB-CDEF01  My Billing Account  True"
    ;;
esac
"""
"""What the page's reader has beside the deployment; it makes the project, which the stand-in has already."""


@pytest.fixture(scope="module")
def first(background: Background, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FirstRun]:
    folder = tmp_path_factory.mktemp("by-the-book")
    # Nothing is to be waited for.
    nothing_yet = {**BARE, "project": PROJECT, "warm_up": 0, "invisible": 0}
    deployment = Deployment(folder / "project", repository=fresh_clone(folder / "clone"), state=nothing_yet)
    deployment.secrets.clear()
    with running_account(background) as account, tls_front(background, account.inbox.port, folder) as environment:
        deployment.settings = dict(environment)
        account.listener.keys = lambda: keys_of(deployment)
        answers = {"SendGrid's API key": account.key, "Slack's incoming webhook": ""}
        environment = {**deployment.script_environment}
        del environment["CLOUDSDK_AUTH_ACCESS_TOKEN_FILE"]
        gcloud = deployment.directory / "bin" / "gcloud"
        gcloud.write_text(GCLOUD, encoding="utf-8")
        gcloud.chmod(0o755)
        reader = Reader(deployment.repository, environment, answers=answers)
        reader.follow(PAGE)
        examples = list(account.listener.signed)
        preview, outcome = reader.seen["./deploy.sh --dry-run\n"], reader.seen["./deploy.sh --smoke\n"]
        yield FirstRun(deployment, account, preview, outcome, deployment.state, webhook_of(account), examples)


def test_it_prints_what_the_page_says(first: FirstRun) -> None:
    assert first.preview.count("to be created: ") > 90
    assert "the quota of Cloud Run's CPUs is not read" in first.preview
    assert PAGE_URL in first.outcome
    log = (first.deployment.directory / "bin" / "gcloud.log").read_text(encoding="utf-8").splitlines()
    assert [line for line in log if not line.startswith(("auth print", "config get"))] == [
        "auth login",
        f"projects create {PROJECT}",
        f"config set project {PROJECT}",
        "billing accounts list",
        f"billing projects link {PROJECT} --billing-account=012345-6789AB-CDEF01",
    ]
    assert environment_of(first.service("dispatcher"))["DEFAULT_CADENCE"] == "daily"
    # The smoke test leaves nothing.
    assert first.state["documents"] == {}


def test_the_mails_lead_to_the_recipients_page(first: FirstRun) -> None:
    assert f"Page        {PAGE_URL}" in first.outcome
    page, worker = environment_of(first.service("preferences")), environment_of(first.service("worker"))
    assert open_to_all(first.service("preferences"), most=3)
    for variables in (page, worker):
        assert variables["PREFERENCES_URL"] == PAGE_URL
        assert variables["PREFERENCES_KEY"] == "report-preferences-key:1"
    PreferencesSettings.model_validate(
        {name.lower(): value for name, value in page.items()} | {"preferences_key": "k" * 32}
    )
    assert first.callers("preferences") == ["allUsers"]
    secret = f"projects/{PROJECT}/secrets/report-preferences-key"
    assert first.grants("preferences") == {
        "project": {"roles/datastore.user"},
        secret: {"roles/secretmanager.secretAccessor"},
    }
    assert secret in first.grants("worker")


def test_sendgrid_says_what_becomes_of_the_mails(first: FirstRun) -> None:
    assert f"Mail events {WEBHOOK_URL}" in first.outcome
    assert first.account.key not in first.outcome
    webhook = first.webhook
    assert webhook is not None
    assert webhook.enabled
    assert webhook.name == f"report-mail-events of {PROJECT}"
    assert webhook.events == {
        *("bounce", "dropped", "spam_report", "unsubscribe", "group_unsubscribe", "group_resubscribe"),
        *("deferred", "delivered"),
    }
    assert first.examples == [True]
    assert open_to_all(first.service("mail-events"), most=3)
    variables = environment_of(first.service("mail-events"))
    assert variables["SENDGRID_WEBHOOK_KEY"] == webhook.key
    assert variables["DEAD_LETTER_TOPIC"] == "report-dead-letters"
    known = {*MailEventsSettings.model_fields, *SendGridSettings.model_fields}
    assert set(variables) - {"THREADS"} <= {field.upper() for field in known}
    for settings_class in (MailEventsSettings, SendGridSettings):
        settings_class.model_validate({name.lower(): value for name, value in variables.items()})
    assert first.callers("mail-events") == ["allUsers"]
    assert first.grants("mail-events") == {
        "project": {"roles/datastore.user"},
        f"projects/{PROJECT}/topics/report-dead-letters": {"roles/pubsub.publisher"},
    }


def test_a_second_run_changes_nothing_and_a_teardown_leaves_nothing(first: FirstRun) -> None:
    deployment, account = first.deployment, first.account
    again = deployment.deploy()
    assert again.status == 0, again.text
    # Above all, the key of the page stays: old emails have links by it.
    assert deployment.changes == []
    assert "Created: 0, changed: 0, removed: 0" in again.output
    assert webhook_of(account) == first.webhook
    assert account.listener.signed == first.examples
    assert deployment.deploy("--teardown", answer=f"{PROJECT}\n").status == 0
    assert webhook_of(account) is None
    left = str([*deployment.state["resources"], deployment.state["policies"]["project"]])
    assert "preferences" not in left
    assert "mail-events" not in left
