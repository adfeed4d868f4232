"""deploy.sh as docs/start/deploy.md leads to the first report, with the settings of that page alone.

Mails lead to the recipient's page, and SendGrid says what becomes of them. Everybody can call these two functions."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from deployment.mail_api import MailApi
from deployment.sendgrid_webhook import Webhook, find_webhook
from functions.mail_events.sendgrid.settings import SendGridSettings
from functions.shared.settings import MailEventsSettings, PreferencesSettings
from tests.deployment.conftest import PROJECT, REPOSITORY, Deployment, Outcome, environment_of
from tests.deployment.sendgrid_account import FUNCTION_URL, Account, running_account
from tests.deployment.tls_front import tls_front
from tests.support import Background

PLACE = f"projects/{PROJECT}/locations/us-central1"
PAGE_URL = "https://report-preferences-123456789012.us-central1.run.app"
WEBHOOK_URL = f"{FUNCTION_URL}/sendgrid"


def block_of_the_page(first_line: str) -> list[str]:
    """The lines of the block of docs/start/deploy.md that begins so, without that line where it is a comment."""
    text = (REPOSITORY / "docs/start/deploy.md").read_text(encoding="utf-8")
    (block,) = re.findall(rf"^```\w+\n({re.escape(first_line)}\n.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    return [line for line in block.splitlines() if not line.startswith("#")]


@dataclass(frozen=True)
class FirstRun:
    """The first deployment, and what it left.

    Attributes:
        preview: the dry run before it.
        examples: of each call with example events, whether the function had its key by then.
    """

    deployment: Deployment
    account: Account
    preview: Outcome
    outcome: Outcome
    state: dict[str, Any]
    webhook: Webhook | None
    examples: list[bool]

    @property
    def env_file(self) -> str:
        """The option that names the settings."""
        return env_file_of(self.deployment)

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


def env_file_of(deployment: Deployment) -> str:
    return f"--env-file={deployment.directory / 'deploy.env'}"


def webhook_of(account: Account) -> Webhook | None:
    return find_webhook(MailApi("SendGrid", account.inbox.url, account.key), WEBHOOK_URL)


def keys_of(deployment: Deployment) -> list[str]:
    """The public keys that the function runs with; none where it is not deployed."""
    service = deployment.state["resources"].get(f"{PLACE}/services/report-mail-events")
    return environment_of(service)["SENDGRID_WEBHOOK_KEY"].split(",") if service else []


def open_to_all(service: Any, *, most: int) -> bool:
    """Whether a service takes calls from everywhere, by at most so many instances."""
    annotations = service["metadata"]["annotations"]
    return (annotations["run.googleapis.com/ingress"], annotations["run.googleapis.com/maxScale"]) == ("all", str(most))


@pytest.fixture(scope="module")
def first(background: Background, repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FirstRun]:
    deployment = Deployment(tmp_path_factory.mktemp("by-the-book"), repository=repository)
    settings = [
        f"PROJECT_ID={PROJECT}" if line.startswith("PROJECT_ID=") else line
        for line in block_of_the_page("# deploy.env")
    ]
    (deployment.directory / "deploy.env").write_text("\n".join(settings), encoding="utf-8")
    with (
        running_account(background) as account,
        tls_front(background, account.inbox.port, deployment.directory) as environment,
    ):
        deployment.settings = dict(environment)
        deployment.secrets = {"SENDGRID_API_KEY": account.key}
        account.listener.keys = lambda: keys_of(deployment)
        preview = deployment.deploy(env_file_of(deployment), "--dry-run")
        assert deployment.changes == []
        outcome = deployment.deploy(env_file_of(deployment))
        assert outcome.status == 0, outcome.text
        examples = list(account.listener.signed)
        yield FirstRun(deployment, account, preview, outcome, deployment.state, webhook_of(account), examples)


def test_it_prints_what_the_page_says(first: FirstRun) -> None:
    assert first.preview.status == 0, first.preview.text
    assert first.preview.output.count("to be created: ") > 100
    assert first.preview.output.splitlines()[-1].startswith("Dry run: nothing was changed.")
    assert "the quota of Cloud Run's CPUs is not read" in first.preview.errors
    *steps, smoke = block_of_the_page("Checks")
    assert smoke == "Smoke test"
    printed, _, summary = first.outcome.output.partition("\nDone.")
    assert [line for line in printed.splitlines() if line[:1].strip()] == steps
    assert PAGE_URL in summary
    assert environment_of(first.service("dispatcher"))["DEFAULT_CADENCE"] == "daily"


def test_the_mails_lead_to_the_recipients_page(first: FirstRun) -> None:
    assert f"Page        {PAGE_URL}" in first.outcome.output
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
    assert f"Mail events {WEBHOOK_URL}" in first.outcome.output
    assert first.account.key not in first.outcome.text
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
    assert variables["SENDGRID_WEBHOOK_KEY"] == webhook.public_key
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
    deployment.secrets.clear()
    again = deployment.deploy(first.env_file)
    assert again.status == 0, again.text
    # Above all, the key of the page stays: old mails have links by it.
    assert deployment.changes == []
    assert "Created: 0, changed: 0, removed: 0" in again.output
    assert webhook_of(account) == first.webhook
    assert account.listener.signed == first.examples
    assert deployment.deploy(first.env_file, "--teardown", answer=f"{PROJECT}\n").status == 0
    assert webhook_of(account) is None
    left = str([*deployment.state["resources"], deployment.state["policies"]["project"]])
    assert "preferences" not in left
    assert "mail-events" not in left
