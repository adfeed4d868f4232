"""Reads and writes the few documents that a deployment needs, over Firestore's REST interface: gcloud has no command
for them.

    firestore_documents.py PROJECT DATABASE add-test-user USER ADDRESS     prints the id of the delivery that is due
    firestore_documents.py PROJECT DATABASE delete-test-user USER
    firestore_documents.py PROJECT DATABASE await-delivery DELIVERY SECONDS
    firestore_documents.py PROJECT DATABASE delete-collections COLLECTION...

An access token is read from standard input, so that no list of processes shows it. Collections are those at the top:
`gcloud firestore bulk-delete` would take every collection of that name anywhere in the database, the team's own, too.
"""

import sys
import time
import urllib.parse
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from deployment.google_api import GoogleApi, Resource

FINAL_STATES = {"sent", "skipped", "dead"}
_FIRST_WAIT_SECONDS = 0.25
_LONGEST_WAIT_SECONDS = 4.0
_PAGE = 300
"""The most documents that Firestore lists at once."""

_SUBSCRIPTION = "smoke-test"


class Documents:
    """The documents of one database.

    Args:
        api: Firestore's.
        project: the Google Cloud project's id.
        database: the database's id.
    """

    def __init__(self, api: GoogleApi, project: str, database: str) -> None:
        self._api = api
        self._root = f"projects/{project}/databases/{database}/documents"

    def call(self, method: str, path: str, body: Resource | None = None) -> Resource:
        """Make one request, of a path below the database's documents.

        Raises:
            urllib.error.URLError: it failed.
        """
        return self._api.call(method, f"v1/{self._root}{path}", body)

    def commit(self, writes: list[Resource]) -> None:
        """Make several writes, all of them or none.

        Raises:
            urllib.error.URLError: it failed.
        """
        self.call("POST", ":commit", {"writes": writes})

    def add_test_user(self, user: str, address: str) -> None:
        """Write a user with one subscription, as applications do: the next run schedules it. Its report is due since
        the last full hour, and SendGrid checks its mails and keeps them."""
        due_at = datetime.now(timezone.utc).replace(minute=0, second=0, microsecond=0)  # noqa: UP017  Python 3.10
        fields = {
            "active": {"booleanValue": True},
            "email": _string(address),
            "name": _string("Smoke test"),
            "enrolled_at": {"nullValue": None},
        }
        subscription = {
            "active": {"booleanValue": True},
            "kind": _string("activity"),
            "cadence": _string("hourly"),
            "sandbox": {"booleanValue": True},
            "shard": {"nullValue": None},
            "next_report_at": {"timestampValue": f"{due_at:%Y-%m-%dT%H:%M:%SZ}"},
        }
        path, subscription_path = self._paths_of_test_user(user)
        self.commit(
            [
                {"update": {"name": path, "fields": fields}},
                {"update": {"name": subscription_path, "fields": subscription}},
            ]
        )
        print(f"{user}:{_SUBSCRIPTION}:{due_at:%Y%m%dT%H%MZ}")

    def delete_test_user(self, user: str) -> None:
        """Delete what `add_test_user` wrote."""
        self.commit([{"delete": path} for path in self._paths_of_test_user(user)])

    def _paths_of_test_user(self, user: str) -> tuple[str, str]:
        path = f"{self._root}/users/{user}"
        return path, f"{path}/report_subscriptions/{_SUBSCRIPTION}"

    def await_delivery(self, delivery: str, seconds: float) -> None:
        """Wait until a delivery is final.

        Raises:
            SystemExit: its final state is not `sent`, or it is not final in time.
        """
        state = "not dispatched"
        until = time.monotonic() + seconds
        wait = _FIRST_WAIT_SECONDS
        while time.monotonic() < until:
            found = self._api.read_if_there(f"v1/{self._root}/deliveries/{urllib.parse.quote(delivery)}")
            fields = found["fields"] if found else {}
            if fields:
                state = fields["state"]["stringValue"]
            if state == "sent":
                return
            if state in FINAL_STATES:
                break
            time.sleep(wait)
            wait = min(wait * 2, _LONGEST_WAIT_SECONDS)
        reason = fields.get("last_error", {}).get("stringValue", "") if state in FINAL_STATES else ""
        sys.exit(f"the delivery {delivery} is {state}{f': {reason}' if reason else ''}")

    def delete_collection(self, collection: str) -> None:
        """Delete every document of a collection at the top."""
        for names in self._pages(collection):
            self.call("POST", ":batchWrite", {"writes": [{"delete": name} for name in names]})

    def _pages(self, collection: str) -> Iterator[list[str]]:
        while page := self.call("GET", f"/{collection}?pageSize={_PAGE}&mask.fieldPaths=__name__").get("documents"):
            yield [document["name"] for document in page]


def _string(text: str) -> dict[str, str]:
    return {"stringValue": text}


def main(project: str, database: str, command: str, *arguments: str) -> None:
    """Carry out one command."""
    api = GoogleApi("firestore", "Firestore", sys.stdin.readline())
    documents = Documents(api, project, database)
    with api.exit_on_failure():
        if command == "add-test-user":
            documents.add_test_user(*arguments)
        elif command == "await-delivery":
            documents.await_delivery(arguments[0], float(arguments[1]))
        elif command == "delete-test-user":
            documents.delete_test_user(*arguments)
        else:
            for collection in arguments:
                documents.delete_collection(collection)


if __name__ == "__main__":
    main(*sys.argv[1:])
