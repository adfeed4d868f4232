"""The values of secrets are in Secret Manager, and nowhere else: no line, plan, command or resource has one."""

import base64
import json
import sys
import urllib.parse
from collections.abc import Iterator
from typing import Any

import pytest

from tests.deployment.conftest import PROJECT, Deployment


@pytest.fixture
def commands() -> Iterator[list[str]]:
    """The command lines of all processes that the test starts."""
    found: list[str] = []
    is_over = False

    def keep(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "subprocess.Popen" and not is_over:
            found.append(f"{arguments[0]} {arguments[1]}")

    sys.addaudithook(keep)  # for good: Python takes none away
    yield found
    is_over = True


def values(state: dict[str, Any]) -> list[str]:
    """Those that Secret Manager has, also such as the deployment has made up."""
    versions = [each for name, each in state["resources"].items() if "/versions/" in name]
    return [base64.b64decode(each["payload"]["data"]).decode() for each in versions]


def texts(node: Any) -> Iterator[str]:
    """All texts in a project's resources and policies, but for what Secret Manager keeps."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield str(key)
            yield from texts(value) if "/versions/" not in str(key) else ()
    elif isinstance(node, list):
        for each in node:
            yield from texts(each)
    elif isinstance(node, str):
        yield node


def test_no_value_is_said_planned_passed_on_a_command_line_or_kept_elsewhere(
    bare: Deployment, commands: list[str]
) -> None:
    bare.settings |= {
        "CONSOLE_OPERATORS": "ada@example.com",
        "MAIL_UNSUBSCRIBE_URL": "https://a.example/{user_id}/{token}",
    }
    del bare.settings["MAIL_WITHOUT_UNSUBSCRIBE"]
    bare.secrets |= {"MAIL_UNSUBSCRIBE_KEY": "unsubscribe/key+16", "ALERT_URLS": "tgram://bot:hidden/1"}
    plan, said = bare.directory / "plan.json", []
    for options, fault in (
        (["--dry-run", "--console"], ""),
        (["--console"], "secretmanager.projects.secrets.addVersion"),
        (["--console"], ""),
        (["--check", "--console"], ""),
    ):
        if fault:
            bare.fail(fault, "PERMISSION_DENIED: no.", times=100)
        outcome = bare.deploy("--verbose", f"--plan-json={plan}", *options)
        bare.edit(lambda state: state["faults"].clear())
        assert outcome.status == (1 if fault else 0), outcome.text
        said += [outcome.text, plan.read_text(encoding="utf-8")]
    bare.secrets["ALERT_URLS"] = "tgram://bot:another/1"
    outcome = bare.deploy("--verbose", f"--plan-json={plan}")
    assert outcome.status == 0, outcome.text
    said += [outcome.text, plan.read_text(encoding="utf-8"), *commands]

    state = bare.state
    assert len(values(state)) >= 6
    assert set(bare.secrets.values()) < set(values(state))
    assert any("git" in command for command in commands)
    state["objects"] = {}  # the sources
    for value in values(state):
        for form in (
            value,
            json.dumps(value)[1:-1],
            urllib.parse.quote(value),
            base64.b64encode(value.encode()).decode(),
        ):
            assert not [text for text in [*said, *texts(state)] if form in text]


def test_a_key_that_was_disabled_is_replaced_and_never_by_an_older_one(deployed: Deployment) -> None:
    deployed.secrets["SENDGRID_API_KEY"] = "SG.leaked"
    assert deployed.deploy().status == 0
    newest = f"projects/{PROJECT}/secrets/report-sendgrid-api-key/versions/2"
    deployed.edit(lambda state: state["resources"][newest].update(state="DISABLED"))

    del deployed.secrets["SENDGRID_API_KEY"]
    for options in ((), ("--only=worker",), ("--check",)):
        outcome = deployed.deploy(*options)
        assert outcome.status == 1
        assert "version 2 of the secret report-sendgrid-api-key, the newest, is disabled" in outcome.errors
        assert "Set SENDGRID_API_KEY to a new value" in outcome.errors
        assert deployed.environment_of("worker")["SENDGRID_API_KEY"] == "report-sendgrid-api-key:2"

    deployed.secrets["SENDGRID_API_KEY"] = "SG.new"
    outcome = deployed.deploy()
    assert outcome.status == 0, outcome.text
    assert deployed.environment_of("worker")["SENDGRID_API_KEY"] == "report-sendgrid-api-key:3"
