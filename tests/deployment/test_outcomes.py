"""OUTCOMES: the topic by which the team's application hears what becomes of reports."""

from tests.deployment.conftest import PROJECT, Deployment


def test_the_topic_of_outcomes_is_made_on_request_and_the_functions_may_publish_to_it(deployed: Deployment) -> None:
    deployed.settings["OUTCOMES"] = "on"
    assert deployed.deploy().status == 0
    topic = f"projects/{PROJECT}/topics/report-outcomes"
    assert deployed.resource(topic)
    assert {(role, member.partition("@")[0]) for role, member, _, _ in deployed.state["policies"][topic]} == {
        ("roles/pubsub.publisher", f"serviceAccount:report-{name}") for name in ("dispatcher", "worker")
    }
    service = deployed.resource(f"projects/{PROJECT}/locations/us-central1/services/report-worker")
    (container,) = service["template"]["containers"]
    assert {"name": "OUTCOMES_TOPIC", "value": "report-outcomes"} in container["env"]
    again = deployed.deploy()
    assert (again.status, deployed.changes) == (0, []), again.text
