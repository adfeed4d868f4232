"""The stand-in of Google in the weather."""

import re
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

import requests

from deployment.engine.discovery import Method
from tests.deployment.conftest import is_lock, is_read
from tests.deployment.stand_in.cloud_run import UNABLE_TO_PULL
from tests.deployment.stand_in.interface import acts_as, method_of
from tests.deployment.stand_in.project import Project
from tests.deployment.stand_in.rest_request import Resource, RestAnswer, RestRequest, rest_error
from tests.deployment.stand_in.session import StandInSession
from tests.deployment.stand_in.the_project import NUMBER
from tests.deployment.weather.answers import BY_NUMBER, dressed
from tests.deployment.weather.sky import Sky
from tests.deployment.weather.words import CONFLICTS, ENABLED_IN_PART, UNABLE_TO_READ, says

_ALWAYS_ON = {"serviceusage"}
_LAGGING = {"iam", "secretmanager"}
_SLOW = 0.1
"""How many operations may take most of half an hour."""
_BUILD_FAILURES = {
    "storage": ("refused", "FETCH_SOURCE_FAILED"),
    "artifactregistry": ("USER_BUILD_STEP", "PUSH_NOT_AUTHORIZED"),
    "logging": ("LOGGING_FAILURE", "FAILURE"),
}
"""How a build fails that may not use a service yet, in the order in which it does."""
_UNSEEN = {
    "/serviceAccounts/": "account-unseen",
    "/secrets/": "secret-unseen",
    "/topics/": "topic-unseen",
    "/subscriptions/": "topic-unseen",
    "/databases/": "database-unseen",
    "/queues/": "other-unseen",
    "/jobs/": "other-unseen",
    "/repositories/": "other-unseen",
}
"""The belief about something new, by its collection."""


class WeatherSession(StandInSession):
    """As any session, and with the header that says how long to wait."""

    def request(self, method: str, url: str, **rest: Any) -> requests.Response:
        """As that of any session."""
        answer = super().request(method, url, **rest)
        if answer.status_code == HTTPStatus.TOO_MANY_REQUESTS:
            answer.headers["Retry-After"] = re.sub(r"\D", "", answer.json()["error"]["details"][0]["retryDelay"])
        return answer


class WeatherProject(Project):
    """A project whose Google is as the weather is. Each request takes a second.

    Args:
        state: what it holds, to begin with.
        sky: the weather.

    Attributes:
        born: when what is new was made, in seconds, by names: resources, `api NAME`, `POLICY ROLE MEMBER`.
        made_at: when the last thing was made or changed, in seconds.
        too_early: the indexes that were not built when the job was started.
    """

    def __init__(self, state: Mapping[str, Any], sky: Sky) -> None:
        # Its own weather counts requests.
        super().__init__({**state, "invisible": 0, "warm_up": 0})
        self.sky = sky
        self.born: dict[str, float] = {}
        self.made_at = 0.0
        self.too_early: list[str] = []
        self._one_at_a_time = threading.RLock()
        self._tries: Counter[str] = Counter()
        self._blocked: dict[str, float] = {}
        self._operations: dict[str, tuple[float, Resource]] = {}
        self._policies: dict[str, tuple[float, Any]] = {}
        self._images: dict[str, str] = {}

    def answer(self, interface: str, request: RestRequest) -> RestAnswer | None:
        """As that of any project, with the weather before and after it."""
        with self._one_at_a_time:
            self.sky.clock.wait(1)
            request = self._by_id(interface, request)
            found = None if "/documents" in request.name else method_of(interface, request)
            if found is None:
                return super().answer(interface, request)
            method, target = found
            is_its_lock = "locks/" in f"{request.name} {request.query.get('name')}"
            call = [method.id, "locks/" if is_its_lock else target.rpartition("/")[2]]
            if refused := self._refused(method, target, request):
                self.calls.append(call)
                return refused
            if method.id == "serviceusage.operations.get" or "/operations/" in target:
                self.calls.append(call)
                return self._operation(target)
            before, old = self._census(), self._policy_of(method, target)
            answered = super().answer(interface, request)
            if answered is None or answered[0] >= HTTPStatus.MULTIPLE_CHOICES:
                return answered
            self._note(method, target, before, old)
            return answered[0], self._as_google(method, target, request, answered[1])

    def _by_id(self, interface: str, request: RestRequest) -> RestRequest:
        """A request that names the project by its number, as answers do, names it by its id."""
        name = request.name.replace(f"projects/{NUMBER}/", f"projects/{self._state['project']}/", 1)
        if interface not in {each.partition(".")[0] for each in BY_NUMBER}:
            return request
        return RestRequest(**{**vars(request), "name": name})

    # Before a request is carried out.

    def _refused(self, method: Method, target: str, request: RestRequest) -> RestAnswer | None:
        if self.sky.is_clear:
            return None
        for check in (self._passing, self._closed, self._unseen, self._named, self._conflicting, self._enabling):
            if answer := check(method, target, request):
                return answer
        return None

    def _asked(self, method: Method, target: str, request: RestRequest) -> str:
        """What a request is about, the same whatever other threads ask for in between."""
        query = [value for key, value in request.query.items() if key.endswith("Id") or key == "name"]
        return f"{method.id} {self._images.get(target, target)} {query} {request.body.get('imageUri')}"

    def _passing(self, method: Method, target: str, request: RestRequest) -> RestAnswer | None:
        """Refused whatever it asks for. Parts of files are spared: their library waits by a real clock."""
        if request.version == "resumable":
            return None
        asked = self._asked(method, target, request)
        now = self.sky.clock.seconds
        self._tries[asked] += 1
        drawn = self.sky.draw(asked, self._tries[asked])
        chance = drawn.random()
        if chance < 0.012:
            self._blocked[asked] = now + drawn.randint(2, 40)
        if (left := self._blocked.get(asked, 0) - now) > 0:
            self.sky.strike("rate-limit")
            status, answer = says("rate-limit")
            answer["error"]["details"] = [
                {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{int(left) + 1}s"}
            ]
            return status, answer
        if chance > 0.988:
            self.sky.strike("unavailable")
            return drawn.choice(
                (
                    rest_error(HTTPStatus.SERVICE_UNAVAILABLE, "UNAVAILABLE", "The service is currently unavailable."),
                    rest_error(HTTPStatus.INTERNAL_SERVER_ERROR, "INTERNAL", "Internal error encountered."),
                    rest_error(HTTPStatus.BAD_GATEWAY, "", "Bad gateway."),
                )
            )
        return None

    def _closed(self, method: Method, _target: str, _request: RestRequest) -> RestAnswer | None:
        """Refused since its interface is not on everywhere yet."""
        api = f"{method.api}.googleapis.com"
        if method.api in _ALWAYS_ON:
            return None
        belief = "api-forbidden" if method.api == "monitoring" else "api-warming"
        if self.sky.hides(belief, api, born=self.born.get(f"api {api}")):
            return says(belief, api, number=NUMBER)
        return None if api in self._state["enabled"] else says("api-warming", api, number=NUMBER)

    def _unseen(self, method: Method, target: str, _request: RestRequest) -> RestAnswer | None:
        """Refused since what it is about, or what that is a part of, is new."""
        if door := re.fullmatch(r"projects/\d+/iap_web/cloud_run-([^/]+)/services/([^/]+)", target):
            target = f"projects/{self._state['project']}/locations/{door[1]}/services/{door[2]}"
        for name in _ancestors(target):
            belief = _belief_about(name)
            surface = f"{method.api} {method.verb}"
            if name not in self.born or belief is None or re.search(r"/versions/\d|/operations/", target):
                continue
            if self.sky.hides(belief, name, born=self.born[name], surface=surface):
                return self._not_found(belief, method, name)
        return None

    def _not_found(self, belief: str, method: Method, name: str) -> RestAnswer:
        if belief == "account-unseen" and self.sky.draw("403", name, method.id).random() < 0.3:
            belief = "account-forbidden"
        return says(belief, name, project=self._state["project"], verb=method.verb)

    def _named(self, method: Method, target: str, request: RestRequest) -> RestAnswer | None:
        """Refused since what its body names is new."""
        body = request.body
        for email in acts_as(body):
            if self.sky.hides("act-as", email, born=self.born.get(self._account(email)), surface=method.id):
                return says("act-as-unseen" if self.sky.draw("404", email).random() < 0.3 else "act-as", email)
        for email in _members(body) if method.verb == "setIamPolicy" else ():
            born = self.born.get(self._account(email), self.born.get(f"agent {email}"))
            if self.sky.hides("member-unknown", email, born=born, surface=method.api):
                return says("member-unknown", email)
        for name in (body.get("topic"), (body.get("deadLetterPolicy") or {}).get("deadLetterTopic")):
            if name and self.sky.hides("topic-unseen", name, born=self.born.get(name), surface="subscriptions"):
                return says("topic-unseen", name)
        match method.id.rpartition("."):
            case ("monitoring.projects.alertPolicies", _, "create" | "patch"):
                return self._measuring("objective-unknown-to-alerts", r"/serviceLevelObjectives/[\w-]+", body)
            case ("monitoring.services.serviceLevelObjectives", _, "create" | "patch"):
                return self._measuring("metric-unknown-to-objectives", r"(?<=com/user)/[\w-]+", body)
            case ("run.projects.locations.builds", _, "submit"):
                return self._building(body)
            case ("run.projects.locations.services", _, "create" | "patch"):
                self._starting(body)
                return self._pulling(body)
        return None

    def _account(self, email: str) -> str:
        return f"projects/{self._state['project']}/serviceAccounts/{email}"

    def _measuring(self, belief: str, end: str, body: Resource) -> RestAnswer | None:
        """What names a metric or an objective that is new, whose name ends so."""
        for found in dict.fromkeys(re.findall(end, str(body))):
            for name, born in list(self.born.items()):
                if name.endswith(found) and self.sky.hides(belief, name, born=born):
                    return says(belief, name)
        return None

    def _building(self, body: Resource) -> RestAnswer | None:
        """A build whose account has got its roles just now cannot fetch its source, reach the registry in its step or
        push its image there, or write its log."""
        account, failures = body["serviceAccount"].rpartition("/")[2], dict[str, str]()
        for key, born in list(self.born.items()):
            if key.endswith(f" serviceAccount:{account}") and self.sky.hides("grant-build", key, born=born):
                role = key.split()[1].partition(".")[0].removeprefix("roles/")
                failures[role] = self.sky.draw("build", key, self.sky.clock.seconds).choice(_BUILD_FAILURES[role])
        failing = next((failures[role] for role in _BUILD_FAILURES if role in failures), None)
        if failing == "refused":
            return says("grant-build", account)
        self._state["build_fails"] = [failing] if failing else []
        self._state["build_log"] = [] if "logging" in failures else ["Step 1", "Step 2", "Step 3"]
        return None

    def _starting(self, body: Resource) -> None:
        """A revision is not ready if its account has got the role to read a secret just now."""
        template = body.get("template", {})
        account = template.get("serviceAccount", "")
        for variable in (template.get("containers") or [{}])[0].get("env", []):
            secret = (variable.get("valueSource") or {}).get("secretKeyRef", {}).get("secret", "").rpartition("/")[2]
            name = f"projects/{self._state['project']}/secrets/{secret}"
            key = f"{name} roles/secretmanager.secretAccessor serviceAccount:{account}"
            if secret and self.sky.hides("grant-secret", key, born=self.born.get(key)):
                message = UNABLE_TO_READ.format(name=name, account=account)
                error = {"code": self.sky.draw("code", key).choice((7, 13)), "message": message}
                self._state["failing_revisions"] = [{**error, "reason": "SECRETS_ACCESS_CHECK_FAILED"}]
                break

    def _pulling(self, body: Resource) -> RestAnswer | None:
        """Cloud Run's own account may not pull an image yet: the request is refused, or what it began."""
        for key, born in list(self.born.items()) if "template" in body else ():
            if key.startswith("project roles/run.serviceAgent ") and self.sky.hides("grant-image", key, born=born):
                agent, image = key.rpartition(":")[2], body["template"]["containers"][0]["image"]
                if self.sky.draw("image", key, self.sky.clock.seconds).random() < 0.5:
                    return says("grant-image", agent, image=image)
                error = {"code": 7, "message": UNABLE_TO_PULL.format(agent=agent, image=image)}
                reason = "CONTAINER_IMAGE_AUTHORIZATION_CHECK_FAILED"
                self._state["failing_revisions"] = [{**error, "reason": reason}]
        return None

    def _conflicting(self, method: Method, target: str, request: RestRequest) -> RestAnswer | None:
        """Refused once, since something else was changed at the same time."""
        message = CONFLICTS.get(method.id) or CONFLICTS.get(method.verb)
        asked = self._asked(method, target, request)
        if not message or self._tries[f"{asked} conflict"] or self.sky.draw("conflict", asked).random() > 0.1:
            return None
        self._tries[f"{asked} conflict"] += 1
        self.sky.strike("conflict")
        return rest_error(HTTPStatus.CONFLICT, "ABORTED", message)

    def _enabling(self, method: Method, _target: str, request: RestRequest) -> RestAnswer | None:
        """Refused since the same was asked for a moment ago."""
        if method.id != "serviceusage.services.batchEnable" or not self._tries["enabled"]:
            return None
        if self._tries["refused to enable"] or self.sky.draw("enabling").random() < 0.5:
            return None
        self._tries["refused to enable"] += 1
        self.sky.strike("enable-in-progress")
        name = request.body["serviceIds"][0]
        return says("enable-in-progress", name, project=self._state["project"])

    # After it.

    def _census(self) -> dict[str, None]:
        """What is there, by names as `born` has them."""
        policies = self._state["policies"].items()
        return dict.fromkeys(
            [
                *(name for name in self._state["resources"]),
                *(f"api {name}" for name in self._state["enabled"]),
                *(f"agent {email}" for email in self._state["agents"]),
                *(f"{name} {role} {member}" for name, policy in policies for role, member, *_ in policy),
            ]
        )

    def _policy_of(self, method: Method, target: str) -> Resource | None:
        """The policy before it is changed."""
        if method.verb != "setIamPolicy" or method.api not in {"cloudresourcemanager", "iam", "secretmanager"}:
            return None
        return {"policy": self._state["policies"].get(_place(method, target), [])}

    def _note(self, method: Method, target: str, before: dict[str, None], old: Resource | None) -> None:
        """Keep when it was that something was made."""
        now = self.sky.clock.seconds
        self.born |= {name: now for name in self._census() if name not in before}
        if not is_read(method.id) and not is_lock([method.id, self.calls[-1][1]]):
            self.made_at = max(self.made_at, now)
        if old is not None:
            self._policies[target] = (now, old["policy"])
        if method.id.startswith("cloudscheduler.") and method.verb in {"create", "resume"}:
            self.too_early += [name for name in self.born if "/indexes/" in name and self._is_building(name)]

    def _is_building(self, index: str) -> bool:
        """Whether an index of Firestore serves no query yet."""
        return self.sky.hides("index-building", index, born=self.born.get(index), flaps=False)

    def _as_google(self, method: Method, target: str, request: RestRequest, answer: Resource) -> Resource:
        if method.verb == "getIamPolicy" and target in self._policies:
            changed, kept = self._policies[target]
            if self.sky.hides("stale-policy", target, born=changed):
                place = _place(method, target)
                now, self._state["policies"][place] = self._state["policies"].get(place, []), kept
                again = super().answer(method.api, request)
                self._state["policies"][place] = now
                self.calls.pop()
                answer = again[1] if again else answer
        if method.verb == "list" and method.api in _LAGGING:
            answer = self._behind(answer)
        for each in answer.get("indexes", []):
            each["state"] = "CREATING" if self._is_building(each["name"]) else "READY"
        if "buildOperation" in answer:
            self._images[answer["buildOperation"]["metadata"]["build"]["name"]] = request.body["imageUri"]
        if str(answer.get("name", "")).rpartition("/")[0].endswith("operations") and "done" in answer:
            return self._begun(method, self._asked(method, target, request), answer)
        return dressed(self.sky, method, answer, self.born, self._state["project"])

    def _behind(self, page: Resource) -> Resource:
        """A list without some of what is new."""

        def lags(item: Any) -> bool:
            name = item.get("name", "") if isinstance(item, dict) else ""
            return self.sky.hides("lists-lag", name, born=self.born.get(name), surface="list")

        return {
            key: [each for each in found if not lags(each)] if isinstance(found, list) else found
            for key, found in page.items()
        }

    def _begun(self, method: Method, asked: str, operation: Resource) -> Resource:
        """An operation that goes on for a while, under a name of its own."""
        drawn, now = self.sky.draw("operation", asked, self._tries[asked]), self.sky.clock.seconds
        number = drawn.getrandbits(64)
        name = f"{operation['name'].rpartition('/')[0]}/w{number}"
        if method.api == "serviceusage":
            name = f"operations/{drawn.choice(('acat', 'acf', 'finn'))}.p2-{NUMBER}-{number}"
            self.sky.strike("operation-names")
        is_slow = not self.sky.never and method.api != "serviceusage" and drawn.random() < _SLOW
        longest = 1500 if is_slow else 90
        ready = now if self.sky.is_clear else now + drawn.choice((0, drawn.uniform(0, 20), drawn.uniform(0, longest)))
        over = {"name": name, "done": True, **({"error": operation["error"]} if "error" in operation else {})}
        if method.id == "serviceusage.services.batchEnable":
            over = self._enabled(over, ready)
        if "error" not in over:
            over["response"] = {}
        self._operations[name] = (ready, over)
        return self._operation(name)[1]

    def _enabled(self, over: Resource, ready: float) -> Resource:
        """What becomes of turning interfaces on: the first time, it may fail for some of them."""
        new = [name for name in self._state["enabled"] if self.born.get(f"api {name}") == self.sky.clock.seconds]
        self._tries["enabled"] += 1
        if self._tries["enabled"] == 1 and not self.sky.is_clear and self.sky.draw("enable").random() < 0.4:
            failed = new[len(new) // 2 :]
            self._state["enabled"] = [name for name in self._state["enabled"] if name not in failed]
            new = new[: len(new) // 2]
            message = ENABLED_IN_PART.format(number=NUMBER, names=", ".join(failed))
            over = {**over, "error": {"code": 13, "message": message}}
            self.sky.strike("enable-fails")
        self.born |= {f"api {name}": ready for name in new}
        return over

    def _operation(self, name: str) -> RestAnswer:
        """How it stands. While it goes on, `done` is left out."""
        if name not in self._operations:
            return HTTPStatus.OK, {"name": name, "done": True}
        ready, over = self._operations[name]
        if self.sky.clock.seconds < ready:
            self.sky.strike("operations-run")
            return HTTPStatus.OK, {"name": name, "metadata": {}}
        return HTTPStatus.OK, over


def _ancestors(target: str) -> Iterator[str]:
    parts = target.split("/")
    return ("/".join(parts[:end]) for end in range(2, len(parts) + 1))


def _belief_about(name: str) -> str | None:
    """The belief about something new; None where nothing is known of its collection."""
    if "/collectionGroups/" in name or name.startswith("projects/_"):
        return None
    if "/locations/" in name and "/services/" in name:
        return "service-unseen" if name.count("/") == 5 else None
    return next((belief for part, belief in _UNSEEN.items() if part in name), None)


def _members(body: Resource) -> Iterator[str]:
    for binding in body.get("policy", {}).get("bindings", []):
        for member in binding["members"]:
            yield member.partition(":")[2]


def _place(method: Method, target: str) -> str:
    """Where the state has the policy of a resource."""
    return "project" if method.api == "cloudresourcemanager" else target
