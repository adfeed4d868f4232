"""What concerns something that was made a moment ago is asked again for ten minutes, whatever the answer."""

from datetime import datetime, timedelta
from typing import Any

import pytest
import requests

from deployment.engine.declared import API
from deployment.engine.discovery import Request, method
from deployment.engine.google_client import GoogleClient
from deployment.engine.google_error import GoogleError
from deployment.engine.young_things import YoungThings
from deployment.resources.firestore import DATABASE
from tests.deployment.virtual_clock import VirtualClock

EMAIL = "report-worker@p.iam.gserviceaccount.com"
ACCOUNT = f"projects/p/serviceAccounts/{EMAIL}"
MAKES_ACCOUNT = method("iam", "v1", "projects.serviceAccounts.create").request(
    "projects/p", {"accountId": "report-worker", "serviceAccount": {}}
)
READS_ACCOUNT = method("iam", "v1", "projects.serviceAccounts.get").request(ACCOUNT)
READS_POLICY = method("iam", "v1", "projects.serviceAccounts.getIamPolicy").request(ACCOUNT)
ACTS_AS = method("cloudscheduler", "v1", "projects.locations.jobs.create").request(
    "projects/p/locations/l", {"httpTarget": {"oidcToken": {"serviceAccountEmail": EMAIL}}}
)
READS_SECRET = method("secretmanager", "v1", "projects.secrets.versions.access").request(
    "projects/p/secrets/s/versions/latest"
)
ENABLES = method("serviceusage", "v1", "services.batchEnable").request(
    "projects/p", {"serviceIds": ["monitoring.googleapis.com"]}
)
LISTS_ALERTS = method("monitoring", "v3", "projects.alertPolicies.list").request("projects/p")


def answer(status: int, document: Any, **headers: str) -> requests.Response:
    given = requests.Response()
    given.status_code, given.encoding = status, "utf-8"
    given.headers.update(headers)
    given._content = str(document).replace("'", '"').encode()
    return given


def refusal(status: int, code: str, message: str = "No.", *details: Any) -> requests.Response:
    return answer(status, {"error": {"status": code, "message": message, "details": list(details)}})


class Answers:
    """A client whose requests are answered in turn, the last answer again and again.

    Attributes:
        lines: what the client says.
    """

    def __init__(self, *answers: requests.Response) -> None:
        self._answers = list(answers)
        self.asked = 0
        self.lines: list[str] = []
        self.clock = VirtualClock()
        self.client = GoogleClient(
            self,  # type: ignore[arg-type]
            "p",
            wait=self.clock.wait,
            now=self.clock.now,
            say=self.lines.append,
        )

    def request(self, *_: Any, **__: Any) -> requests.Response:
        """As AuthorizedSession's."""
        self.asked += 1
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


NAMED = answer(200, {"name": ACCOUNT, "email": EMAIL, "etag": "1"})


@pytest.mark.parametrize("request_", [READS_ACCOUNT, READS_POLICY, ACTS_AS])
@pytest.mark.parametrize(
    ("status", "code"), [(404, "NOT_FOUND"), (403, "PERMISSION_DENIED"), (400, "INVALID_ARGUMENT"), (409, "ABORTED")]
)
def test_what_concerns_something_new_is_asked_again(request_: Request, status: int, code: str) -> None:
    answers = Answers(NAMED, refusal(status, code), refusal(status, code), NAMED)
    answers.client.send(MAKES_ACCOUNT)
    answers.client.send(request_)
    assert answers.asked == 4


def test_it_ends_ten_minutes_after_that_was_made_and_says_what_it_waited_for() -> None:
    answers = Answers(NAMED, refusal(404, "NOT_FOUND"))
    answers.client.send(MAKES_ACCOUNT)
    answers.clock.wait(100)
    with pytest.raises(GoogleError) as failed:
        answers.client.send(READS_POLICY)
    assert answers.clock.seconds == 600
    assert answers.lines[0] == (
        f"    waiting for serviceAccounts/{EMAIL} (made 100 s ago), again in 2 s: 404 NOT_FOUND: No."
    )
    to_do = failed.value.to_do("p")
    assert EMAIL in to_do
    assert "run this again" in to_do
    asked = answers.asked
    with pytest.raises(GoogleError):
        answers.client.send(READS_POLICY)
    assert answers.asked == asked + 1


def test_what_was_begun_when_something_was_new_may_fail_late() -> None:
    begun = {"name": "projects/p/databases/d/operations/1"}
    failed = {**begun, "error": {"code": 7, "message": f"{EMAIL} may not."}}
    answers = Answers(NAMED, answer(200, begun), *[answer(200, begun)] * 350, answer(200, failed), NAMED)
    answers.client.send(MAKES_ACCOUNT)
    create = DATABASE.method("create").request("projects/p", {}, query={"databaseId": "d"})
    assert answers.client.send(create, kind=DATABASE)["name"] == ACCOUNT
    assert answers.clock.seconds > 700


def test_a_field_of_ours_or_a_rule_of_the_organization_ends_at_once() -> None:
    bad_field = {"fieldViolations": [{"field": "schedule", "description": "no cron"}]}
    for refused in (
        refusal(400, "INVALID_ARGUMENT", "No.", bad_field),
        refusal(400, "FAILED_PRECONDITION", "Constraint constraints/gcp.resourceLocations violated."),
    ):
        answers = Answers(NAMED, refused)
        answers.client.send(MAKES_ACCOUNT)
        with pytest.raises(GoogleError):
            answers.client.send(ACTS_AS)
        assert answers.asked == 2


def test_what_is_below_something_new_may_not_be_there() -> None:
    answers = Answers(answer(200, {"name": "projects/1/secrets/s"}), refusal(404, "NOT_FOUND", "Secret version [x]."))
    answers.client.send(method("secretmanager", "v1", "projects.secrets.create").request("projects/p", {}, query={}))
    assert answers.client.read_if_there(READS_SECRET) is None
    assert answers.asked == 2


def test_what_has_the_name_of_something_new_may_not_be_there() -> None:
    """A topic and its subscription have one name."""
    named = {"name": "projects/p/topics/dead", "etag": "1"}
    answers = Answers(answer(200, named), refusal(404, "NOT_FOUND", "projects/p/subscriptions/dead was not found."))
    answers.client.send(method("pubsub", "v1", "projects.topics.create").request("projects/p/topics/dead", {}))
    reads = method("pubsub", "v1", "projects.subscriptions.get").request("projects/p/subscriptions/dead")
    assert answers.client.read_if_there(reads) is None
    assert answers.asked == 2


@pytest.mark.parametrize(
    "refused",
    [
        refusal(403, "PERMISSION_DENIED", "The caller does not have permission"),
        refusal(403, "PERMISSION_DENIED", "It is off.", {"reason": "SERVICE_DISABLED"}),
    ],
)
def test_an_interface_that_was_just_enabled_may_refuse(refused: requests.Response) -> None:
    answers = Answers(answer(200, {"name": "operations/1", "done": "true"}), refused, answer(200, {}))
    answers.client.apis_may_be_off = True
    answers.client.send(ENABLES)
    assert answers.client.send(LISTS_ALERTS) == {}
    assert "monitoring.googleapis.com (changed 0 s ago)" in answers.lines[0]


def test_operations_of_service_usage_are_waited_for_and_their_error_is_raised() -> None:
    error = {"name": "operations/1", "error": {"code": 7, "message": "No."}}
    answers = Answers(answer(200, {"name": "operations/1"}), answer(200, {"name": "operations/1"}), answer(200, error))
    with pytest.raises(GoogleError, match=r"No\.") as failed:
        answers.client.send(ENABLES, kind=API)
    assert failed.value.code == "PERMISSION_DENIED"
    assert answers.asked == 3


def test_an_answer_says_how_long_to_wait() -> None:
    busy = answer(429, {"error": {"status": "RESOURCE_EXHAUSTED", "message": "."}}, **{"Retry-After": "90"})
    answers = Answers(busy, NAMED)
    answers.client.send(READS_ACCOUNT)
    assert answers.clock.seconds == 90


@pytest.mark.parametrize("policy", [{}, {"bindings": []}])
def test_a_policy_without_an_etag_is_an_error(policy: Any) -> None:
    with pytest.raises(GoogleError, match="lacks what it must have"):
        Answers(answer(200, policy)).client.read(READS_POLICY)


@pytest.mark.parametrize(
    "record",
    [
        None,
        [],
        {"made": 1, "granted": None},
        {"made": {"x": 5, "y": "today", "": "2026-11-25T13:00:00+00:00", "z": "2026-11-25T13:00:00"}},
        {"made": {"x" * 301: "2026-11-25T13:00:00+00:00"}},
        # An hour old, or of the future.
        {"made": {"x": "2026-11-25T12:00:00+00:00", "y": "2026-11-25T14:00:00+00:00"}},
    ],
)
def test_what_is_malformed_in_a_record_is_left_out(record: Any) -> None:
    young = YoungThings(VirtualClock().now)
    young.take_over(record)
    assert young.record() == {"made": {}, "granted": {}}


def test_the_next_run_knows_what_was_made_a_minute_ago() -> None:
    first = Answers(NAMED)
    first.client.send(MAKES_ACCOUNT)
    then = Answers(refusal(404, "NOT_FOUND"), NAMED)
    then.clock.wait(60)
    then.client.young.take_over(first.client.young.record())
    then.client.send(READS_POLICY)
    assert "made 60 s ago" in then.lines[0]


def test_what_says_when_it_was_made_is_known_to_be_new() -> None:
    made = datetime.isoformat(VirtualClock().now() - timedelta(seconds=30))
    secret = answer(200, {"name": "projects/1/secrets/report-key", "createTime": made})
    answers = Answers(secret, refusal(404, "NOT_FOUND", "Secret [projects/1/secrets/report-key] not found."), secret)
    reads = method("secretmanager", "v1", "projects.secrets.get").request("projects/p/secrets/report-key")
    answers.client.send(reads)
    answers.client.send(reads)
    assert "secrets/report-key (made 30 s ago)" in answers.lines[0]
