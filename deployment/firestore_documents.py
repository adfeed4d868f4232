"""Reads and writes the few documents that a deployment needs.

Collections are those at the top: a bulk deletion of Firestore's would take every collection of that name anywhere in
the database, the team's own, too.
"""

import time
from collections.abc import Callable
from datetime import datetime

from deployment.engine.discovery import Resource, method
from deployment.engine.google_client import GoogleClient

FINAL_STATES = {"sent", "skipped", "dead"}
_FIRST_WAIT_SECONDS = 0.25
_LONGEST_WAIT_SECONDS = 4.0
_PAGE = 300
"""The most documents that Firestore lists at once."""

_SUBSCRIPTION = "smoke-test"


class Documents:
    def __init__(self, client: GoogleClient, database: str, wait: Callable[[float], None]) -> None:
        self._client = client
        self._wait = wait
        self._database = database
        self._root = f"{database}/documents"

    def _write(self, verb: str, writes: list[Resource]) -> None:
        """Make several writes: by `commit` all of them or none, by `batchWrite` each for itself."""
        asked = method("firestore", "v1", f"projects.databases.documents.{verb}")
        self._client.send(asked.request(self._database, {"writes": writes}))

    def add_test_user(self, user: str, address: str, kind: str, now: datetime) -> str:
        """Write a user with one subscription, as applications do: the next run schedules it. Its report is due since
        the last full hour, of this kind, and SendGrid checks its emails and keeps them. Returns the id of the
        delivery."""
        due_at = now.replace(minute=0, second=0, microsecond=0)
        fields = {
            "active": {"booleanValue": True},
            "email": _string(address),
            "name": _string("Smoke test"),
            "enrolled_at": {"nullValue": "NULL_VALUE"},
        }
        subscription = {
            "active": {"booleanValue": True},
            "kind": _string(kind),
            "cadence": _string("hourly"),
            "sandbox": {"booleanValue": True},
            "shard": {"nullValue": "NULL_VALUE"},
            "next_report_at": {"timestampValue": f"{due_at:%Y-%m-%dT%H:%M:%SZ}"},
        }
        path, subscription_path = self._paths_of_test_user(user)
        written = ((path, fields), (subscription_path, subscription))
        self._write("commit", [{"update": {"name": name, "fields": own}} for name, own in written])
        return f"{user}:{_SUBSCRIPTION}:{due_at:%Y%m%dT%H%MZ}"

    def delete_test_user(self, user: str) -> None:
        self._write("commit", [{"delete": path} for path in self._paths_of_test_user(user)])

    def _paths_of_test_user(self, user: str) -> tuple[str, str]:
        path = f"{self._root}/users/{user}"
        return path, f"{path}/report_subscriptions/{_SUBSCRIPTION}"

    def await_delivery(self, delivery: str, seconds: float) -> str:
        """Wait until a delivery is final. Returns why it is not `sent`, if it is not in time; otherwise nothing."""
        asked = method("firestore", "v1", "projects.databases.documents.get").request(
            f"{self._root}/deliveries/{delivery}"
        )
        state = "not dispatched"
        until = time.monotonic() + seconds
        wait = _FIRST_WAIT_SECONDS
        while time.monotonic() < until:
            found = self._client.read_if_there(asked)
            fields = found["fields"] if found else {}
            if fields:
                state = fields["state"]["stringValue"]
            if state == "sent":
                return ""
            if state in FINAL_STATES:
                break
            self._wait(wait)
            wait = min(wait * 2, _LONGEST_WAIT_SECONDS)
        reason = fields.get("last_error", {}).get("stringValue", "") if state in FINAL_STATES else ""
        return f"the delivery {delivery} is {state}{f': {reason}' if reason else ''}"

    def delete_collection(self, collection: str) -> None:
        query = {"collectionId": collection, "pageSize": str(_PAGE), "mask.fieldPaths": "__name__"}
        asked = method("firestore", "v1", "projects.databases.documents.listDocuments").request(self._root, query=query)
        while page := self._client.send(asked).get("documents"):
            self._write("batchWrite", [{"delete": document["name"]} for document in page])


def _string(text: str) -> dict[str, str]:
    return {"stringValue": text}
