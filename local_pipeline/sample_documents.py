"""Reads what sample users have beside the local cloud's own sample data."""

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from local_cloud.errors import LocalCloudError

Documents = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""The fields of documents, by the documents' ids, by the names of collections below a user."""


def read_documents(file: Path) -> Documents:
    """The documents of a JSON file. A time in it is `{"time": "2026-11-24T13:00:00+00:00"}`.

    Raises:
        LocalCloudError: it cannot be read. The text names the file.
    """
    try:
        found: Documents = json.loads(file.read_text(encoding="utf-8"), object_hook=_value)
    except (OSError, ValueError) as error:
        raise LocalCloudError(f"{file} cannot be read: {error}.") from error
    return found


def _value(read: dict[str, Any]) -> Any:
    return datetime.fromisoformat(read["time"]) if read.keys() == {"time"} else read
