"""A project: takes command lines, carries them out on what the project holds, and keeps a log."""

import copy
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from deployment.engine.discovery import Method
from tests.deployment.stand_in.arguments import CommandLine, Refused, command_of
from tests.deployment.stand_in.documents import answer_documents
from tests.deployment.stand_in.interface import answer, method_of
from tests.deployment.stand_in.output import render
from tests.deployment.stand_in.permissions import missing_permission
from tests.deployment.stand_in.rest_request import RestAnswer, RestRequest, rest_error
from tests.deployment.stand_in.services import Cloud
from tests.deployment.stand_in.time_series import list_time_series


def command_in(call: list[str]) -> str:
    """The words of the command that a call of the log is, or the method of an interface, without their objects."""
    if call[1:2] == ["REST"]:
        return " ".join([*call[:3], call[-1].removeprefix(_COLLECTION)])
    if "." in call[0]:
        return call[0]
    return command_of(call)


_COLLECTION = "--collection="
"""What stands before the last word of a request in the log."""


@dataclass(frozen=True)
class Answer:
    """How a call ends: its exit status, and what it prints; on standard error if the status is not 0."""

    status: int = 0
    text: bytes = b""


class Project:
    """What a project holds, and the calls about it. Calls that run side by side wait for each other.

    Args:
        state: what it holds, to begin with.

    Attributes:
        calls: the command lines since the state was last set, or the log emptied.
        hanging_command: the command that does not come to its end.
        hangs: set when that command was called.
    """

    def __init__(self, state: Mapping[str, Any]) -> None:
        self._lock = threading.Lock()
        self.state = dict(state)
        self.hanging_command = ""
        self.hangs = threading.Event()

    @property
    def state(self) -> dict[str, Any]:
        """A copy of what it holds."""
        return copy.deepcopy(self._state)

    @state.setter
    def state(self, state: Mapping[str, Any]) -> None:
        self._state: dict[str, Any] = copy.deepcopy(dict(state))
        self.calls: list[list[str]] = []

    def carry_out(self, words: list[str], given: bytes) -> Answer | None:
        """Carry out one command line.

        Args:
            words: the command line.
            given: the standard input of a command that reads it.

        Returns:
            The answer; None from the command that hangs.
        """
        if words[-1:] == ["--help"]:
            return Answer()
        with self._lock:
            self.calls.append(words)
            try:
                line = CommandLine(words)
                if line.command == self.hanging_command:
                    self.hangs.set()
                    return None
                self._fail_if_asked_for(line, "before")
                result = Cloud(self._state, line, given).run()
                self._fail_if_asked_for(line, "after")
            except Refused as refusal:
                return Answer(refusal.status, f"{refusal}\n".encode())
            return Answer(text=result if isinstance(result, bytes) else render(result, line.flags).encode())

    def answer(self, interface: str, request: RestRequest) -> RestAnswer | None:
        """Carry out a request to a REST interface.

        Args:
            interface: one of INTERFACES.
            request: the request.

        Returns:
            The answer; None from the method that hangs.
        """
        is_document = interface == "firestore" and "/documents" in request.name
        found = None if is_document else method_of(interface, request)
        if found is not None:
            return self._answer_method(*found, request)
        if not is_document:
            return rest_error(HTTPStatus.NOT_FOUND, "NOT_FOUND", f"No method: {request.method} {request.name}")
        with self._lock:
            # Collections and names by turns; a document's begin after a word of their own.
            parts = request.name.replace("/documents/", "/").split("/")
            collection = parts[-1 if len(parts) % 2 else -2]
            call = [interface, "REST", request.method, parts[-1], f"{_COLLECTION}{collection}"]
            self.calls.append(call)
            for fault in self._faults_of(command_in(call), "before"):
                return rest_error(HTTPStatus.FORBIDDEN, "PERMISSION_DENIED", fault["text"])
            if permission := missing_permission(self._state, command_in(call)):
                message = f"Permission '{permission}' denied on resource '{request.name}' (or it may not exist)."
                return rest_error(HTTPStatus.FORBIDDEN, "PERMISSION_DENIED", message)
            return answer_documents(self._state, request)

    def _answer_method(self, method: Method, target: str, request: RestRequest) -> RestAnswer | None:
        with self._lock:
            self.calls.append([method.id, target.rpartition("/")[2]])
            if method.id == self.hanging_command:
                self.hangs.set()
                return None
            for fault in self._faults_of(method.id, "before"):
                return _fault_of_service(fault["text"])
            if method.id == "monitoring.projects.timeSeries.list":
                return list_time_series(self._state, request)
            answered = answer(self._state, method, target, request)
            for fault in self._faults_of(method.id, "after"):
                return _fault_of_service(fault["text"])
            return answered

    def _fail_if_asked_for(self, line: CommandLine, when: str) -> None:
        for fault in self._faults_of(line.command, when):
            raise Refused(f"ERROR: (gcloud.{line.command.replace(' ', '.')}) {fault['text']}")

    def _faults_of(self, command: str, when: str) -> Iterator[dict[str, Any]]:
        """The faults that are due now, each of which counts as come when it is taken."""
        for fault in self._state["faults"]:
            if fault["when"] == when and fault["times"] > 0 and command.startswith(fault["command"]):
                fault["times"] -= 1
                yield fault


def _fault_of_service(text: str) -> RestAnswer:
    """The answer of an interface that fails with a text such as `UNAVAILABLE: try later`."""
    code = text.partition(":")[0]
    statuses = {
        "RESOURCE_EXHAUSTED": HTTPStatus.TOO_MANY_REQUESTS,
        "NOT_FOUND": HTTPStatus.NOT_FOUND,
        "PERMISSION_DENIED": HTTPStatus.FORBIDDEN,
        "UNAVAILABLE": HTTPStatus.SERVICE_UNAVAILABLE,
    }
    return rest_error(statuses[code], code, text)
