"""Gives a field the indexes of firestore.indexes.json, and no others, over Firestore's REST interface: gcloud makes a
field's indexes for one collection only, and not for a collection group.

    firestore_field.py PROJECT DATABASE COLLECTION FIELD INDEXES

INDEXES is JSON, as the file has it. An access token is read from standard input, so that no list of processes shows it.
https://firebase.google.com/docs/firestore/reference/rest/v1/projects.databases.collectionGroups.fields/patch
"""

import json
import sys
import urllib.parse
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from deployment.google_api import GoogleApi, Resource


def request_for(project: str, database: str, collection: str, field: str, indexes: str) -> tuple[str, Resource]:
    """The path and the body of the request."""
    name = f"projects/{project}/databases/{database}/collectionGroups/{collection}/fields/{field}"
    wanted = [
        {
            "queryScope": index.get("queryScope", "COLLECTION"),
            "fields": [{"fieldPath": field, **{key: index[key] for key in ("order", "arrayConfig") if key in index}}],
        }
        for index in json.loads(indexes)
    ]
    path = f"v1/{urllib.parse.quote(name, safe='/()')}?updateMask=indexConfig"
    return path, {"name": name, "indexConfig": {"indexes": wanted}}


def main(*arguments: str) -> None:
    """Make the request."""
    path, body = request_for(*arguments)
    api = GoogleApi("firestore", "Firestore", sys.stdin.readline())
    with api.exit_on_failure():
        api.call("PATCH", path, body)


if __name__ == "__main__":
    main(*sys.argv[1:])
