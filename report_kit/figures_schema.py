"""The JSON Schema of what a kind gives programs by its figures."""

import json
from collections.abc import Mapping
from typing import Any

from report_kit.kind_folders import folder_of
from report_kit.sql.figures import schema
from report_kit.sql.report_file import FILE, read_report_file

SCHEMA_FILE = "schema.json"


def figures_schema(kind: str) -> Mapping[str, Any] | None:
    """The kind's `schema.json`, or that of its report.yaml; None where it has neither.

    Args:
        kind: which.

    Raises:
        PermanentError: there is a mistake in the report.yaml.
        ValueError: the file is no JSON.
    """
    folder = folder_of(kind)
    if (file := folder / SCHEMA_FILE).exists():
        found: Mapping[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return found
    return schema(read_report_file(folder)) if (folder / FILE).exists() else None
