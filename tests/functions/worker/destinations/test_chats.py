"""What the chats show of a report, and what they have no room for."""

import base64
import json
import socket
from urllib.parse import parse_qsl

import pytest

from functions.shared.records.deliver import Deliver, DestinationName
from functions.worker.destinations.chat.chat import Chat
from functions.worker.destinations.outcome import Accepted, Refused
from functions.worker.destinations.slack.slack import Slack
from functions.worker.destinations.teams.card import MOST_BYTES, body
from functions.worker.destinations.teams.teams import Teams
from local_pipeline.inbox import slack as slack_rules
from report_kit.blocks import Headline
from report_kit.report import InlineImage
from tests.functions.worker.destinations.conftest import Serve
from tests.functions.worker.destinations.http_server import answer, read_request
from tests.functions.worker.destinations.sample_parcel import PARCEL, parcel
from tests.support import now

LONG = [Headline(label="L" * 5_000, value="V" * 5_000, change="C" * 5_000)] * 30


def test_slack_gets_the_picture_and_one_call_posts_the_message(serve: Serve) -> None:
    calls: list[tuple[str, dict[str, str], bytes]] = []
    port = 0

    def behave(connection: socket.socket) -> None:
        head, sent = read_request(connection)
        path = head.decode().split(" ")[1]
        fields = dict(parse_qsl(sent.decode())) if path.startswith("/api/") else {}
        calls.append((path, fields, sent))
        if path.endswith("getUploadURLExternal"):
            said = {"ok": True, "file_id": "F1", "upload_url": f"http://127.0.0.1:{port}/upload/F1"}
        else:
            said = {"ok": True, "files": [{"id": "F1"}], "ts": "1.2"}
        connection.sendall(answer(200, said))

    port = serve(behave)
    deliver = Deliver(DestinationName.SLACK, channel="C1", secret="acme")
    slack = Slack(deliver, {"acme": "xoxb-1"}, host=f"http://127.0.0.1:{port}/api", now=now)
    assert slack.send(PARCEL, seconds=5) == Accepted(message_id="1.2")
    (_, asked, _), (_, _, picture), (last, posted, _) = calls
    assert (asked["length"], picture) == ("400", b"\x89PNG" * 100)
    assert last == "/api/files.completeUploadExternal"
    assert (posted["channel_id"], json.loads(posted["files"])) == ("C1", [{"id": "F1", "title": "By hour"}])
    blocks = json.loads(posted["blocks"])
    assert blocks[0]["block_id"] == PARCEL.delivery_id
    assert slack_rules.find_refusal({"text": "t", "blocks": blocks}) is None


def test_slack_gets_the_message_without_a_picture_that_it_does_not_take(serve: Serve) -> None:
    paths: list[str] = []

    def behave(connection: socket.socket) -> None:
        paths.append(read_request(connection)[0].decode().split(" ")[1])
        is_upload = paths[-1].endswith("getUploadURLExternal")
        connection.sendall(
            answer(200, {"ok": False, "error": "missing_scope"} if is_upload else {"ok": True, "ts": "1"})
        )

    deliver = Deliver(DestinationName.SLACK, channel="C1", secret="acme")
    slack = Slack(deliver, {"acme": "xoxb-1"}, host=f"http://127.0.0.1:{serve(behave)}/api", now=now)
    assert isinstance(slack.send(parcel(headlines=LONG, summary="S" * 9_000), seconds=5), Accepted)
    assert paths[-1] == "/api/chat.postMessage"


def test_teams_gets_the_chart_where_there_is_room_for_it() -> None:
    shown = json.loads(body(PARCEL))["attachments"][0]["content"]["body"]
    assert shown[0]["text"] == r"Orders <now> & \*then\*"
    assert base64.b64decode(shown[-1]["url"].partition(",")[2]) == b"\x89PNG" * 100
    assert shown[-1]["altText"] == "Most came at 10."
    large = parcel(images=[InlineImage(content_id="orders-chart", content=b"x" * 40_000)])
    assert len(body(large)) <= MOST_BYTES
    assert b'"Image"' not in body(large)


@pytest.mark.parametrize(
    "url", ["https://a:t0ken@chat.example/x", "https://chat.example:t0ken/x", "https://[t0ken/x", "https:///t0ken"]
)
def test_a_secret_that_is_no_url_is_a_dead_letter_that_does_not_repeat_it(url: str) -> None:
    for chat in (Chat, Teams):
        outcome = chat(Deliver(DestinationName.CHAT, secret="acme"), {"acme": url}, now=now).send(PARCEL, seconds=1)
        assert isinstance(outcome, Refused)
        assert "t0ken" not in outcome.error


def test_a_repeat_in_google_chat_has_the_same_request_id(serve: Serve) -> None:
    paths: list[str] = []

    def behave(connection: socket.socket) -> None:
        paths.append(read_request(connection)[0].decode().split(" ")[1])
        connection.sendall(answer(200, {}))

    url = f"http://127.0.0.1:{serve(behave)}/v1/spaces/S/messages?key=k&token=t"
    chat = Chat(Deliver(DestinationName.CHAT, secret="acme"), {"acme": url}, now=now)
    [request] = chat.requests(PARCEL)
    for key in ("a/1", "a/1", "b/1"):
        chat.send_requests({key: request}, seconds=5)
    assert paths[0] == paths[1] != paths[2]
    assert paths[0].startswith("/v1/spaces/S/messages?key=k&token=t&requestId=")
