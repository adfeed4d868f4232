"""What is declared, compared with what is there, becomes requests in an order that is possible."""

from typing import Any

import pytest

from deployment.engine.declared import Declared, Kind, NameOf
from deployment.engine.discovery import InvalidRequest
from deployment.engine.plan import Found, PolicyStep, Step, WrongResource, names_of, plan, printed, request_of
from deployment.engine.policy import Grant

CHANNEL = Kind(api="monitoring", version="v3", collection="projects.notificationChannels")
POLICY = Kind(api="monitoring", version="v3", collection="projects.alertPolicies")
DASHBOARD = Kind(api="monitoring", version="v1", collection="projects.dashboards")
METRIC = Kind(api="logging", version="v2", collection="projects.metrics", id_in="body")
TOPIC = Kind(api="pubsub", version="v1", collection="projects.topics")
SUBSCRIPTION = Kind(api="pubsub", version="v1", collection="projects.subscriptions", masks_whole_fields=True)
QUEUE = Kind(api="cloudtasks", version="v2", collection="projects.locations.queues", id_in="body")
SERVICE = Kind(api="monitoring", version="v3", collection="services", id_in="serviceId")


def declared(kind: Kind, what: str, *, parent: str = "projects/p", **rest: Any) -> Declared:
    return Declared(what=what, kind=kind, parent=parent, **rest)


def printable(steps: list[Step | PolicyStep] | list[Step]) -> list[dict[str, Any]]:
    """The requests of steps."""
    names = names_of(steps)
    return [printed(request) for each in steps if (request := request_of(each, names)) is not None]


def requests(*all_of: Declared, actual: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    found = {each.what: [] for each in all_of} | {what: [one] for what, one in (actual or {}).items()}
    return printable(plan(all_of, Found(resources=found)))


def steps_to(all_of: list[Declared], actual: dict[str, list[Any]]) -> list[Step]:
    """The steps of a plan about resources alone."""
    steps = plan(all_of, Found(resources=actual))
    assert all(isinstance(step, Step) for step in steps)
    return [step for step in steps if isinstance(step, Step)]


@pytest.mark.parametrize(
    ("one", "method", "target", "query", "body"),
    [
        (declared(METRIC, "m", id="m"), "logging.projects.metrics.create", "projects/p", {}, {"name": "m"}),
        (
            declared(QUEUE, "q", parent="projects/p/locations/l", id="q"),
            "cloudtasks.projects.locations.queues.create",
            "projects/p/locations/l",
            {},
            {"name": "projects/p/locations/l/queues/q"},
        ),
        (declared(SERVICE, "s", id="s"), "monitoring.services.create", "projects/p", {"serviceId": "s"}, {}),
        (declared(TOPIC, "t", id="t"), "pubsub.projects.topics.create", "projects/p/topics/t", {}, {}),
        (declared(DASHBOARD, "d"), "monitoring.projects.dashboards.create", "projects/p", {}, {}),
    ],
)
def test_a_new_resource_gets_its_name_as_its_interface_wants(
    one: Declared, method: str, target: str, query: dict[str, str], body: dict[str, Any]
) -> None:
    [request] = requests(one)
    assert (request["method"], request["target"], request["query"], request["body"]) == (method, target, query, body)


def test_only_fields_that_are_ours_are_patched() -> None:
    queue = declared(
        QUEUE,
        "q",
        parent="projects/p/locations/l",
        id="q",
        fields={"rateLimits": {"maxDispatchesPerSecond": 10}, "retryConfig": {"maxAttempts": 8}},
    )
    there = {"rateLimits": {"maxDispatchesPerSecond": 3, "maxBurstSize": 100}, "retryConfig": {"maxAttempts": 8}}
    [request] = requests(queue, actual={"q": there})
    assert request["query"] == {"updateMask": "rateLimits.maxDispatchesPerSecond"}
    assert request["body"] == {"rateLimits": {"maxDispatchesPerSecond": 10, "maxBurstSize": 100}}
    assert requests(queue, actual={"q": there | {"rateLimits": {"maxDispatchesPerSecond": 10.0}}}) == []


def test_without_a_mask_the_rest_stays_as_it_was_read_with_its_etag() -> None:
    dashboard = declared(DASHBOARD, "d", fields={"displayName": "new"}, found_by={"displayName": "old"})
    there = {"name": "projects/p/dashboards/1", "displayName": "old", "etag": "7", "labels": {"a": ""}}
    [request] = requests(dashboard, actual={"d": there})
    assert (request["query"], request["body"]) == ({}, there | {"displayName": "new"})
    metric = declared(METRIC, "m", id="m", fields={"filter": "new"})
    [request] = requests(metric, actual={"m": {"name": "m", "filter": "old", "description": "theirs"}})
    assert request["method"] == "logging.projects.metrics.update"
    assert request["body"] == {"name": "m", "filter": "new", "description": "theirs"}


def test_a_field_that_google_knows_and_the_document_does_not_stays() -> None:
    there = {"name": "projects/p/dashboards/1", "displayName": "old", "etag": "7", "brandNew": {"a": 1}}
    [request] = requests(declared(DASHBOARD, "d", fields={"displayName": "new"}), actual={"d": there})
    assert request["body"] == there | {"displayName": "new"}
    with pytest.raises(InvalidRequest, match="brandNew"):
        requests(declared(DASHBOARD, "d", fields={"brandNew": {}}))


def test_a_mask_can_be_a_part_of_the_body() -> None:
    subscription = declared(SUBSCRIPTION, "s", id="s", fields={"ackDeadlineSeconds": 60})
    [request] = requests(subscription, actual={"s": {"ackDeadlineSeconds": 10}})
    assert request["body"] == {"subscription": {"ackDeadlineSeconds": 60}, "updateMask": "ackDeadlineSeconds"}


CHANNELS = {"notificationChannels": [NameOf("c")]}


def test_a_resource_comes_after_those_that_it_names() -> None:
    steps = steps_to([declared(POLICY, "p", fields=CHANNELS), declared(CHANNEL, "c")], {"p": [], "c": []})
    assert [step.what for step in steps] == ["c", "p"]
    request = request_of(steps[1], {"c": "projects/p/notificationChannels/5"})
    assert request is not None
    assert request.body == {"notificationChannels": ["projects/p/notificationChannels/5"]}
    printed = printable(steps)[1]["body"]
    assert printed == {"notificationChannels": ["<name of c>"]}
    with pytest.raises(InvalidRequest):
        request_of(steps[1], {})


def test_a_name_that_is_not_known_yet_is_a_difference() -> None:
    policy = declared(POLICY, "p", fields=CHANNELS)
    there = {"name": "projects/p/alertPolicies/1", "notificationChannels": ["projects/p/notificationChannels/4"]}
    steps = steps_to([policy, declared(CHANNEL, "c")], {"p": [there], "c": []})
    assert [(step.what, step.verb) for step in steps] == [("c", "created"), ("p", "changed")]
    steps = steps_to(
        [policy, declared(CHANNEL, "c")], {"p": [there], "c": [{"name": "projects/p/notificationChannels/4"}]}
    )
    assert {step.verb for step in steps} == {"unchanged"}
    assert names_of(steps)["p"] == "projects/p/alertPolicies/1"


def test_what_is_removed_goes_before_what_it_needs() -> None:
    policy = declared(POLICY, "p", fields=CHANNELS).gone()
    channel = declared(CHANNEL, "channel {name}", found_by={"userLabels": {"a": "b"}}, absent=True)
    there = [{"name": f"projects/p/notificationChannels/{number}"} for number in (1, 2)]
    gone = declared(POLICY, "p", after=("channel {name}",)).gone()
    steps = steps_to([channel, gone], {"p": [{"name": "projects/p/alertPolicies/1"}], "channel {name}": there})
    assert [step.what for step in steps] == ["p", *(f"channel {each['name']}" for each in there)]
    assert printable(steps_to([policy], {"p": []})) == []


def test_what_people_may_change_is_given_once() -> None:
    channel = declared(CHANNEL, "c", fields={"type": "email"}, at_first={"displayName": "Ours"})
    assert requests(channel)[0]["body"] == {"displayName": "Ours", "type": "email"}
    assert requests(channel, actual={"c": {"name": "x", "type": "email", "displayName": "Theirs"}}) == []


PUBLISHER = Grant(role="roles/pubsub.publisher", member="user:ada@example.com")
VIEWER = Grant(role="roles/pubsub.viewer", member="user:bob@example.com")


def test_a_policy_keeps_what_others_have_granted() -> None:
    topic = declared(TOPIC, "topic t", id="t", grants=(PUBLISHER,), takes_back=lambda grant: grant == VIEWER)
    condition = {"title": "until-friday", "expression": "x"}
    policy = {
        "etag": "abc",
        "bindings": [
            {"role": "roles/pubsub.viewer", "members": ["user:bob@example.com", "user:eve@example.com"]},
            {"role": "roles/pubsub.viewer", "members": ["user:bob@example.com"], "condition": condition},
        ],
    }
    steps = plan([topic], Found(resources={"topic t": [{}]}, policies={"topic t": policy}))
    assert steps[1].lines == [
        ("created", "roles/pubsub.publisher on topic t for ada@example.com"),
        ("removed", "roles/pubsub.viewer on topic t for bob@example.com"),
    ]
    [request] = printable(steps)
    assert request["method"] == "pubsub.projects.topics.setIamPolicy"
    assert request["body"]["policy"] == {
        "etag": "abc",
        "version": 3,
        "bindings": [
            {"role": "roles/pubsub.viewer", "members": ["user:eve@example.com"]},
            {"role": "roles/pubsub.viewer", "members": ["user:bob@example.com"], "condition": condition},
            {"role": "roles/pubsub.publisher", "members": ["user:ada@example.com"]},
        ],
    }


def test_a_policy_that_grants_all_of_it_stays() -> None:
    topic = declared(TOPIC, "topic t", id="t", grants=(PUBLISHER,))
    policy = {"bindings": [{"role": PUBLISHER.role, "members": ["user:eve@example.com", PUBLISHER.member]}]}
    steps = plan([topic], Found(resources={"topic t": [{}]}, policies={"topic t": policy}))
    assert isinstance(steps[1], PolicyStep)
    assert steps[1].lines[0][0] == "unchanged"
    assert printable(steps) == []


def test_what_no_request_changes_ends_the_run() -> None:
    subscription = declared(SUBSCRIPTION, "s", id="s", fixed={"topic": "projects/p/topics/t"}, if_other=("wrong", "do"))
    assert requests(subscription)[0]["body"] == {"topic": "projects/p/topics/t"}
    with pytest.raises(WrongResource, match="wrong"):
        requests(subscription, actual={"s": {"topic": "_deleted-topic_"}})


def test_a_field_that_is_not_to_be_there_is_taken_away() -> None:
    subscription = declared(SUBSCRIPTION, "s", id="s", fields={"expirationPolicy": {"ttl": None}})
    assert requests(subscription)[0]["body"] == {"expirationPolicy": {}}
    [request] = requests(subscription, actual={"s": {"expirationPolicy": {"ttl": "86400s"}}})
    assert request["body"] == {"subscription": {"expirationPolicy": {}}, "updateMask": "expirationPolicy"}


def test_a_grant_is_told_from_others_by_the_title_of_its_condition() -> None:
    ours = Grant(role=VIEWER.role, member=VIEWER.member, title="ours", expression="x")
    topic = declared(TOPIC, "topic t", id="t", grants=(ours,), takes_back=lambda grant: grant.title == "former")
    former = {"role": VIEWER.role, "members": [VIEWER.member], "condition": {"title": "former", "expression": "y"}}
    plain = {"role": VIEWER.role, "members": [VIEWER.member]}
    [request] = printable(
        plan([topic], Found(resources={"topic t": [{}]}, policies={"topic t": {"bindings": [former, plain]}}))
    )
    condition = {"title": "ours", "expression": "x"}
    assert request["body"]["policy"]["bindings"] == [plain, {**plain, "condition": condition}]


def test_what_something_else_makes_has_a_policy_alone() -> None:
    topic = declared(TOPIC, "topic t", id="t", grants=(PUBLISHER,), policy_alone=True)
    [step] = plan([topic], Found(resources={"topic t": []}, policies={"topic t": {}}))
    assert step.lines == [("created", "roles/pubsub.publisher on topic t for ada@example.com")]


FIELD = Kind(
    api="firestore",
    version="v1",
    collection="projects.databases.collectionGroups.fields",
    masks_whole_fields=True,
    replaces_fields=True,
)


def test_a_field_of_firestore_is_set_and_set_back() -> None:
    wanted: dict[str, Any] = {"indexConfig": {"indexes": []}, "ttlConfig": {}}
    field = declared(FIELD, "f", parent="projects/p/databases/d/collectionGroups/c", id="f", fields=wanted)
    for actual in ({}, {"f": {"indexConfig": {"indexes": [{}], "ancestorField": "x"}}}):
        [request] = requests(field, actual=actual)
        assert request["query"] == {"updateMask": "indexConfig,ttlConfig"}
        assert request["body"] == wanted
    there = {"indexConfig": {"ancestorField": "x"}, "ttlConfig": {"state": "ACTIVE"}}
    assert requests(field, actual={"f": there}) == []
    [request] = requests(field.gone(), actual={"f": there})
    assert (request["query"], request["body"]) == ({"updateMask": "indexConfig,ttlConfig"}, {})
