"""Each alert has its runbook, and each runbook its alert."""

import json
import re

import pytest

from tests.deployment.conftest import REPOSITORY
from tests.documents.commands import unknown_commands
from tests.test_documents import anchors

RUNBOOKS = REPOSITORY / "docs/guides/runbooks.md"
SECTIONS = dict(
    re.findall(r"^## (\S+)\n(.*?)(?=^## |\Z)", RUNBOOKS.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
)
POLICIES = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))
    for path in sorted((REPOSITORY / "deployment" / "alert_policies").glob("*.json"))
}


def test_every_policy_has_a_section_and_every_section_a_policy() -> None:
    assert set(SECTIONS) == set(POLICIES) <= anchors(RUNBOOKS)


@pytest.mark.parametrize("name", POLICIES)
def test_a_section_says_all_that_is_needed(name: str) -> None:
    for part in ("**Users notice", "**Look first**", "**It is over**"):
        assert part in SECTIONS[name], part
    assert re.search(r"\*\*Causes\*\*", SECTIONS[name])
    assert re.search(r"\*\*(Do|what to do)\*\*", SECTIONS[name])


@pytest.mark.parametrize("name", POLICIES)
def test_a_policy_can_be_told_apart_and_names_its_runbook(name: str) -> None:
    policy = POLICIES[name]
    assert policy["userLabels"] == {"pipeline": "${PREFIX}", "alert": "${ALERT}"}
    assert policy["notificationChannels"] == ["${CHANNELS}"]
    assert policy["documentation"]["content"].endswith("The runbook is docs/guides/runbooks.md, section `${ALERT}`.")
    # https://cloud.google.com/monitoring/api/ref_v3/rest/v3/projects.alertPolicies#Documentation
    assert len(policy["documentation"]["content"].encode()) <= 8192
    assert unknown_commands(re.findall(r"`([^`]+)`", policy["documentation"]["content"])) == []
