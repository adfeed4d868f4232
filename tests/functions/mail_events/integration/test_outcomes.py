"""The team's application hears what became of each email, at least once, and always by the same id."""

import grpc

from tests.functions.mail_events.integration.conftest import Provider, event, failing
from tests.functions.mail_events.signing import to_body


def test_each_event_that_says_something_is_told(provider: Provider) -> None:
    provider.deliver("d1", "u1", "weekly")
    provider.send(event("delivered", delivery_id="d1"), event("deferred", delivery_id="d1"))
    provider.send(event("spamreport", 5, delivery_id="d1"), event("bounce", delivery_id="of-nobody"))
    told = [data for _, data in provider.outcomes()]
    assert [(each["user_id"], each["subscription_id"], each["status"]) for each in told] == [
        ("u1", "weekly", "delivered"),
        ("u1", "weekly", "complained"),
    ]


def test_what_comes_again_is_told_again_by_the_same_id(provider: Provider) -> None:
    provider.deliver("d1")
    for _ in range(2):
        provider.send(event("bounce", delivery_id="d1"))
    first, second = provider.outcomes()
    assert first == second


def test_while_pubsub_fails_the_provider_is_to_send_the_events_again(provider: Provider) -> None:
    provider.deliver("d1")
    body = to_body(event("delivered", delivery_id="d1"))
    provider.pubsub_faults.middleware = failing("Publish", grpc.StatusCode.PERMISSION_DENIED, 1)
    assert provider.post(body).status_code == 503
    assert (provider.record("d1")["status"], provider.outcomes()) == ("delivered", [])
    assert provider.post(body).status_code == 200
    assert [data["status"] for _, data in provider.outcomes()] == ["delivered"]


def test_a_report_of_unknown_outcome_that_an_event_settles_is_kept_for_the_next_run(provider: Provider) -> None:
    provider.deliver("d1", state="dead", reason="unknown-outcome", may_have_been_sent=True)
    provider.send(event("delivered", delivery_id="d1"))
    (kept,) = (each.to_dict() for each in provider.database.collection("untold_outcomes").stream())
    assert (kept["type"], kept["subject"]) == ("report.sent", "d1")
