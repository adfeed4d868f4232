"""Sends requests to Google, and tries again what passes by itself."""

import io
import os
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import requests
from google.auth.exceptions import RefreshError, TransportError
from google.auth.transport.requests import AuthorizedSession
from google.resumable_media import UPLOAD_CHUNK_SIZE, InvalidResponse
from google.resumable_media.requests import ResumableUpload

from deployment.engine.credentials import renewal
from deployment.engine.declared import Kind
from deployment.engine.discovery import Request, Resource
from deployment.engine.google_error import GoogleError

ATTEMPTS = 10
FIRST_WAIT_SECONDS = 2
LONGEST_WAIT_SECONDS = 60
_CALL_SECONDS = 60.0
_LOOKS_AT_OPERATION = 300

_REFUSED = ("PERMISSION_DENIED", "FAILED_PRECONDITION", "INVALID_ARGUMENT")
"""How a service says that it may not use a key."""

_ON_THE_PROJECTS_QUOTA = frozenset({"billingbudgets", "cloudquotas", "firebaserules"})
"""Interfaces that count for the quota of the project that is deployed to, whose interfaces are enabled.
https://cloud.google.com/docs/quotas/set-quota-project"""


class GoogleClient:
    """Google's interfaces, as one account. Threads may share it. What fails is a GoogleError.

    Args:
        session: sends requests as the account.
        project: the project that is deployed to.
        wait: waits for so many seconds.
        say: is told of each new attempt.
        apis_may_be_off: whether a disabled interface is an answer, as before the run that enables it.

    Attributes:
        wait: see above.
        on: the interfaces that are known to be enabled: that one of them says otherwise is no answer.
    """

    def __init__(
        self,
        session: AuthorizedSession,
        project: str,
        *,
        wait: Callable[[float], None] = time.sleep,
        say: Callable[[str], None] = print,
        apis_may_be_off: bool = False,
    ) -> None:
        self._session = session
        self._project = project
        self.wait = wait
        self._say = say
        self.apis_may_be_off = apis_may_be_off
        self.on: frozenset[str] = frozenset()
        self._remembered: dict[str, Resource | None] | None = None
        self._has_shared_a_key = False

    def remember(self) -> None:
        """Read nothing twice from now on, so that a plan is of one state of things."""
        self._remembered = {}

    def forget(self) -> None:
        """Ask Google again from now on, since a plan is about to change what it answers."""
        self._remembered = None

    def promise(self, request: Request, answer: Resource) -> None:
        """Have a request read what a plan will bring about."""
        if self._remembered is not None:
            self._remembered[_key(request)] = answer

    def send(self, request: Request, *, is_done: Callable[[], Resource | None] | None = None) -> Resource:
        """Send a request until it works or cannot succeed.

        Args:
            is_done: looks for what a request has done whose answer may be lost, before it is sent again.
        """
        return self.send_anew(lambda: request, is_done=is_done, is_anew=False)

    def send_anew(
        self,
        make: Callable[[], Request],
        *,
        kind: Kind | None = None,
        is_done: Callable[[], Resource | None] | None = None,
        passes: Callable[[], bool] = bool,
        is_anew: bool = True,
    ) -> Resource:
        """Send a request that is made anew for each attempt, of what is there by then.

        Args:
            make: reads what is there, and makes the request.
            kind: what it is about, where the attempt is over with what the request begins.
            is_done: as above.
            passes: whether what the request has begun failed for a reason that passes by itself.
            is_anew: whether another attempt has another etag.
        """
        for attempt in range(1, ATTEMPTS + 1):
            request = make()
            try:
                answer = self._send_once(request)
                if kind is not None:
                    self.await_end(kind, answer)
            except GoogleError as error:
                if error.is_absence and request.method.verb == "delete":
                    return {}
                is_made = error.code == "ALREADY_EXISTS" and attempt > 1
                # With the same etag it would be refused again: somebody changed the resource after it was read.
                is_stale = error.code == "ABORTED" and "etag" in (request.body or {}) and not is_anew
                is_passing = is_made or self._passes(request, error) or (error.of_what_was_begun and passes())
                if attempt == ATTEMPTS or is_stale or not is_passing:
                    raise
                seconds = min(FIRST_WAIT_SECONDS << (attempt - 1), LONGEST_WAIT_SECONDS)
                self._say(f"    trying again in {seconds} s: {error.code}: {error.message}")
            else:
                return answer
            self.wait(seconds)
            if is_done is not None and (made := is_done()) is not None:
                return made
        raise AssertionError  # pragma: no cover

    def where_off(self) -> "GoogleClient":
        """This client, to which a disabled interface is an answer."""
        return GoogleClient(self._session, self._project, wait=self.wait, say=self._say, apis_may_be_off=True)

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
            found += page.get(method.list_field(), [])
            if not page.get("nextPageToken"):
                return found
            query["pageToken"] = page["nextPageToken"]

    def await_end(self, kind: Kind, operation: Resource) -> None:
        """Wait for what a request has begun.

        Args:
            kind: what it is about.
            operation: the answer to the request; a resource, where that was looked up after all, has come to its end.
        """
        for _ in range(_LOOKS_AT_OPERATION):
            if "error" in operation:
                raise GoogleError.of_operation(operation["name"], operation["error"])
            if operation.get("done") or "/operations/" not in operation.get("name", ""):
                return
            self.wait(FIRST_WAIT_SECONDS)
            operation = self.send(kind.operation(operation["name"]))
        raise GoogleError.of_operation(operation["name"], {"code": 4, "message": "It is not over in ten minutes."})

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
        return self.apis_may_be_off and request.method.api not in self.on

    def _passes(self, request: Request, error: GoogleError) -> bool:
        if error.api_is_off:
            return not self._may_be_off(request)
        # What a new resource, or a policy, names may not be seen everywhere yet, though it is there.
        is_unseen = {"create": "NOT_FOUND", "setIamPolicy": "INVALID_ARGUMENT"}.get(request.method.verb) == error.code
        # Nor may the services be seen yet that this run lets use a key. https://cloud.google.com/iam/docs/access-change-propagation
        waits_for_key = self._has_shared_a_key and error.code in _REFUSED and "/cryptoKeys/" in str(request.body)
        return error.passes or is_unseen or waits_for_key

    def _send_once(self, request: Request) -> Resource:
        name = f"{request.method.id} {request.target}"
        api = request.method.api
        address = f"{endpoint_of(api)}/{request.path}"
        try:
            if request.query.get("uploadType") == "resumable":
                answer = self._send_in_parts(address, request)
            else:
                answer = self._session.request(  # type: ignore[no-untyped-call]
                    request.method.http_method,
                    address,
                    params=dict(request.query),
                    json=request.body,
                    data=request.content,
                    headers={"X-Goog-User-Project": self._project} if api in _ON_THE_PROJECTS_QUOTA else None,
                    timeout=_CALL_SECONDS,
                )
            document = answer.json() if answer.content else {}
        except requests.exceptions.JSONDecodeError:
            document = answer.text
        except RefreshError as error:
            message = str(error.args[0] if error.args else error)
            raise self._unknown(GoogleError(request=name, status=0, code="UNAUTHENTICATED", message=message)) from None
        except (requests.exceptions.RequestException, TransportError) as error:
            raise GoogleError.of_connection(name, error) from None
        if not answer.ok or not isinstance(document, dict):
            raise self._unknown(GoogleError.of_answer(name, answer.status_code, document))
        self._has_shared_a_key |= api == "cloudkms" and request.method.verb == "setIamPolicy"
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
        """An error, with what to do if it is that Google does not know who asks."""
        used = getattr(self._session, "credentials", None)
        if error.code == "UNAUTHENTICATED" and used is not None:
            error.advice = renewal(used)
        return error


def _key(request: Request) -> str:
    return f"{request.method.id} {request.path} {sorted(request.query.items())} {request.body}"


def endpoint_of(api: str) -> str:
    """Where an interface is: where gcloud looks for it, too.
    https://cloud.google.com/sdk/docs/properties#setting_properties_using_environment_variables"""
    overridden = os.environ.get(f"CLOUDSDK_API_ENDPOINT_OVERRIDES_{api.upper()}")
    return (overridden or f"https://{api}.googleapis.com").rstrip("/")
