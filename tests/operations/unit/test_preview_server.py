"""The page of a watched preview."""

import contextlib
import http.client
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from operations.previews.preview_server import PreviewServer

PAGE = "<!doctype html><html><body>{text}</body></html>"


@pytest.fixture
def server() -> Iterator[PreviewServer]:
    with PreviewServer() as running:
        yield running


def get(server: PreviewServer, path: str = "/", **headers: str) -> tuple[int, str]:
    address = urlsplit(server.url)
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=30)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


def after(page: str) -> str:
    """The address by which a page asks for news."""
    return page.partition('EventSource("')[2].partition('"')[0]


def test_a_page_is_told_of_the_next_one(server: PreviewServer) -> None:
    server.show(PAGE.format(text="one"))
    status, page = get(server)
    assert status == 200
    assert page.startswith("<!doctype html><html><body>one<script>")
    answers: list[tuple[int, str]] = []
    waiting = threading.Thread(target=lambda: answers.append(get(server, after(page))))
    waiting.start()
    server.show(PAGE.format(text="two"))
    waiting.join(timeout=30)
    assert answers == [(200, "data: changed\n\n")]
    assert "two" in get(server)[1]


def test_a_change_before_the_page_asks_is_not_missed(server: PreviewServer) -> None:
    server.show(PAGE.format(text="one"))
    _, page = get(server)
    server.show(PAGE.format(text="two"))
    assert get(server, after(page)) == (200, "data: changed\n\n")


def test_a_text_is_shown_as_text(server: PreviewServer) -> None:
    server.tell("report.mjml:3: <mj-text> is not closed")
    assert "report.mjml:3: &lt;mj-text&gt; is not closed<script>" in get(server)[1]


def test_it_ends_while_a_page_waits() -> None:
    with PreviewServer() as server:
        server.show(PAGE.format(text="one"))
        path = after(get(server)[1])

        def ask() -> None:
            # The server may be gone before it is asked.
            with contextlib.suppress(OSError, http.client.HTTPException):
                get(server, path)

        waiting = threading.Thread(target=ask)
        waiting.start()
    waiting.join(timeout=10)
    assert not waiting.is_alive()


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:80"},
        {"Host": ""},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
)
@pytest.mark.parametrize("path", ["/", "/changes"])
def test_other_sites_get_nothing(server: PreviewServer, headers: dict[str, str], path: str) -> None:
    server.show(PAGE.format(text="secret"))
    status, answer = get(server, path, **headers)
    assert status == 403
    assert "secret" not in answer


def test_there_is_nothing_else(server: PreviewServer) -> None:
    assert get(server, "/../../etc/passwd")[0] == 404
    assert get(server, "/", Host=f"localhost:{urlsplit(server.url).port}")[0] == 200
