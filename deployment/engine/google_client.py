"""Sends requests to Google, and tries again what passes by itself."""

import io
import itertools
import os
import re
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

import requests
from google.auth.exceptions import RefreshError, TransportError
from google.auth.transport.requests import AuthorizedSession
from google.resumable_media import UPLOAD_CHUNK_SIZE, InvalidResponse
from google.resumable_media.requests import ResumableUpload

from deployment.engine.credentials import renewal
from deployment.engine.declared import Kind
from deployment.engine.discovery import Method, Request, Resource
from deployment.engine.google_error import UNFINISHED, GoogleError
from deployment.engine.young_things import PATIENCE_SECONDS, YoungThings

FIRST_WAIT_SECONDS = 2
LONGEST_WAIT_SECONDS = 60
_CALL_SECONDS = 60.0
_MINUTE = 60
_LONGEST_WORK_SECONDS = 1800
"""As long as gcloud waits. https://github.com/google-cloud-sdk-unofficial/google-cloud-sdk/blob/master/lib/googlecloudsdk/api_lib/util/waiter.py"""

_ALWAYS_THERE = {
    "storage.buckets.": "projectNumber",
    "storage.objects.": "generation",
    "run.projects.locations.builds.submit": "buildOperation",
}
"""Fields that an answer has, beside the name of a resource, by what its method's id begins with."""

_NEVER_TURNED_ON = frozenset({"containeranalysis"})
"""Interfaces that a run reads if they are on."""

_ON_THE_PROJECTS_QUOTA = frozenset({"billingbudgets", "cloudquotas", "firebaserules"})
"""Interfaces that count for the quota of the project that is deployed to, whose interfaces are enabled.
https://cloud.google.com/docs/quotas/set-quota-project"""


class GoogleClient:
    """Google's interfaces, as one account. Threads may share it. What fails is a GoogleError. `number` is the
    project's, empty before it is known. If `apis_may_be_off`, as before the run that enables them, a disabled interface
    is an answer, but for those that are known to be `on`."""

    def __init__(
        self,
        session: AuthorizedSession,
        project: str,
        *,
        wait: Callable[[float], None] = time.sleep,
        now: Callable[[], datetime],
        say: Callable[[str], None] = print,
        apis_may_be_off: bool = False,
    ) -> None:
        self._session = session
        self._on_the_project = _on_the_quota_of(project, session)
        self._project = project
        self.number = ""
        self.wait = wait
        self._say = say
        self.apis_may_be_off = apis_may_be_off
        self.on: frozenset[str] = frozenset()
        self.young = YoungThings(now)
        self._remembered: dict[str, Resource | None] | None = None

    def remember(self) -> None:
        """Read nothing twice from now on, so that a plan is of one state of things."""
        self._remembered = {}

    def forget(self) -> None:
        """Ask Google again from now on, since a plan is about to change what it answers."""
        self._remembered = None

    def promise(self, request: Request, answer: Resource) -> None:
        if self._remembered is not None:
            self._remembered[_key(request)] = answer

    def send(
        self, request: Request, *, kind: Kind | None = None, is_done: Callable[[], Resource | None] | None = None
    ) -> Resource:
        """Send a request until it works or cannot succeed. With `kind`, the attempt is over with what the request
        begins. `is_done` looks for what a request has done whose answer may be lost, before it is sent again."""
        return self.send_anew(lambda: request, kind=kind, is_done=is_done, is_anew=False)

    def send_anew(
        self,
        make: Callable[[], Request],
        *,
        kind: Kind | None = None,
        is_done: Callable[[], Resource | None] | None = None,
        passes: Callable[[], bool] = bool,
        is_anew: bool = True,
    ) -> Resource:
        """Send a request like `send`, and make it again before each attempt, from what is there by then. `passes` says
        whether what the request began failed for a reason that passes by itself."""
        waited, may_be_done = 0.0, False
        for attempt in itertools.count(1):
            request = make()
            sent = self.young.now()
            try:
                answer = self._send_once(request)
                if kind is not None:
                    self.await_end(kind, answer)
            except GoogleError as error:
                is_gone = error.is_absence and request.method.verb == "delete"
                may_be_done |= error.may_be_done
                if is_gone and (may_be_done or self.young.concerned(request, error) is None):
                    self.young.forget(request.target)
                    return {}
                if error.code == "ALREADY_EXISTS" and is_done is not None:
                    # A list that lags did not have it.
                    self.young.note(request, {})
                # With the same etag it would be refused again: somebody changed the resource after it was read.
                is_stale = error.code == "ABORTED" and "etag" in (request.body or {}) and not is_anew
                wanted = max(min(FIRST_WAIT_SECONDS << min(attempt - 1, 5), LONGEST_WAIT_SECONDS), error.retry_after)
                is_passing = error.passes or (error.of_what_was_begun and passes())
                seconds = (
                    0.0 if is_stale else self._patience(request, error, sent, waited, wanted, is_passing=is_passing)
                )
                if seconds <= 0:
                    if is_gone:
                        return {}
                    raise
            else:
                return answer
            if may_be_done and request.method.verb == "delete":
                self.young.forget(request.target)
            self.wait(seconds)
            waited += seconds
            if is_done is not None and (made := is_done()) is not None:
                return made
        raise AssertionError  # pragma: no cover

    def _patience(
        self, request: Request, error: GoogleError, sent: datetime, waited: float, wanted: float, *, is_passing: bool
    ) -> float:
        """How long to wait before a request is made again, in seconds; 0 if that is of no use, or no more. What it
        began may have failed right after it was sent, and say so much later."""
        left, why = PATIENCE_SECONDS - waited if is_passing else 0.0, f"trying again in {{:.0f}} s: {error.code}"
        if error.api_is_off and self._may_be_off(request):
            left = 0.0
        thing = None if error.is_final else self.young.concerned(request, error)
        if thing is not None and (not error.passes or error.api_is_off or error.of_what_was_begun):
            age = (sent - thing.made).total_seconds()
            left = min(PATIENCE_SECONDS - age, PATIENCE_SECONDS - waited)
            verb = "changed" if thing.is_grant else "made"
            why = f"waiting for {thing.name} ({verb} {age:.0f} s ago), again in {{:.0f}} s: {error.status} {error.code}"
            if waited or left > 0:
                error.unseen = (
                    f"Google may not see {thing.name} everywhere yet, {age / 60:.0f} minutes after it was {verb}: "
                    "wait a little, and run this again."
                )
        # Who says when has to be obeyed; else there is one attempt at the very end.
        seconds = wanted if error.retry_after else min(wanted, left)
        if not 0 < seconds <= left:
            return 0.0
        self._say(f"    {why.format(seconds)}: {error.message}")
        return seconds

    def read_if_there(self, request: Request) -> Resource | None:
        """What a request reads; None where there is none, or where the interface is off and may be."""
        try:
            return self.read(request)
        except GoogleError as error:
            if not error.is_absence:
                raise
            if self._remembered is not None:
                self._remembered[_key(request)] = None
            return None

    def all_of(self, kind: Kind, parent: str) -> list[Resource]:
        """The resources of a list, whatever number of pages they take; none where the interface is off and may be."""
        method = kind.method("list")
        found: list[Resource] = []
        query = {"filter": kind.list_filter} if kind.list_filter else {}
        while True:
            asked = method.request(parent, query=query)
            page = (self.read_if_there(asked) if kind.in_another else self.read(asked)) or {}
            listed = page.get(method.list_field(), [])
            if not isinstance(listed, list) or not all(isinstance(each, dict) and each.get("name") for each in listed):
                raise GoogleError.of_odd_answer(f"{method.id} {parent}", page)
            found += listed
            if not page.get("nextPageToken"):
                return found
            query["pageToken"] = page["nextPageToken"]

    def await_end(self, kind: Kind, operation: Resource) -> None:
        """Wait for what a request has begun. Its answer may be a resource, which has come to its end."""
        for look in self.looks(operation.get("name", "")):
            if look:
                operation = self.send(kind.operation(operation["name"]))
            if "error" in operation:
                raise GoogleError.of_operation(operation["name"], operation["error"])
            # Those of Service Usage are below no project.
            if operation.get("done") or not re.search("(^|/)operations/", operation.get("name", "")):
                return
        message = "Google is still at it after half an hour."
        raise GoogleError(request=operation["name"], status=HTTPStatus.OK, code=UNFINISHED, message=message)

    def looks(self, what: str) -> Iterator[int]:
        """The numbers of looks at something that Google is at, for half an hour, with a wait before each but the first.
        A line tells each minute that the run is waiting."""
        for waited in range(0, _LONGEST_WORK_SECONDS + 1, FIRST_WAIT_SECONDS):
            if waited:
                self.wait(FIRST_WAIT_SECONDS)
            if waited and waited % _MINUTE == 0:
                self._say(f"    waiting for {what}, for {waited // _MINUTE} min now")
            yield waited // FIRST_WAIT_SECONDS

    def read(self, request: Request) -> Resource | None:
        """What a request reads; None where the interface is off and may be."""
        key, remembered = _key(request), {} if self._remembered is None else self._remembered
        if key not in remembered:
            try:
                remembered[key] = self.send(request)
            except GoogleError as error:
                if not (error.api_is_off and self._may_be_off(request)):
                    raise
                remembered[key] = None
        return remembered[key]

    def _may_be_off(self, request: Request) -> bool:
        api = request.method.api
        return api in _NEVER_TURNED_ON or (self.apis_may_be_off and api not in self.on)

    def _send_once(self, request: Request) -> Resource:
        name = f"{request.method.id} {request.target}"
        api = request.method.api
        address = f"{endpoint_of(api)}/{request.path}"
        try:
            if request.query.get("uploadType") == "resumable":
                answer = self._send_in_parts(address, request)
            else:
                session = self._on_the_project if api in _ON_THE_PROJECTS_QUOTA else self._session
                answer = session.request(  # type: ignore[no-untyped-call]
                    request.method.http_method,
                    address,
                    params=dict(request.query),
                    json=request.body,
                    data=request.content,
                    headers={"X-Goog-User-Project": self._project} if api in _ON_THE_PROJECTS_QUOTA else None,
                    timeout=_CALL_SECONDS,
                )
            if request.query.get("alt") == "media" and answer.ok:
                return {"text": answer.text}
            document = answer.json() if answer.content else {}
        except requests.exceptions.JSONDecodeError:
            document = answer.text
        except RefreshError as error:
            message = str(error.args[0] if error.args else error)
            raise self._unknown(GoogleError(request=name, status=0, code="UNAUTHENTICATED", message=message)) from None
        except (requests.exceptions.RequestException, TransportError) as error:
            raise GoogleError.of_connection(name, error) from None
        if not answer.ok or not isinstance(document, dict):
            refusal = self._unknown(GoogleError.of_answer(name, answer.status_code, document))
            refusal.retry_after = _seconds(answer.headers.get("Retry-After"))
            refusal.is_anothers = bool(self.number) and refusal.consumer not in {"", self._project, self.number}
            raise refusal
        if "uploadType" not in request.query and any(not document.get(field) for field in _needed(request.method)):
            raise GoogleError.of_odd_answer(name, document)
        self.young.note(request, document)
        return document

    def _send_in_parts(self, address: str, request: Request) -> requests.Response:
        """Send a file so that a connection that breaks costs a part of it: the library sends that again.
        https://cloud.google.com/storage/docs/resumable-uploads"""
        upload: Any = ResumableUpload(  # type: ignore[no-untyped-call]
            f"{address}?{urlencode(request.query)}", UPLOAD_CHUNK_SIZE
        )
        try:
            answer: requests.Response = upload.initiate(
                self._session, io.BytesIO(request.content or b""), {}, "application/gzip"
            )
            while not upload.finished:
                answer = upload.transmit_next_chunk(self._session)
        except InvalidResponse as error:
            answer = error.response
        return answer

    def _unknown(self, error: GoogleError) -> GoogleError:
        used = getattr(self._session, "credentials", None)
        if error.code == "UNAUTHENTICATED" and used is not None:
            error.advice = renewal(used)
        return error


def _on_the_quota_of(project: str, session: AuthorizedSession) -> AuthorizedSession:
    """A session whose calls count for the quota of a project, whatever the credentials say: a header beside a quota
    project of theirs is overwritten."""
    used = getattr(session, "credentials", None)
    if getattr(used, "quota_project_id", None) in {None, project}:
        return session
    return AuthorizedSession(used.with_quota_project(project))  # type: ignore[no-untyped-call,union-attr]


def _needed(method: Method) -> list[str]:
    """The fields without which an answer is of no use. A policy without an etag, written back, would undo what others
    have granted."""
    if method.verb == "getIamPolicy":
        return ["etag"]
    if method.verb in {"list", "delete"} and method.api == "storage":
        return []
    own = [field for begins, field in _ALWAYS_THERE.items() if method.id.startswith(begins)]
    return [*own, *(["name"] if "response" in method.described and method.field_schema("name", of="response") else [])]


def _seconds(text: str | None) -> float:
    """Of a header Retry-After; 0 without one. Google says no date there."""
    return float(text) if text is not None and text.isdecimal() else 0.0


def _key(request: Request) -> str:
    return f"{request.method.id} {request.path} {sorted(request.query.items())} {request.body}"


def endpoint_of(api: str) -> str:
    """Where an interface is: where gcloud looks for it, too.
    https://cloud.google.com/sdk/docs/properties#setting_properties_using_environment_variables"""
    overridden = os.environ.get(f"CLOUDSDK_API_ENDPOINT_OVERRIDES_{api.upper()}")
    return (overridden or f"https://{api}.googleapis.com").rstrip("/")
