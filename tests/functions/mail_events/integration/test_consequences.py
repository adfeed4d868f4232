"""What events cause: no further email goes to an address that bounces or wants none."""

from datetime import timedelta
from typing import Any

import grpc
import pytest

from functions.shared.records.address_hash import address_hash
from functions.shared.records.subscription import PauseReason
from tests.functions.mail_events.integration.conftest import SENT_AT, Provider, event, failing
from tests.functions.mail_events.signing import to_body

D1, D2 = "u1:default:20261124T1300Z", "u1:default:20261124T1400Z"


@pytest.fixture(autouse=True)
def user(provider: Provider) -> None:
    provider.deliver(D1)
    provider.deliver(D2)
    provider.database.document("users/u1").set({"email": "ada@example.com", "active": True})


def subscribe(provider: Provider, name: str = "default", **fields: Any) -> Any:
    reference = provider.database.document(f"users/u1/report_subscriptions/{name}")
    reference.set({"active": True, "kind": "activity", "cadence": "daily", "next_report_at": SENT_AT, **fields})
    return reference


def because(reference: Any) -> str | None:
    fields = reference.get().to_dict()
    assert fields["active"] is (fields.get("paused_because") is None)
    assert (fields["next_report_at"] is None) is not fields["active"]
    found: str | None = fields.get("paused_because")
    return found


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (event("bounce", type="bounce", bounce_classification="Invalid Address"), PauseReason.BOUNCED),
        (event("bounce", type="blocked"), None),
    ],
)
def test_all_that_goes_to_the_address_is_paused(
    provider: Provider, sent: dict[str, Any], reason: PauseReason | None
) -> None:
    default, weekly = subscribe(provider), subscribe(provider, "weekly")
    team = subscribe(provider, "team", to=["boss@example.com"])
    provider.send(sent)
    assert (because(default), because(weekly), because(team)) == (reason, reason, None)
    objections = default.get().to_dict().get("objections", {})
    assert {hashed: each["because"] for hashed, each in objections.items()} == (
        {address_hash("ada@example.com"): reason.value} if reason else {}
    )
    assert provider.record(D1)["status"] is not None


def test_a_complaint_reaches_all_subscriptions_however_many_there_are(provider: Provider) -> None:
    batch = provider.database.batch()
    for number in range(405):
        reference = provider.database.document(f"users/u1/report_subscriptions/s{number:03}")
        batch.set(reference, {"active": True, "kind": "activity", "cadence": "daily", "next_report_at": SENT_AT})
    batch.commit()
    provider.send(event("spamreport"))
    stored = provider.database.collection("users/u1/report_subscriptions").stream()
    assert {each.to_dict().get("paused_because") for each in stored} == {"complained"}


def test_a_late_event_pauses_nothing_that_was_resumed_since(provider: Provider) -> None:
    default = subscribe(provider)
    provider.send(event("bounce", delivery_id=D2))
    assert because(default) == "bounced"
    resumed_at = SENT_AT + timedelta(minutes=10)
    subscribe(provider, resumed_at=resumed_at)
    provider.send(event("bounce", 5), event("bounce", delivery_id=D2))
    assert because(default) is None
    provider.send(event("spamreport", 11))
    assert because(default) == "complained"


def test_what_goes_to_another_address_by_now_is_not_paused_and_the_address_objects(provider: Provider) -> None:
    default, weekly = subscribe(provider), subscribe(provider, "weekly")
    provider.database.document("users/u1").update({"email": "new@example.com"})
    provider.send(event("bounce"))
    assert (because(default), because(weekly)) == (None, None)
    # The email was one of this subscription.
    assert list(default.get().get("objections")) == [address_hash("ada@example.com")]
    assert "objections" not in weekly.get().to_dict()


def test_a_second_complaint_about_an_email_counts_after_a_resume(provider: Provider) -> None:
    default = subscribe(provider)
    provider.send(event("spamreport"))
    subscribe(provider, resumed_at=SENT_AT + timedelta(minutes=10))
    provider.send(event("spamreport", sg_event_id="again"))
    assert because(default) is None
    provider.send(event("spamreport", 11))
    assert because(default) == "complained"


def test_a_repeated_event_pauses_nothing_again(provider: Provider) -> None:
    """Not even where an application resumed it without a trace."""
    default = subscribe(provider)
    provider.send(event("bounce"))
    subscribe(provider)
    provider.send(event("bounce", sg_event_id="another"))
    assert because(default) is None


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("calls", [1, 2])
@pytest.mark.parametrize("other", [D1, D2])
@pytest.mark.parametrize("minutes", [1, 2])
def test_an_unsubscription_that_was_taken_back(
    provider: Provider, minutes: int, other: str, calls: int, reverse: bool
) -> None:
    """By the link of the same email or of another, in one call or two, and the provider's time has whole seconds."""
    default, weekly = subscribe(provider), subscribe(provider, "weekly")
    events = [event("group_unsubscribe", 1), event("group_resubscribe", minutes, delivery_id=other)]
    in_turn = events[::-1] if reverse else events
    for call in [in_turn] if calls == 1 else [[each] for each in in_turn]:
        provider.send(*call)
    assert (because(default), because(weekly)) == (None, None)
    provider.send(event("group_unsubscribe", 3))
    assert (because(default), because(weekly)) == ("unsubscribed", "unsubscribed")


def test_who_subscribes_again_takes_no_bounce_and_no_complaint_back(provider: Provider) -> None:
    default = subscribe(provider)
    provider.send(event("bounce", 1))
    provider.send(event("group_unsubscribe", 2))
    assert because(default) == "unsubscribed"
    provider.send(event("group_resubscribe", 3))
    assert because(default) == "bounced"
    provider.send(event("spamreport", 4))
    provider.send(event("group_resubscribe", 5, delivery_id=D2))
    assert because(default) == "complained"


@pytest.mark.parametrize("method", ["RunQuery", "Commit"])
def test_what_could_not_be_paused_comes_again_and_holds_up_no_other(provider: Provider, method: str) -> None:
    default = subscribe(provider)
    provider.deliver("u2:default:20261124T1300Z", "u2")
    events = [event("bounce"), event("delivered", delivery_id="u2:default:20261124T1300Z")]
    provider.faults.middleware = failing(method, grpc.StatusCode.PERMISSION_DENIED, times=1)
    assert provider.post(to_body(*events)).status_code == 503
    provider.faults.middleware = None
    assert (because(default), provider.record(D1)) == (None, None)
    assert provider.record("u2:default:20261124T1300Z")["status"] == "delivered"
    provider.send(*events)
    assert (because(default), provider.record(D1)["status"]) == ("bounced", "bounced")


def test_a_write_of_the_application_in_between(provider: Provider) -> None:
    default = subscribe(provider)
    written: list[str] = []

    async def write_first(called: str, carry_out: Any) -> Any:
        if called.endswith("/Commit") and not written:
            written.append(called)
            return await failing("Commit", grpc.StatusCode.FAILED_PRECONDITION, times=1)(called, carry_out)
        return await carry_out()

    provider.faults.middleware = write_first
    provider.send(event("bounce"))
    assert written
    assert because(default) == "bounced"
