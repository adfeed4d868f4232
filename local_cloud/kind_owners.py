"""Who owns the kinds of report, as the DLQ handler is told: from the files `needs.yaml` in the kinds' folders."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml


def owner_variables(repository: Path, outside: Mapping[str, str]) -> dict[str, str]:
    """The variables by which the DLQ handler tells owners.

    An owner who cannot be told here is left out: one with an address without OWNER_MAIL_URL, and one with a secret that
    has neither a value nor a local one.

    Args:
        repository: the folder that holds `functions/`.
        outside: the variables that the local cloud was started with.
    """
    owners: dict[str, str] = {}
    values: dict[str, str] = {}
    for file in sorted(repository.glob("functions/worker/reports/*/needs.yaml")):
        needs = _read(file)
        owner = needs.get("owner")
        if not isinstance(owner, str):
            continue
        if "@" in owner:
            value = outside.get("OWNER_MAIL_URL")
        elif value := outside.get(owner) or _local_value(needs, owner):
            values[owner] = value
        if value:
            owners[file.parent.name] = owner
    return {"KIND_OWNERS": json.dumps(owners), **values} if owners else {}


def _read(file: Path) -> Mapping[str, Any]:
    """The file's content; nothing where it is malformed, since the worker does not start then, and says why."""
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError):
        return {}
    return content if isinstance(content, dict) else {}


def _local_value(needs: Mapping[str, Any], secret: str) -> str:
    secrets = needs.get("secrets")
    declared = secrets.get(secret) if isinstance(secrets, dict) else None
    return str(declared.get("local") or "") if isinstance(declared, dict) else ""
