"""A function accepts only a token that is for this function, valid now, of this account, and from this issuer."""

import base64
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import jwt
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import rsa

from local_cloud.clock import Clock
from local_cloud.identity import IdentityProvider
from tests.local_services import DISPATCHER_URL, SCHEDULER_INVOKER, TASKS_INVOKER, WORKER_URL
from tests.security.conftest import DUE, House, task

Caller = tuple[str, str]
WORKER, SCHEDULED, CONTINUED = (
    (TASKS_INVOKER, WORKER_URL),
    (SCHEDULER_INVOKER, DISPATCHER_URL),
    (TASKS_INVOKER, DISPATCHER_URL),
)


def call(house: House, caller: Caller, token: str) -> requests.Response:
    if caller is WORKER:
        return house.post(task("victim"), token=token)
    headers = {"X-CloudTasks-QueueName": "reports"} if caller is CONTINUED else {}
    continuation = b'{"run_id": "20261124T1300Z", "scheduled_for": "2026-11-24T13:00:00Z", "attempt": "a", "part": 2}'
    return house.dispatch(token=token, body=continuation if caller is CONTINUED else b"", **headers)


def signed(house: House, caller: Caller, key: Any, algorithm: str, **changes: Any) -> str:
    """A token with the claims of a good one, under the name of the issuer's key."""
    good = house.token(*caller)
    claims = jwt.decode(good, options={"verify_signature": False}) | changes
    return jwt.encode(claims, key, algorithm=algorithm, headers={"kid": jwt.get_unverified_header(good)["kid"]})


def forged(house: House, caller: Caller) -> str:
    return signed(house, caller, rsa.generate_private_key(public_exponent=65537, key_size=2048), "RS256")


def unsigned(house: House, caller: Caller) -> str:
    return signed(house, caller, "", "none")


def signed_with_the_public_key(house: House, caller: Caller) -> str:
    return signed(house, caller, requests.get(house.identity.certs_url, timeout=5).json()["keys"][0]["n"], "HS256")


def of_another_issuer(house: House, caller: Caller) -> str:
    return IdentityProvider(host="127.0.0.1", port=0, clock=Clock()).mint(*caller)


def changed(house: House, caller: Caller) -> str:
    mine = house.token("mallory@local-project.iam.gserviceaccount.com", caller[1])
    header, _, signature = mine.split(".")
    return f"{header}.{house.token(*caller).split('.')[1]}.{signature}"


def expired(house: House, caller: Caller) -> str:
    return house.token(*caller, lifetime=timedelta(minutes=-5))


def without(claim: str) -> Callable[[House, Caller], str]:
    def make(house: House, caller: Caller) -> str:
        good = house.token(*caller)
        claims = jwt.decode(good, options={"verify_signature": False})
        del claims[claim]
        key_id = jwt.get_unverified_header(good)["kid"]
        return jwt.encode(claims, house.identity._key, algorithm="RS256", headers={"kid": key_id})

    make.__name__ = f"without_{claim}"
    return make


def deeply_nested(_house: House, _caller: Caller) -> str:
    header = base64.urlsafe_b64encode(b"[" * 4000).decode().rstrip("=")
    return f"{header}.e30.e30"


def for_another_audience(house: House, caller: Caller) -> str:
    return house.token(caller[0], DISPATCHER_URL if caller[1] == WORKER_URL else WORKER_URL)


def for_a_longer_audience(house: House, caller: Caller) -> str:
    return house.token(caller[0], f"{caller[1]}/")


def nothing(_house: House, _caller: Caller) -> str:
    return ""


def enormous(_house: House, _caller: Caller) -> str:
    return "a" * 6000


REFUSED = [
    *(forged, unsigned, signed_with_the_public_key, of_another_issuer, changed, expired),
    *(for_another_audience, for_a_longer_audience, nothing, enormous, deeply_nested),
    *(without("exp"), without("iat")),
]
CALLERS = [
    pytest.param(WORKER, id="worker"),
    pytest.param(SCHEDULED, id="run"),
    pytest.param(CONTINUED, id="continued"),
]


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("make", REFUSED)
def test_what_is_not_a_token_for_this(house: House, caller: Caller, make: Callable[[House, Caller], str]) -> None:
    house.user("victim", active=False)
    before = house.documents("deliveries", "runs")
    token = make(house, caller)
    answer = call(house, caller, token)
    assert answer.status_code == 401
    assert house.documents("deliveries", "runs") == before
    assert not house.letters()
    assert not token or token not in answer.text


@pytest.mark.parametrize(
    ("caller", "email"),
    [
        (WORKER, SCHEDULER_INVOKER),
        (WORKER, "mallory@local-project.iam.gserviceaccount.com"),
        (SCHEDULED, TASKS_INVOKER),
        (CONTINUED, SCHEDULER_INVOKER),
        (CONTINUED, f"{TASKS_INVOKER}.example.com"),
    ],
)
def test_a_good_token_of_another_account(house: House, caller: Caller, email: str) -> None:
    before = house.documents("deliveries", "runs")
    answer = call(house, caller, house.token(email, caller[1]))
    assert answer.status_code == 403
    assert house.documents("deliveries", "runs") == before


def test_the_good_one_is_let_in(house: House) -> None:
    """So that the others are refused for what is wrong with them."""
    house.user("welcome", active=False)
    assert house.post(task("welcome"), token=house.token()).json()["result"] == "skipped"
    run = house.dispatch(token=house.token(*SCHEDULED), **{"X-CloudScheduler-ScheduleTime": DUE.isoformat()})
    assert run.status_code == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"delivery_id": "bob:default:20261124T1300Z"},
        {"delivery_id": "alice:other:20261124T1300Z"},
        {"delivery_id": "alice:default:20261124T1400Z"},
        {"user_id": "bob"},
        {"subscription_id": "other"},
    ],
)
def test_a_task_that_names_the_delivery_of_another(house: House, changes: dict[str, str]) -> None:
    house.user("alice")
    house.user("bob")
    answer = house.post(task("alice", **changes), token=house.token())
    assert (answer.status_code, answer.json()["reason"]) == (200, "invalid-task")
    # No field of it is believed: not even to whom it belongs.
    (letter,) = house.letters()
    assert '"user_id"' not in letter.partition('"body"')[0]
    assert house.delivery("alice") is None
    assert house.delivery("bob") is None
    assert not list(house.inbox.mails.to("ada@private.example"))
