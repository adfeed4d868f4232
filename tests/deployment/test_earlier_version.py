"""A project that an earlier version has deployed differs in what is new alone.

`deployed_by_b62e63b.json` is what that version's deploy.sh left in a project by gcloud 578: what gcloud sent, by the
names of the resources. Services are as Cloud Run's v2 has what gcloud writes by v1, indexes have the `__name__` that
Firestore adds, and the channel is `enabled`, as Monitoring adds.
"""

import json
import re
from pathlib import Path

import pytest

from tests.deployment.conftest import Deployment

NEW = {
    "function report-dispatcher": "new code, which reads ENROLL",
    "function report-worker": "new code",
    "function report-dlq-handler": "new code",
    "indexes of report_subscriptions.objections": "who has objected is a field of its own",
    "index of dead_letters: state, cause, received_at": "the console's charts lead to what they count",
    "index of mail_events: shard, first_at.complained": "likewise",
    "index of deliveries: state, kind": "runs leave out what waits for a paused kind",
    "index of deliveries: by_hand, state, kind": "likewise",
    "indexes of report_subscriptions.audience": "a query of recipients finds those that it has written",
    "indexes of report_subscriptions.audience_row": "no one asks for what a row said",
    "indexes of report_subscriptions.calendar": "a calendar that is removed says which subscriptions name it",
    "indexes of report_subscriptions.recipient_changes": "what recipients change is noted",
    "indexes of operator_actions.deliveries": "a replay notes what it sends again",
    "indexes of untold_outcomes.expire_at and its time to live": "outcomes that are still to be told",
    "alert policy function-errors": "the API's errors count, too",
    'dashboard "Report pipeline (report)"': "likewise",
    "alert policy dead-letter-backlog": "its text says Pub/Sub subscription",
    "alert policy undeliverable": "likewise",
    "alert policy dead-letters": "its text names no channel",
    "alert policy needs-a-person": "its text names no provider",
    "alert policy queue-depth": "likewise",
    "alert policy worker-errors": "likewise",
    "alert policy error-budget-fast": "its text names ./reports runs list",
    "alert policy error-budget-slow": "likewise",
}
"""All that differs, and why."""

OF_ANOTHER_SOURCE = {
    *("template.containers[0].image", "template.containers[0].baseImageUri", "buildConfig.baseImage"),
    *("labels.source-hash", "annotations.report-pipeline/image"),
}


@pytest.fixture
def earlier(bare: Deployment) -> Deployment:
    """A project as that version has left it."""
    left = json.loads((Path(__file__).parent / "deployed_by_b62e63b.json").read_text(encoding="utf-8"))
    bare.edit(lambda state: state.update(left, count=500))
    bare.settings["ALERT_EMAIL"] = "ops@example.com"
    return bare


def test_what_is_new_alone_differs(earlier: Deployment) -> None:
    checked = earlier.deploy("--check")
    assert set(re.findall("  to be [a-z]+: (.*)", checked.output)) == NEW.keys(), checked.text
    assert ", too many: 0, changed by hand: 0, " in checked.output
    differing = dict(re.findall("differs in (.*): (.*)", checked.output))
    for what, fields in differing.items():
        if what.startswith("function "):
            env = {"template.containers[0].env"} if what.endswith("dispatcher") else set()
            assert set(fields.split()) == OF_ANOTHER_SOURCE | env
        elif what.startswith("alert policy ") and what != "alert policy function-errors":
            assert fields == "documentation.content"


def test_a_deployment_takes_it_over(earlier: Deployment) -> None:
    outcome = earlier.deploy()
    assert outcome.status == 0, outcome.text
    assert set(re.findall("  (?:created|changed|removed): (.*)", outcome.output)) == NEW.keys()
    checked = earlier.deploy("--check")
    assert checked.status == 0, checked.text
