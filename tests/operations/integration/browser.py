"""The console as a browser has it: pages, forms, and what they come to."""

import html
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import requests

from operations.session import Session
from tests.console_server import serving

_SECONDS = 30


@dataclass
class Browser:
    """Asks the console as a browser does."""

    url: str

    def get(self, path: str, **headers: str) -> requests.Response:
        return requests.get(self.url + path, headers=headers, timeout=_SECONDS, allow_redirects=False)

    def token(self, path: str = "/queues") -> str:
        found = re.search(r'name="token" value="([0-9a-f-]+)"', self.get(path).text)
        assert found is not None
        return found[1]

    def post(self, path: str, fields: Any, **headers: str) -> requests.Response:
        sent = {"Origin": self.url, "Sec-Fetch-Site": "same-origin", **headers}
        return requests.post(self.url + path, data=fields, headers=sent, timeout=_SECONDS, allow_redirects=False)

    def act(self, path: str, *, page: str = "/queues", **fields: Any) -> requests.Response:
        return self.post(path, {"token": self.token(page), **fields})

    def confirmed(self, act: str, **fields: Any) -> dict[str, Any]:
        """The fields of the form that begins an act with dead letters, as the page that asks first has them."""
        asked = self.act(f"/dead-letters/{act}/confirm", page="/dead-letters", **fields)
        assert asked.status_code == HTTPStatus.OK, asked.text
        form = asked.text.partition(f'action="/dead-letters/{act}/begin"')[2]
        found: dict[str, Any] = {"id": []}
        for name, value in re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form):
            if name == "id":
                found["id"].append(html.unescape(value))
            else:
                found[name] = html.unescape(value)
        return found

    def begin(self, act: str, fields: dict[str, Any], **typed: str) -> requests.Response:
        """Begin an act with dead letters that was confirmed."""
        return self.post(f"/dead-letters/{act}/begin", {**fields, **typed})

    def came_to(self, answer: requests.Response) -> str:
        """What the page says that a form has come to."""
        assert answer.status_code == HTTPStatus.SEE_OTHER, answer.text
        said = re.search(
            r'<p class="message[^"]*" role="status">(.*?)</p>', self.get(answer.headers["Location"]).text, re.S
        )
        assert said is not None
        return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", said[1])).strip()

    def finished_job(self, answer: requests.Response) -> str:
        """The page of a job, once it is done."""
        assert answer.status_code == HTTPStatus.SEE_OTHER, answer.text
        while True:
            page = self.get(answer.headers["Location"]).text
            if re.search(r"(Done|Stopped|Cut short):", page):
                return page
            time.sleep(0.05)


@contextmanager
def running(*, read_only: bool = False) -> Iterator[Browser]:
    with serving(Session(None), read_only=read_only) as served:
        yield Browser(served.url)
    # What is still counted for its charts would be reads of the next test.
    for thread in threading.enumerate():
        if thread.name == "figures":
            thread.join()
