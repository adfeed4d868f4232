"""A bucket of Cloud Storage, by its JSON API: it writes, reads, lists and deletes objects.

Google's client library would bring 1.5 MB and five more packages for four requests.
https://cloud.google.com/storage/docs/json_api/v1/objects
"""

import functools
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

import google.auth
import requests
from google.api_core import exceptions
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import AuthorizedSession

from functions.shared.firestore.retry import CALL_SECONDS, repeated

_SCOPE = "https://www.googleapis.com/auth/devstorage.read_write"
_ORIGIN = "https://storage.googleapis.com"
_PAGE = 1_000


class StorageBucket:
    """A bucket. Safe for threads; the session is made with the first call.

    Every method raises google.api_core.exceptions.GoogleAPICallError when Cloud Storage refuses, fails or does not
    answer. A call that fails in passing is made again until its time is over.

    Args:
        name: the bucket's.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def write(
        self,
        name: str,
        content: bytes,
        *,
        content_type: str,
        content_encoding: str | None = None,
        custom_time: datetime | None = None,
        metadata: Mapping[str, str] | None = None,
        if_generation_match: int | None = None,
        seconds: float = CALL_SECONDS,
    ) -> int:
        """Write an object as a whole.

        Args:
            name: the object's, of at most 1,024 bytes.
            content: its bytes.
            content_type: its media type.
            content_encoding: `gzip` where the bytes are packed.
            custom_time: what lifecycle rules can count from, in UTC.
            metadata: texts of the writer's own.
            if_generation_match: write only in place of this generation; 0: only where there is no such object.
            seconds: how long it may take, with all repetitions.

        Returns:
            the generation.

        Raises:
            google.api_core.exceptions.PreconditionFailed: there is another generation. It may be this call's own,
                whose answer was lost.
        """
        resource = {
            "name": name,
            "contentType": content_type,
            "contentEncoding": content_encoding,
            "customTime": custom_time.isoformat() if custom_time else None,
            "metadata": metadata or None,
        }
        given = {key: value for key, value in resource.items() if value is not None}
        query = "" if if_generation_match is None else f"&ifGenerationMatch={if_generation_match}"
        boundary = secrets.token_hex(16)
        answer = self._call(
            "POST",
            f"/upload/storage/v1/b/{self.name}/o?uploadType=multipart{query}",
            seconds,
            data=_multipart(given, content, content_type, boundary),
            headers={"Content-Type": f"multipart/related; boundary={boundary}"},
        )
        return int(answer.json()["generation"])

    def read(self, name: str, *, seconds: float = CALL_SECONDS) -> bytes | None:
        """The bytes of an object, unpacked; None where there is no such object."""
        try:
            return self._call("GET", f"{self._object(name)}?alt=media", seconds).content
        except exceptions.NotFound:
            return None

    def delete(self, name: str, *, seconds: float = CALL_SECONDS) -> bool:
        """Delete an object.

        Returns:
            Whether there was one.
        """
        try:
            self._call("DELETE", self._object(name), seconds)
        except exceptions.NotFound:
            return False
        return True

    def names(self, prefix: str, *, seconds: float = CALL_SECONDS) -> Iterator[str]:
        """The names of the objects that begin with a text, in their order.

        Args:
            prefix: what they begin with.
            seconds: how long a page of a thousand may take.
        """
        path, token = f"/storage/v1/b/{self.name}/o", ""
        while True:
            query = f"?prefix={quote(prefix, safe='')}&maxResults={_PAGE}&fields=items(name),nextPageToken"
            page = self._call("GET", f"{path}{query}{token}", seconds).json()
            yield from (item["name"] for item in page.get("items", ()))
            if "nextPageToken" not in page:
                return
            token = f"&pageToken={quote(page['nextPageToken'], safe='')}"

    def _object(self, name: str) -> str:
        return f"/storage/v1/b/{self.name}/o/{quote(name, safe='')}"

    def _call(self, method: str, path: str, seconds: float, **arguments: Any) -> requests.Response:
        def once(within: float) -> requests.Response:
            try:
                # Where no time is left between two calls it is zero, which requests refuses.
                answer = _session().request(method, f"{_origin()}{path}", timeout=max(within, 0.001), **arguments)
            except (requests.RequestException, GoogleAuthError) as error:
                raise exceptions.ServiceUnavailable(str(error)) from error  # type: ignore[no-untyped-call]  # google-api-core
            if not answer.ok:
                raise exceptions.from_http_response(answer)  # type: ignore[no-untyped-call]  # google-api-core
            return answer

        return repeated(once, seconds)


def _multipart(resource: Mapping[str, Any], content: bytes, content_type: str, boundary: str) -> bytes:
    """https://cloud.google.com/storage/docs/uploading-objects#uploading-an-object"""
    head = f"--{boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n{json.dumps(resource)}\r\n"
    return (
        f"{head}--{boundary}\r\nContent-Type: {content_type}\r\n\r\n".encode()
        + content
        + f"\r\n--{boundary}--".encode()
    )


def _origin() -> str:
    """Google's own clients find an emulator by the same variable."""
    return os.environ.get("STORAGE_EMULATOR_HOST") or _ORIGIN


@functools.cache
def _session() -> requests.Session:
    if os.environ.get("STORAGE_EMULATOR_HOST"):
        session = requests.Session()
        # A proxy of the environment is not for this machine.
        session.trust_env = False
        return session
    credentials, _ = google.auth.default(scopes=[_SCOPE])
    return AuthorizedSession(credentials)  # type: ignore[no-untyped-call]
