"""Who looks at the console, and whether they may act."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol

from starlette.requests import Request


@dataclass(frozen=True, kw_only=True)
class Viewer:
    """A person who looks at the console.

    Attributes:
        name: how the action log names the person.
        may_act: whether the person may change anything, and see email addresses.
    """

    name: str
    may_act: bool


class NotAdmitted(Exception):
    """The request does not prove who sends it. The text says what is missing.

    Attributes:
        status: what it is answered with.
    """

    def __init__(self, message: str, status: HTTPStatus = HTTPStatus.FORBIDDEN) -> None:
        super().__init__(message)
        self.status = status


class Access(Protocol):
    """How the console knows who looks at it."""

    def viewer(self, request: Request) -> Viewer:
        """The person who sends a request. Called in a thread: it may wait for the network.

        Raises:
            NotAdmitted: the request does not prove it.
        """


class LocalAccess:
    """The console on the operator's own machine, where those who reach it have the operator's credentials anyway.

    Args:
        name: the operator's.
        read_only: whether the operator wants to change nothing.
    """

    def __init__(self, name: str, *, read_only: bool) -> None:
        self._viewer = Viewer(name=name, may_act=not read_only)

    def viewer(self, request: Request) -> Viewer:
        """The operator."""
        del request
        return self._viewer
