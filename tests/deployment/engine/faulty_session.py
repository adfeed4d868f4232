"""A session that fails, or ends the run, at a request of one's choice."""

from collections.abc import Callable
from typing import Any

import requests

from tests.deployment.stand_in.project import Project
from tests.deployment.stand_in.session import StandInSession


class Killed(BaseException):
    """The run ends where it is."""


class FaultySession:
    """Sends requests, and counts them.

    Args:
        project: answers them.
        at: which fails: the number of a write, from 0, or the end of a read's address.
        fault: what becomes of it: an HTTP status; `cut` and `time-out` for no answer; `lost` for one that was carried
            out; `kill` for the end of the run after it.
        times: how often it, or the same request again, fails.
    """

    def __init__(self, project: Project, *, at: int | str = -1, fault: int | str = "", times: int = 1000) -> None:
        self._session = StandInSession(project)
        self._at, self._fault, self._times = at, fault, times
        self._failing: tuple[str, str] | None = None
        self.reads: list[str] = []
        self.writes: list[str] = []

    def request(self, method: str, url: str, **rest: Any) -> requests.Response:
        """As AuthorizedSession's."""
        is_read = method == "GET" or url.endswith((":getIamPolicy", ":test"))
        log = self.reads if is_read else self.writes
        log.append(url)
        is_it = url.endswith(self._at) if isinstance(self._at, str) else self._at == len(self.writes) - 1
        if is_it and isinstance(self._at, str) == is_read:
            self._failing = method, url
        if (method, url) == self._failing and self._times > 0:
            self._times -= 1
            return self._fail(lambda: self._session.request(method, url, **rest))
        return self._session.request(method, url, **rest)

    def _fail(self, send: Callable[[], requests.Response]) -> requests.Response:
        if isinstance(self._fault, int):
            answer = requests.Response()
            answer.status_code = self._fault
            answer._content = b"<html>A proxy says no.</html>"
            return answer
        if self._fault == "time-out":
            raise requests.exceptions.ReadTimeout("no answer in 60 s")
        if self._fault == "cut":
            raise requests.exceptions.ConnectionError("Connection aborted.")
        send()
        if self._fault == "kill":
            raise Killed
        raise requests.exceptions.ConnectionError("Remote end closed connection without response")
