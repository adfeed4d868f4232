"""What a web page that the developer visits can do to a local cloud that runs: nothing.

A page cannot choose the headers that are tried here: the browser sends them. What it can choose is the rest.
"""

import base64
import json
import signal
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pytest
import requests

from local_pipeline.environment import SENDGRID_API_KEY, Ports
from local_pipeline.inbox.server import SLACK_WEBHOOK_PATH
from tests.local_pipeline.up.integration.command import Command

EVIL = "https://evil.example"
QUEUE = "projects/local-project/locations/us-central1/queues/reports"
INVOKER = "tasks-invoker@local-project.iam.gserviceaccount.com"

HTTP_PARTS = ("inbox", "identity", "firestore_rest", "tasks_rest", "dispatcher", "worker", "dlq_handler")
GRPC_PARTS = ("firestore", "tasks", "pubsub")

FOREIGN: Mapping[str, Mapping[str, str]] = {
    "fetch": {"Origin": EVIL, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"},
    "fetch without cors": {"Origin": EVIL, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
    "image": {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
    "frame": {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
    "older browser": {"Origin": EVIL},
    "sandboxed frame": {"Origin": "null"},
    "another server of this machine": {"Origin": "http://localhost:3000", "Sec-Fetch-Site": "same-site"},
}


@dataclass(frozen=True)
class Running:
    """The ports of what runs."""

    ports: Mapping[str, int]

    def url(self, part: str, path: str = "/") -> str:
        return f"http://127.0.0.1:{self.ports[part]}{path}"

    def rebound(self, part: str) -> dict[str, str]:
        """What a page sends whose own name was made to lead to 127.0.0.1: to the browser it is at home."""
        name = f"evil.example:{self.ports[part]}"
        return {"Host": name, "Origin": f"http://{name}", "Sec-Fetch-Site": "same-origin"}


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    command = Command(tmp_path_factory.mktemp("up"), "--users", "1")
    command.wait_for("Ctrl-C ends it all")
    ports = Ports(base=command.port_base)
    yield Running({part: getattr(ports, part) for part in (*HTTP_PARTS, *GRPC_PARTS)})
    command.process.send_signal(signal.SIGTERM)
    assert command.wait() == 0, command.text


def _attack(url: str, headers: Mapping[str, str], method: str = "POST", data: bytes | str = b"") -> requests.Response:
    answer = requests.request(method, url, headers=headers, data=data, timeout=100)
    assert not [name for name in answer.headers if name.lower().startswith("access-control-")]
    return answer


class TestEveryPort:
    @pytest.mark.parametrize("part", HTTP_PARTS)
    @pytest.mark.parametrize("foreign", FOREIGN)
    @pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS", "DELETE"])
    def test_another_page(self, cloud: Running, part: str, foreign: str, method: str) -> None:
        assert _attack(cloud.url(part), FOREIGN[foreign], method).status_code == 403
        assert _attack(cloud.url(part, "/health"), FOREIGN[foreign], method).status_code == 403

    @pytest.mark.parametrize("part", HTTP_PARTS)
    @pytest.mark.parametrize("method", ["GET", "POST"])
    def test_a_name_that_was_made_to_lead_here(self, cloud: Running, part: str, method: str) -> None:
        for headers in (cloud.rebound(part), {"Host": "evil.example"}):
            for path in ("/", "/health", "/api/mails", "/.well-known/openid-configuration", f"/v2/{QUEUE}"):
                assert _attack(cloud.url(part, path), headers, method).status_code == 403

    @pytest.mark.parametrize("part", GRPC_PARTS)
    def test_grpc_does_not_speak_a_browsers_http(self, cloud: Running, part: str) -> None:
        """It takes HTTP/2 only, and that unannounced. A browser begins in HTTP/1.1 where there is no TLS."""
        preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
        request = (
            b"POST /google.firestore.v1.Firestore/Commit HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\n"
            b"Upgrade: h2c\r\nContent-Type: application/grpc\r\nContent-Length: %d\r\n\r\n" % len(preface)
        )
        with socket.create_connection(("127.0.0.1", cloud.ports[part]), timeout=100) as connection:
            connection.sendall(request + preface)
            received = b""
            while chunk := connection.recv(65536):
                received += chunk
        assert not received.startswith(b"HTTP/")
        # Frames of type HEADERS are what an answer is made of. The server says what it is, and that it ends.
        assert 1 not in _frame_types(received)


def _frame_types(received: bytes) -> set[int]:
    """https://www.rfc-editor.org/rfc/rfc9113#section-4.1"""
    types, at = set(), 0
    while at + 9 <= len(received):
        types.add(received[at + 3])
        at += 9 + int.from_bytes(received[at : at + 3])
    return types


@dataclass(frozen=True)
class Deed:
    """What a page would like to do: a request, and where it shows that it was carried out."""

    part: str
    path: str
    body: str
    headers: Mapping[str, str]


def _json(value: Any) -> str:
    return json.dumps(value)


MAIL = {
    "personalizations": [{"to": [{"email": "victim@example.com"}]}],
    "from": {"email": "reports@example.com"},
    "subject": "s",
    "content": [{"type": "text/plain", "value": "v"}],
}
EVENT = {"message": {"data": base64.b64encode(b"{}").decode(), "messageId": "1"}, "subscription": "s"}
TASK = {"task": {"httpRequest": {"url": "http://127.0.0.1:9/"}}}
PLAIN, FORM = {"Content-Type": "text/plain"}, {"Content-Type": "application/x-www-form-urlencoded"}
DEEDS = {
    "mint a token": Deed("identity", "/token", _json({"email": INVOKER, "audience": "http://127.0.0.1:8475"}), PLAIN),
    "make a task": Deed("tasks_rest", f"/v2/{QUEUE}/tasks", _json(TASK), PLAIN),
    "make a task, as a form": Deed("tasks_rest", f"/v2/{QUEUE}/tasks", _json(TASK), FORM),
    "pause the queue": Deed("tasks_rest", f"/v2/{QUEUE}:pause", "", {}),
    "purge the queue": Deed("tasks_rest", f"/v2/{QUEUE}:purge", "", {}),
    "post to Slack": Deed("inbox", SLACK_WEBHOOK_PATH, urlencode({"payload": _json({"text": "hello"})}), FORM),
    "send an email": Deed(
        "inbox",
        "/v3/mail/send",
        _json(MAIL),
        {"Content-Type": "application/json", "Authorization": f"Bearer {SENDGRID_API_KEY}"},
    ),
    "unsubscribe somebody": Deed("inbox", "/asm/unsubscribe?group=7&email=user1@example.com", "", FORM),
    "make a run": Deed("dispatcher", "/dispatch", "", {}),
    "make a dead letter": Deed(
        "dlq_handler", "/projects/p/topics/t", _json(EVENT), {"Content-Type": "application/json"}
    ),
}


class TestDeeds:
    """Each as a page would try it that is another site's, and as one whose name was made to lead here."""

    @pytest.mark.parametrize("deed", DEEDS)
    def test_nothing_is_done(self, cloud: Running, deed: str) -> None:
        part, path, body, headers = DEEDS[deed].part, DEEDS[deed].path, DEEDS[deed].body, DEEDS[deed].headers
        before = self._state(cloud)
        for foreign in (*FOREIGN.values(), cloud.rebound(part)):
            assert _attack(cloud.url(part, path), {**headers, **foreign}, data=body).status_code == 403
        assert self._state(cloud) == before

    @pytest.mark.parametrize("deed", ["mint a token", "make a task", "make a task, as a form"])
    def test_json_comes_as_json_only(self, cloud: Running, deed: str) -> None:
        """An old browser may leave the other headers out. Then it is the type that a page cannot send."""
        part, path, body = DEEDS[deed].part, DEEDS[deed].path, DEEDS[deed].body
        before = self._state(cloud)
        for content_type in (*PLAIN.values(), *FORM.values(), "multipart/form-data; boundary=x", "text/json", ""):
            answer = _attack(cloud.url(part, path), {"Content-Type": content_type}, data=body)
            assert answer.status_code == 415
            assert "application/json" in answer.json()["error"]["message"]
        assert self._state(cloud) == before

    def test_following_a_link_unsubscribes_nobody(self, cloud: Running) -> None:
        page = requests.get(
            cloud.url("inbox", DEEDS["unsubscribe somebody"].path),
            headers={"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"},
            timeout=100,
        )
        assert page.status_code == 200
        assert '<form method="post">' in page.text
        # Under no-referrer the browser would post the form with the origin null.
        assert page.headers["Referrer-Policy"] == "same-origin"

    @staticmethod
    def _state(cloud: Running) -> list[Any]:
        """What there is: emails, messages, tasks, and how the queue is."""
        places = (
            *(cloud.url("inbox", "/api/mails"), cloud.url("inbox", "/api/slack")),
            cloud.url("inbox", "/api/elsewhere"),
            *(cloud.url("tasks_rest", f"/v2/{QUEUE}/tasks"), cloud.url("tasks_rest", f"/v2/{QUEUE}")),
        )
        return [requests.get(place, timeout=100).json() for place in places]


class TestTheDevelopersOwn:
    @pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "inbox.localhost"])
    def test_pages_by_any_name_of_this_machine(self, cloud: Running, name: str) -> None:
        headers = {"Host": f"{name}:{cloud.ports['inbox']}", "Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"}
        assert requests.get(cloud.url("inbox", "/api/mails"), headers=headers, timeout=100).status_code == 200

    def test_a_form_on_its_own_page(self, cloud: Running) -> None:
        headers = {"Origin": cloud.url("inbox").rstrip("/"), "Sec-Fetch-Site": "same-origin", **FORM}
        url = cloud.url("inbox", "/asm/unsubscribe?group=9&email=nobody@example.com")
        answer = requests.post(url, headers=headers, timeout=100)
        assert answer.status_code == 200
        assert "nobody@example.com gets no more emails of group 9" in answer.text
