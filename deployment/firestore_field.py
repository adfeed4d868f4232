"""Gives a field the indexes of firestore.indexes.json, and no others, over Firestore's REST interface: gcloud makes a
field's indexes for one collection only, and not for a collection group.

    firestore_field.py PROJECT DATABASE COLLECTION FIELD INDEXES

INDEXES is JSON, as the file has it. An access token is read from standard input, so that no list of processes shows it.
https://firebase.google.com/docs/firestore/reference/rest/v1/projects.databases.collectionGroups.fields/patch
"""

import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

ENDPOINT = os.environ.get("CLOUDSDK_API_ENDPOINT_OVERRIDES_FIRESTORE") or "https://firestore.googleapis.com/"
"""As gcloud has it: https://cloud.google.com/sdk/docs/properties#setting_properties_using_environment_variables"""

_CALL_SECONDS = 30.0


def request_for(project: str, database: str, collection: str, field: str, indexes: str) -> tuple[str, dict[str, Any]]:
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
    request = urllib.request.Request(  # noqa: S310  https, or what stands in for Google
        f"{ENDPOINT.rstrip('/')}/{path}",
        method="PATCH",
        data=json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {sys.stdin.readline().strip()}", "Content-Type": "application/json"},
    )
    try:
        urllib.request.urlopen(request, timeout=_CALL_SECONDS).close()  # noqa: S310
    except urllib.error.HTTPError as error:
        sys.exit(f"ERROR: Firestore answered {error.code}: {error.read().decode(errors='replace')[:500]}")
    except urllib.error.URLError as error:
        sys.exit(f"ERROR: Firestore cannot be reached: {error.reason}")


if __name__ == "__main__":
    main(*sys.argv[1:])
