"""Writes reports to a bucket of Cloud Storage: each once, since the manifest is written only where there is none.

https://cloud.google.com/storage/docs/request-preconditions
What the answers mean: https://cloud.google.com/storage/docs/json_api/v1/status-codes. 409 says that this write failed
because of a concurrent change to the same object, which another worker may have made, and that it can be made again.
412 says that the object is there, unless its reason is that an organization policy forbids the write.
"""

import contextlib
import json
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta

from google.api_core import exceptions

from functions.shared.records.deliver import Deliver
from functions.shared.records.stored_request import KeptRequest
from functions.shared.sanitize import error_text
from functions.shared.storage_bucket import StorageBucket
from functions.worker.destinations.gcs.objects import archived_as, manifest_name, objects
from functions.worker.destinations.outcome import Accepted, Outcome, Refused, Throttled, Unavailable, Unclear
from functions.worker.destinations.parcel import Parcel
from functions.worker.destinations.repeatable_sending import RepeatableSending

KEYS_HOLD = timedelta(days=90)
"""A manifest stays until somebody deletes it. A delivery is kept for this long."""


class Gcs(RepeatableSending):
    """Writes reports to a bucket. Safe for threads.

    Args:
        deliver: the bucket, and what the names of the objects begin with.
    """

    keys_hold = KEYS_HOLD
    same_bytes = False

    def __init__(self, deliver: Deliver) -> None:
        self._bucket = StorageBucket(deliver.bucket)
        self._prefix = deliver.prefix

    def requests(self, report: Parcel, /) -> Sequence[KeptRequest]:
        """The objects of a report, the manifest last."""
        return objects(report, self._prefix)

    def taken(self, delivery_id: str, *, seconds: float) -> Accepted | Unclear | None:
        """Look for the manifest. A worker that may not read it learns when it writes it whether it was there."""
        try:
            return self._manifest(manifest_name(self._prefix, delivery_id), seconds=seconds)
        except exceptions.Forbidden:
            return None
        except exceptions.GoogleAPIError as error:
            return Unclear(error=_told(error))

    def send_requests(self, requests: Mapping[str, KeptRequest], *, seconds: float) -> Outcome:
        """Write the objects, those that are there already left as they are.

        The manifest decides. What fails before it has delivered nothing, and where another build of the report has left
        one, that build is what was delivered.
        """
        over_at = time.monotonic() + seconds
        *files, manifest = requests.values()
        types = {each["name"]: each["type"] for each in json.loads(manifest.content)["files"]}
        for each in files:
            outcome = self._write(each, types[each.address], over_at)
            if outcome and not isinstance(outcome, Accepted):
                return Unavailable(outcome.error) if isinstance(outcome, Unclear) else outcome
        outcome = self._write(manifest, "application/json", over_at)
        if isinstance(outcome, Accepted):
            # The request of an earlier build may have arrived since this one was built.
            with contextlib.suppress(exceptions.GoogleAPIError):
                outcome = self._manifest(manifest.address, seconds=max(over_at - time.monotonic(), 0))
        return outcome or Accepted(manifest.address)

    def _manifest(self, name: str, *, seconds: float) -> Accepted | None:
        content = self._bucket.read(name, seconds=seconds)
        return None if content is None else Accepted(name, archived_as(content))

    def _write(
        self, each: KeptRequest, content_type: str, over_at: float
    ) -> Accepted | Refused | Throttled | Unavailable | Unclear | None:
        """Write an object. Accepted if there is one of its name already."""
        left = over_at - time.monotonic()
        if left <= 0:
            return Unavailable(error="Cloud Storage took too long")
        try:
            self._bucket.write(
                each.address, each.content, content_type=content_type, if_generation_match=0, seconds=left
            )
        except exceptions.PreconditionFailed as error:
            is_forbidden = any(each.get("reason") == "orgPolicyConstraintFailed" for each in error.errors)
            return Refused(error=_told(error)) if is_forbidden else Accepted(each.address)
        except exceptions.Conflict as error:
            return Unclear(error=_told(error))
        except exceptions.TooManyRequests as error:
            return Throttled(error=_told(error))
        except exceptions.ClientError as error:
            return Refused(error=_told(error))
        except exceptions.GoogleAPIError as error:
            return Unclear(error=_told(error))
        return None


def _told(error: exceptions.GoogleAPIError) -> str:
    return f"Cloud Storage: {error_text(error)}"
