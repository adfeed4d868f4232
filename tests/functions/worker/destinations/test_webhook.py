"""A webhook's signature, its id, and the addresses that are not called."""

import base64
import hmac
import json
import socket
from datetime import UTC, datetime, timedelta

import pytest

from functions.shared.records.deliver import Deliver, DestinationName
from functions.worker.destinations.outcome import Accepted, Refused
from functions.worker.destinations.webhook.public_address import PrivateAddress, public_address
from functions.worker.destinations.webhook.signature import signing_keys
from functions.worker.destinations.webhook.webhook import Webhook
from tests.functions.worker.destinations.conftest import Serve
from tests.functions.worker.destinations.http_server import answer, read_request
from tests.functions.worker.destinations.sample_parcel import PARCEL

NEW, OLD = b"n" * 32, b"o" * 24
BOTH = " ".join(f"whsec_{base64.b64encode(each).decode()}" for each in (NEW, OLD))
NOW = datetime(2026, 11, 24, 13, tzinfo=UTC)


def webhook(url: str, *, now: datetime = NOW, private: bool = True) -> Webhook:
    deliver = Deliver(DestinationName.WEBHOOK, url=url, secret="acme")
    return Webhook(deliver, {"acme": BOTH}, now=lambda: now, is_private_allowed=private)


def test_a_repeat_has_the_same_id_and_bytes_and_a_signature_of_its_own_by_each_key(serve: Serve) -> None:
    received: list[tuple[dict[str, str], bytes]] = []

    def behave(connection: socket.socket) -> None:
        head, body = read_request(connection)
        lines = (line.partition(": ") for line in head.decode().split("\r\n")[1:])
        received.append(({name.lower(): value for name, _, value in lines}, body))
        connection.sendall(answer(200))

    url = f"http://127.0.0.1:{serve(behave)}/hook?of=acme"
    [request] = webhook(url).requests(PARCEL)
    for later in (timedelta(0), timedelta(hours=3)):
        outcome = webhook("http://127.0.0.1:1/another", now=NOW + later).send_requests({"u.1/k/1": request}, seconds=5)
        assert isinstance(outcome, Accepted)
    webhook(url).send_requests({"u.1/k2/1": request}, seconds=5)
    (first, body), (second, again), (other, _) = received
    assert first["webhook-id"] == second["webhook-id"] != other["webhook-id"]
    assert first["idempotency-key"] == f'"{first["webhook-id"]}"'
    assert "." not in first["webhook-id"]
    assert body == again
    assert int(second["webhook-timestamp"]) - int(first["webhook-timestamp"]) == 3 * 3600
    for key in (NEW, OLD):
        signed = f"{second['webhook-id']}.{second['webhook-timestamp']}.".encode() + body
        made = base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
        assert f"v1,{made}" in second["webhook-signature"].split(" ")


def test_the_body_says_what_it_is_of() -> None:
    [request] = webhook("https://acme.example/hook").requests(PARCEL)
    sent = json.loads(request.content)
    assert (sent["type"], sent["timestamp"]) == ("report.orders", "2026-11-24T00:00:00Z")
    data = sent["data"]
    assert data["figures"] == {"orders": 30}
    assert data["shown"]["figures"] == [{"label": "Orders", "value": "30", "change": "Up 50% from 20"}]
    assert data["shown"]["tables"][0]["rows"] == [["Tea", "€12.50"]]
    assert data["links"] == {"product": "https://app.example.com/orders"}


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "10.1.2.3",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "::1",
        "fe80::1",
        "fc00::1",
        "::ffff:10.0.0.1",
        "::ffff:0:10.0.0.1",
        "::169.254.169.254",
        "2002:a00:1::",
        "64:ff9b::169.254.169.254",
        "fec0::1",
        "ff02::1",
    ],
)
def test_an_address_that_is_not_on_the_internet_is_not_called(host: str) -> None:
    with pytest.raises(PrivateAddress):
        public_address(host, 443)


def test_an_address_on_the_internet_is_called() -> None:
    for host in ("203.0.114.7", "2606:4700::1111", "::ffff:203.0.114.7"):
        assert public_address(host, 443)


def test_the_address_that_was_checked_is_the_one_that_is_called(monkeypatch: pytest.MonkeyPatch, serve: Serve) -> None:
    called: list[tuple[str, int]] = []
    port = serve(lambda connection: connection.sendall(read_request(connection)[0] and answer(200)))

    def connecting(address: tuple[str, int], *_: float) -> socket.socket:
        called.append(address)
        opened = socket.socket()
        opened.connect(("127.0.0.1", port))
        return opened

    looked_up: list[str] = []

    def look_up(host: str, *_: object, **__: object) -> list[tuple[object, ...]]:
        looked_up.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("203.0.114.7" if len(looked_up) == 1 else "10.0.0.1", 80))]

    monkeypatch.setattr(socket, "create_connection", connecting)
    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    public = webhook("http://acme.example:80/hook", private=False)
    assert isinstance(public.send(PARCEL, seconds=5), Accepted)
    assert (called, looked_up) == ([("203.0.114.7", 80)], ["acme.example"])
    assert isinstance(public.send(PARCEL, seconds=5), Refused)
    assert len(called) == 1


@pytest.mark.parametrize("secret", ["", "whsec_", "acme", f"whsec_{base64.b64encode(b'short').decode()}", "whsec_%%%"])
def test_what_is_no_signing_key_is_refused(secret: str) -> None:
    with pytest.raises(ValueError, match="must"):
        signing_keys(secret)
