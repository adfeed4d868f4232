"""KMS_KEY: what is encrypted with it, who may use it, and what was made without it and stays so."""

import pytest

from tests.deployment.conftest import PROJECT, Deployment
from tests.deployment.stand_in.the_project import NUMBER

KEY = f"projects/{PROJECT}/locations/us-central1/keyRings/reports/cryptoKeys/pipeline"
PLACE = f"projects/{PROJECT}/locations/us-central1"
AGENTS = {
    *(f"gcp-sa-{api}" for api in ("artifactregistry", "cloudtasks", "firestore", "pubsub", "secretmanager")),
    *("serverless-robot-prod", "gs-project-accounts"),
}
MEMBERS = {f"serviceAccount:service-{NUMBER}@{agent}.iam.gserviceaccount.com" for agent in AGENTS}


def with_key(deployment: Deployment) -> Deployment:
    deployment.settings["KMS_KEY"] = KEY
    deployment.edit(lambda state: state["resources"].update({KEY: {"name": KEY}}))
    return deployment


@pytest.mark.everyday
def test_all_that_keeps_data_is_made_with_the_key_which_its_services_may_use(bare: Deployment) -> None:
    outcome = with_key(bare).deploy()
    assert (outcome.status, "KMS_KEY" in outcome.errors) == (0, False), outcome.text
    state = bare.state
    resources = state["resources"]
    assert resources[f"projects/{PROJECT}/databases/(default)"]["cmekConfig"] == {"kmsKeyName": KEY}
    assert resources[f"{PLACE}/repositories/report-functions"]["kmsKeyName"] == KEY
    assert resources[f"{PLACE}/cmekConfig"] == {"kmsKey": KEY}
    for topic in ("report-dead-letters", "report-undeliverable"):
        assert resources[f"projects/{PROJECT}/topics/{topic}"]["kmsKeyName"] == KEY
    [bucket] = state["buckets"].values()
    assert bucket["encryption"] == {"defaultKmsKeyName": KEY}
    replica = {"location": "us-central1", "customerManagedEncryption": {"kmsKeyName": KEY}}
    secrets = [each for name, each in resources.items() if "/secrets/" in name and "replication" in each]
    services = [
        each for name, each in resources.items() if name.startswith(f"{PLACE}/services/") and "template" in each
    ]
    assert len(secrets) >= 2
    assert len(services) >= 3
    assert all(each["replication"] == {"userManaged": {"replicas": [replica]}} for each in secrets)
    assert all(each["template"]["encryptionKey"] == KEY for each in services)
    granted = {(role, member) for role, member, _, _ in state["policies"][KEY]}
    assert granted == {("roles/cloudkms.cryptoKeyEncrypterDecrypter", member) for member in MEMBERS}
    methods = [method for method, _ in bare.calls]
    shared = methods.index(f"{KMS}.setIamPolicy")
    assert shared < min(map(methods.index, ("storage.buckets.insert", "firestore.projects.databases.create")))
    again = bare.deploy()
    assert (again.status, bare.changes) == (0, []), again.text


KMS = "cloudkms.projects.locations.keyRings.cryptoKeys"


def test_a_key_that_the_services_were_just_let_use_may_not_work_at_once(bare: Deployment) -> None:
    refused = "PERMISSION_DENIED: Permission denied on Cloud KMS key."
    for method in ("storage.buckets.insert", "run.projects.locations.services.create"):
        with_key(bare).fail(method, refused, times=2)
    outcome = bare.deploy()
    assert (outcome.status, outcome.errors.count(refused)) == (0, 4), outcome.text
    # What is refused later is refused for another reason.
    bare.wait(600)
    bare.fail("run.projects.locations.services.patch", refused)
    bare.settings["LOG_LEVEL"] = "DEBUG"
    assert bare.deploy().status == 1


def test_what_was_made_without_it_is_said_and_counted_and_all_else_changed(deployed: Deployment) -> None:
    # The team's own grants are none of the deployment's.
    with_key(deployed).edit(lambda state: state["policies"].update({KEY: [["roles/owner", "user:a@b.c", "", ""]]}))
    outcome = deployed.deploy()
    assert outcome.status == 0, outcome.text
    for words in (
        "the database (default) is not encrypted with KMS_KEY, which it could only be made with.",
        "the image repository report-functions is not encrypted with KMS_KEY",
        "not encrypted with KMS_KEY: the secrets report-sendgrid-api-key report-slack-webhook-url.",
        f"gcloud secrets replication update SECRET --location=us-central1 --set-kms-key={KEY} --project={PROJECT}",
    ):
        assert words in outcome.errors
    assert "user:a@b.c" not in outcome.errors
    assert deployed.service("worker")["template"]["encryptionKey"] == KEY
    assert deployed.resource("/topics/report-dead-letters")["kmsKeyName"] == KEY
    check = deployed.deploy("--check")
    assert (check.status, deployed.changes) == (3, [])
    assert "changed by hand: 3," in check.output

    # Without the setting everything stays as it is.
    del deployed.settings["KMS_KEY"]
    assert deployed.deploy("--check").status == 0


def test_a_key_whose_policy_is_closed_is_taken_as_its_administrator_has_set_it_up(bare: Deployment) -> None:
    with_key(bare).deploy("--only=apis")
    bare.wait(600)
    bare.fail(f"{KMS}.getIamPolicy", "PERMISSION_DENIED: not yours", times=100)
    outcome = bare.deploy("--bootstrap")
    assert outcome.status == 0, outcome.text
    assert "who may use KMS_KEY could not be read: PERMISSION_DENIED: not yours" in outcome.errors
    [share] = [line for line in outcome.errors.splitlines() if "kms keys add-iam-policy-binding" in line]
    assert f"pipeline --keyring=reports --location=us-central1 --project={PROJECT} --member=$member" in share
    assert set(share.partition(" in ")[2].partition(";")[0].split()) == MEMBERS

    bare.edit(lambda state: state["faults"].clear())
    bare.fail(f"{KMS}.setIamPolicy", "PERMISSION_DENIED: not yours", times=100)
    outcome = bare.deploy("--bootstrap")
    assert outcome.status == 1
    assert "docs/guides/encryption.md has the commands" in outcome.errors


def test_a_key_must_be_where_all_else_is(bare: Deployment) -> None:
    bare.settings |= {"KMS_KEY": KEY.replace("us-central1", "global"), "FIRESTORE_LOCATION": "nam5"}
    assert "KMS_KEY: a key must be where it is used, in us-central1." in bare.deploy().errors
    bare.settings["KMS_KEY"] = KEY
    assert "FIRESTORE_LOCATION: with KMS_KEY the database must be where the key is" in bare.deploy().errors
    bare.settings["KMS_KEY"] = "pipeline"
    assert "KMS_KEY: as in projects/PROJECT/locations/REGION/keyRings/RING/cryptoKeys/KEY." in bare.deploy().errors
