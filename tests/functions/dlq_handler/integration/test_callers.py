"""Who may call the handler: Pub/Sub, with the token of the pipeline's own account."""

import pytest
import requests

from tests.functions.dlq_handler.integration.conftest import INVOKER, URL, Cloud, Handler, letter
from tests.support import free_ports


def push(handler: Handler, authorization: str) -> requests.Response:
    body = handler.body_of(letter("u1"))
    return requests.post(handler.url, json=body, headers={"Authorization": authorization}, timeout=60)


@pytest.mark.parametrize("authorization", ["", "Bearer a.b.c"])
def test_without_a_token_nothing_is_taken(around: Cloud, authorization: str) -> None:
    answer = push(around.handler(), authorization)

    assert (answer.status_code, answer.text) == (401, "Unauthorized\n")
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert around.records() == {}


@pytest.mark.parametrize(
    ("account", "audience", "status"),
    [(INVOKER, "https://worker.example.com", 401), ("tasks@local-project.iam.gserviceaccount.com", URL, 403)],
)
def test_with_the_wrong_token_nothing_is_taken(around: Cloud, account: str, audience: str, status: int) -> None:
    answer = push(around.handler(), f"Bearer {around.identity.mint(account, audience)}")

    assert answer.status_code == status
    assert answer.text in {"Unauthorized\n", "Forbidden\n"}
    assert around.records() == {}


def test_a_token_that_cannot_be_checked_has_the_message_delivered_again(around: Cloud) -> None:
    handler = around.handler(OIDC_CERTS_URL=f"http://127.0.0.1:{free_ports(1)}/certs")

    answer = handler.receives(letter("u1"))

    assert (answer.status_code, answer.text) == (503, "Service Unavailable\n")
    assert around.records() == {}


def test_a_body_without_a_token_is_not_read(around: Cloud) -> None:
    """As large as Pub/Sub's largest: the answer comes all the same, and the connection goes on."""
    handler = around.handler()
    with requests.Session() as session:
        for _ in range(2):
            assert session.post(handler.url, data=b"x" * 13_000_000, timeout=60).status_code == 401
        answer = session.post(handler.url, json=handler.body_of(letter("u1")), headers=handler.headers, timeout=60)
    assert answer.status_code == 200
