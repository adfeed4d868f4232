"""Documents as a JSON file that can be compared, edited and committed.

For each database the documents by their paths, for each document its fields, for each field its value as Firestore's
REST API writes it (https://firebase.google.com/docs/firestore/reference/rest/v1/Value), which keeps every type:

    {
      "projects/my-project/databases/(default)": {
        "users/u1": {
          "active": {"booleanValue": true},
          "joined": {"timestampValue": "2026-11-24T13:00:00Z"}
        }
      }
    }

Everything is sorted, so that the same documents are the same file.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from google.protobuf import json_format

from local_cloud.errors import LocalCloudError
from local_cloud.firestore.messages import Document, Message


def write_documents(databases: Mapping[str, Iterable[Message]]) -> str:
    """The text of a file.

    Args:
        databases: the `Document` messages of each database, by its name, `projects/P/databases/D`.
    """
    content = {
        name: {
            document.name.removeprefix(f"{name}/documents/"): {
                field: json_format.MessageToDict(value) for field, value in document.fields.items()
            }
            for document in documents
        }
        for name, documents in databases.items()
    }
    return json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def read_documents(text: str) -> Iterator[tuple[str, list[Message]]]:
    """The databases of a file by name, and the `Document` messages of each.

    Raises:
        LocalCloudError: it is no such file. The text names the document.
    """
    try:
        content = json.loads(text)
    except ValueError as error:
        raise LocalCloudError(f"not JSON: {error}.") from error
    for database, documents in _items(content, "the file"):
        yield (
            database,
            [_document(f"{database}/documents/{path}", fields) for path, fields in _items(documents, database)],
        )


def _document(name: str, fields: Any) -> Message:
    document = Document(name=name)
    for field, value in _items(fields, name):
        try:
            json_format.ParseDict(value, document.fields[field])
        except (json_format.ParseError, AttributeError, TypeError) as error:
            raise LocalCloudError(f"{name}, field {field}: {error}.") from error
    return document


def _items(value: Any, what: str) -> Iterable[tuple[str, Any]]:
    if not isinstance(value, dict):
        raise LocalCloudError(f"{what}: not an object, but {json.dumps(value)[:40]}.")
    return value.items()
