"""What documents and alerts have people do: each call of deploy.sh is made, and Cloud Logging takes each filter."""

import json
import re
import shlex
from pathlib import Path

import pytest

from tests.deployment.conftest import PROJECT, REPOSITORY, Deployment
from tests.deployment.stand_in.logging_filter import check_logging_filter

DOCUMENTS = [
    *(path for pattern in ("*.md", "docs/**/*.md") for path in REPOSITORY.glob(pattern) if path.name != "CHANGELOG.md"),
    *(REPOSITORY / "deployment" / "alert_policies").glob("*.json"),
]
_READING = re.compile(r"gcloud logging read ('[^'\n]+'|\"[^\"\n]+\")")


def filters(document: Path) -> list[str]:
    """The filters in the commands of a document."""
    text = document.read_text(encoding="utf-8")
    if document.suffix == ".json":
        text = json.loads(text)["documentation"]["content"]
    quoted = [shlex.split(each)[0] for each in _READING.findall(text)]
    return [each for each in quoted if each != "FILTER"]


_CALL = re.compile(r"^(?:    )?\./deploy\.sh( [^#\n]*)?|`\./deploy\.sh( [^`\n]*)?`", re.MULTILINE)
_NAMES = {
    "MEMBER": f"serviceAccount:ci@{PROJECT}.iam.gserviceaccount.com",
    "PROJECT": PROJECT,
    "FILE": "plan.json",
    "N": "2",
    "NEW": "europe-west1",
    "OLD": "us-central1",
    "$RELEASE": "promote",
}
"""What stands in the documents for a name of the reader's."""


def calls() -> list[tuple[str, ...]]:
    """The options of deploy.sh that the documents have people give, each once."""
    found: dict[tuple[str, ...], None] = {}
    for document in DOCUMENTS:
        for match in _CALL.finditer(document.read_text(encoding="utf-8") if document.suffix == ".md" else ""):
            words = shlex.split(match[1] or match[2] or "")
            names = "|".join(map(re.escape, _NAMES))
            found[
                tuple(re.sub(rf"(?<![\w-])({names})(?![\w-])", lambda name: _NAMES[name[1]], one) for one in words)
            ] = None
    # Images of another environment are there after two deployments (test_image_from.py).
    return [options for options in found if not any(one.startswith("--image-from") for one in options)]


@pytest.mark.parametrize("options", calls(), ids=" ".join)
def test_each_call_of_the_script_can_be_made(
    deployed: Deployment, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    monkeypatch.chdir(deployed.directory)
    for name in ("staging.env", "production.env"):
        (deployed.directory / name).write_text("MAIL_FROM=reports@example.com\n", encoding="utf-8")
    # Whom DEPLOYER names is there before.
    state = deployed.state
    for name in ("ci", "report-deployer"):
        email = f"{name}@{PROJECT}.iam.gserviceaccount.com"
        full_name = f"projects/{PROJECT}/serviceAccounts/{email}"
        state["resources"][full_name] = {"name": full_name, "email": email}
    deployed.project.state = state
    if {"--rollback", "--report"} & {*options}:
        deployed.settings["LOG_LEVEL"] = "DEBUG"
        deployed.deploy()
    if "console" in " ".join(options):
        deployed.settings["CONSOLE_OPERATORS"] = "ada@example.com"
    if "--region=europe-west1" in options:
        # A pipeline is torn down before it moves.
        deployed.deploy("--teardown", answer=f"{PROJECT}\n")
    outcome = deployed.deploy(*options, answer=f"{PROJECT}\n")
    assert outcome.status == 0, outcome.text


READING = [document for document in DOCUMENTS if filters(document)]


def test_documents_have_filters() -> None:
    assert {"runbooks.md", "recovery.md"} <= {document.name for document in READING}


@pytest.mark.parametrize("document", READING, ids=lambda path: path.name)
def test_cloud_logging_takes_each_filter(document: Path) -> None:
    for each in filters(document):
        check_logging_filter(each)
