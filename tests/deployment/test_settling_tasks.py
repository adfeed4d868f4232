"""With ON_UNKNOWN_OUTCOME=resend-if-absent the worker may make tasks, and no longer without it."""

from deployment.engine.declared import Declared
from deployment.engine.policy import Grant
from deployment.options import Options
from deployment.resources.accounts import accounts
from deployment.resources.environment import environment
from deployment.resources.queues import queues
from deployment.settings import Settings, settings_of
from tests.deployment.declared_settings import NOW
from tests.support import REPOSITORY

MAKES, ACTS_AS = "roles/cloudtasks.enqueuer", "roles/iam.serviceAccountUser"


def settings(choice: str) -> Settings:
    given = {"PROJECT_ID": "my-project", "REGION": "us-central1", "MAIL_FROM": "a@example.com", "QUEUES": "2"}
    given |= {"DEFAULT_KIND": "activity", "ENROLL": "all", "MAIL_PROVIDER": "sendgrid", "ON_UNKNOWN_OUTCOME": choice}
    found, problems = settings_of(
        {**given, "SETTLING_MINUTES": "45"},
        root=REPOSITORY,
        options=Options(),
        kinds={},
        now=NOW,
    )
    assert not problems
    return found


def of_worker(declared: Declared, role: str) -> Grant:
    return Grant(role=role, member="serviceAccount:report-worker@my-project.iam.gserviceaccount.com")


def test_it_gets_the_roles_and_the_queues_and_gives_them_back() -> None:
    for choice, may in (("resend-if-absent", True), ("dead-letter", False), ("resend", False)):
        chosen = settings(choice)
        [tasks] = [each for each in accounts(chosen) if each.what == "service account report-tasks"]
        reports = [each for each in queues(chosen, NOW.date()) if each.id.startswith("reports")]
        [continuations] = [each for each in queues(chosen, NOW.date()) if each.id == chosen.continuations]
        assert len(reports) == 2
        for declared, role in ((tasks, ACTS_AS), *((each, MAKES) for each in reports)):
            grant = of_worker(declared, role)
            assert (grant in declared.grants) is may
            assert declared.takes_back is not None
            assert declared.takes_back(grant)
        assert of_worker(continuations, MAKES) not in continuations.grants
        variables = environment(chosen, "worker")
        assert variables.get("REPORT_QUEUES") == ("reports,reports-2" if may else None)
        assert variables.get("LOCATION") == ("us-central1" if may else None)
        assert variables["SETTLING_MINUTES"] == "45"
