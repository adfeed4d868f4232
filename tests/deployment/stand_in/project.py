"""A project: takes requests, carries them out on what the project holds, and keeps a log."""

import pickle
import threading
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any, TypeVar

from tests.deployment.stand_in.documents import answer_documents, document_method
from tests.deployment.stand_in.interface import answer, method_of
from tests.deployment.stand_in.permissions import missing_permission
from tests.deployment.stand_in.rest_request import RestAnswer, RestRequest, rest_error
from tests.deployment.stand_in.storage import object_of
from tests.deployment.stand_in.the_project import NUMBER, api_is_off
from tests.deployment.stand_in.time_series import list_time_series


class Project:
    """What a project holds, and the requests about it. Those that run side by side wait for each other.

    Args:
        state: what it holds, to begin with.

    Attributes:
        calls: the method and the end of what it is about, of each request since the state was last set, or the log
            emptied.
        hanging_command: the method that does not come to its end.
        hangs: set when that method was called.
    """

    def __init__(self, state: Mapping[str, Any]) -> None:
        self._lock = threading.Lock()
        self.state = dict(state)
        self.hanging_command = ""
        self.hangs = threading.Event()

    @property
    def state(self) -> dict[str, Any]:
        """A copy of what it holds."""
        return _copy(self._state)

    @state.setter
    def state(self, state: Mapping[str, Any]) -> None:
        self._state: dict[str, Any] = _copy(dict(state))
        self.calls: list[list[str]] = []

    def answer(self, interface: str, request: RestRequest) -> RestAnswer | None:
        """Carry out a request.

        Args:
            interface: one of INTERFACES.
            request: the request.

        Returns:
            The answer; None from the method that hangs.
        """
        if interface == "firestore" and "/documents" in request.name:
            called, target = document_method(request), request.name
        elif (found := method_of(interface, request)) is not None:
            method, target = found
            called = method.id
        else:
            return rest_error(HTTPStatus.NOT_FOUND, "NOT_FOUND", f"No method: {request.method} {request.name}")
        with self._lock:
            # Of an object that is the lock of a run, the name is of interest.
            is_lock = "locks/" in f"{request.name} {request.query.get('name')}"
            self.calls.append([called, "locks/" if is_lock else target.rpartition("/")[2]])
            if called == self.hanging_command:
                self.hangs.set()
                return None
            for fault in self._faults_of(called, "before"):
                return _fault_of_service(fault["text"])
            is_object = called.startswith("storage.objects.")
            about = f"projects/_/buckets/{target}/objects/{object_of(request)}" if is_object else target
            if permission := missing_permission(self._state, called, about):
                message = f"Permission '{permission}' denied on resource '{target}' (or it may not exist)."
                return rest_error(HTTPStatus.FORBIDDEN, "PERMISSION_DENIED", message)
            if called.startswith(_DOCUMENTS):
                answered = answer_documents(self._state, request)
            elif called == "monitoring.projects.timeSeries.list":
                answered = list_time_series(self._state, request)
            else:
                answered = answer(self._state, method, target, request)
            for fault in self._faults_of(called, "after"):
                return _fault_of_service(fault["text"])
            return _copy(answered)

    def _faults_of(self, method: str, when: str) -> Iterator[dict[str, Any]]:
        """The faults that are due now, each of which counts as come when it is taken."""
        for fault in self._state["faults"]:
            if fault["when"] == when and fault["times"] > 0 and method.startswith(fault["command"]):
                fault["times"] -= 1
                yield fault


_DOCUMENTS = "firestore.projects.databases.documents."


def _fault_of_service(text: str) -> RestAnswer:
    """The answer of an interface that fails with a text such as `UNAVAILABLE: try later`."""
    code = text.partition(":")[0]
    if code == "SERVICE_DISABLED":
        return api_is_off(text, consumer="".join(filter(str.isdigit, text)) or NUMBER)
    statuses = {
        "RESOURCE_EXHAUSTED": HTTPStatus.TOO_MANY_REQUESTS,
        "NOT_FOUND": HTTPStatus.NOT_FOUND,
        "PERMISSION_DENIED": HTTPStatus.FORBIDDEN,
        "UNAUTHENTICATED": HTTPStatus.UNAUTHORIZED,
        "INVALID_ARGUMENT": HTTPStatus.BAD_REQUEST,
        "FAILED_PRECONDITION": HTTPStatus.BAD_REQUEST,
        "OUT_OF_RANGE": HTTPStatus.BAD_REQUEST,
        "UNAVAILABLE": HTTPStatus.SERVICE_UNAVAILABLE,
    }
    return rest_error(statuses[code], code, text)


T = TypeVar("T")


def _copy(whole: T) -> T:
    """Faster than `deepcopy`."""
    copied: T = pickle.loads(pickle.dumps(whole))  # noqa: S301  it is our own
    return copied
