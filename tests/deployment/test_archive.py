"""ARCHIVE: the bucket for the copies of emails, who may use it, and what becomes of it."""

import pytest

from tests.deployment.conftest import PROJECT, Deployment

BUCKET = f"{PROJECT}-report-copies"


@pytest.mark.everyday
def test_the_bucket_is_private_and_deletes_each_copy_when_its_days_are_over(deployed: Deployment) -> None:
    deployed.settings |= {"ARCHIVE": "on", "ARCHIVE_DAYS": "30", "MAIL_WITHOUT_UNSUBSCRIBE": "false"}
    deployed.settings["API_CALLERS"] = "app@shop.iam.gserviceaccount.com"
    outcome = deployed.deploy()
    assert (outcome.status, f"created: bucket {BUCKET}" in outcome.output) == (0, True), outcome.text
    bucket = deployed.state["buckets"][BUCKET]
    assert bucket["location"] == "us-central1"
    assert bucket["iamConfiguration"] == {
        "uniformBucketLevelAccess": {"enabled": True},
        "publicAccessPrevention": "enforced",
    }
    assert bucket["lifecycle"]["rule"] == [{"action": {"type": "Delete"}, "condition": {"daysSinceCustomTime": 0}}]
    assert bucket["softDeletePolicy"] == {"retentionDurationSeconds": "0"}
    granted = {(role, member.partition("@")[0]) for role, member, title, _ in policy(deployed) if "archive" in title}
    assert granted == {
        ("roles/storage.objectUser", "serviceAccount:report-worker"),
        ("roles/storage.objectViewer", "serviceAccount:report-preferences"),
        ("roles/storage.objectViewer", "serviceAccount:report-api"),
    }
    assert variables(deployed, "worker") >= {("ARCHIVE", BUCKET), ("ARCHIVE_DAYS", "30")}
    for function in ("preferences", "api"):
        assert ("ARCHIVE", BUCKET) in variables(deployed, function)

    # What somebody has changed by hand is put right.
    deployed.edit(lambda state: state["buckets"][BUCKET].update({"lifecycle": {}}))
    assert f"changed: bucket {BUCKET}: lifecycle.rule" in deployed.deploy("--only=accounts").output
    again = deployed.deploy()
    assert (again.status, deployed.changes) == (0, []), again.text

    del deployed.settings["ARCHIVE"], deployed.settings["ARCHIVE_DAYS"]
    assert deployed.deploy().status == 0
    assert [title for _, _, title, _ in policy(deployed) if "archive" in title] == []
    assert BUCKET in deployed.state["buckets"]
    assert "ARCHIVE" not in dict(variables(deployed, "worker"))


def test_a_bucket_of_another_project_is_not_taken(deployed: Deployment) -> None:
    deployed.settings["ARCHIVE"] = "on"
    deployed.edit(lambda state: state["buckets"].update({BUCKET: {"name": BUCKET, "projectNumber": "1"}}))
    outcome = deployed.deploy("--dry-run")
    assert (outcome.status, f"the bucket {BUCKET}" in outcome.errors) == (1, True), outcome.text


def policy(deployment: Deployment) -> list[list[str]]:
    found: list[list[str]] = deployment.state["policies"]["project"]
    return found


def variables(deployment: Deployment, function: str) -> set[tuple[str, str]]:
    service = deployment.resource(f"projects/{PROJECT}/locations/us-central1/services/report-{function}")
    (container,) = service["template"]["containers"]
    return {(each["name"], each.get("value", "")) for each in container["env"]}
