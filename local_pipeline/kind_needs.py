"""What kinds of report declare in `needs.yaml` and `report.yaml`, as far as the local cloud passes it on."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from functions.shared.audiences import queries_of_recipients


def owner_variables(project: Path, outside: Mapping[str, str]) -> dict[str, str]:
    """The variables by which the DLQ handler tells owners.

    An owner who cannot be told here is left out: one with an address without OWNER_MAIL_URL, and one with a secret that
    has neither a value nor a local one.

    Args:
        project: the folder that holds `kinds/`.
        outside: the variables that the local cloud was started with.
    """
    owners: dict[str, str] = {}
    values: dict[str, str] = {}
    for kind, needs in _all_needs(project):
        owner = needs.get("owner")
        if not isinstance(owner, str):
            continue
        if "@" in owner:
            value = outside.get("OWNER_MAIL_URL")
        elif value := outside.get(owner) or _local_value(needs, owner):
            values[owner] = value
        if value:
            owners[kind] = owner
    return {"KIND_OWNERS": json.dumps(owners), **values} if owners else {}


def audience_variables(project: Path) -> dict[str, str]:
    """The variable by which the dispatcher knows the queries that name recipients.

    Args:
        project: the folder that holds `kinds/`.
    """
    found = queries_of_recipients(project / "kinds")
    return {"AUDIENCES": ",".join(found)} if found else {}


def given_variables(project: Path, outside: Mapping[str, str]) -> dict[str, str]:
    """The settings and secrets of kinds that are set, so that commands read what the worker has read.

    Args:
        project: the folder that holds `kinds/`.
        outside: the variables that the local cloud was started with.
    """
    declared = {
        name
        for _kind, needs in _all_needs(project)
        for part in ("settings", "secrets")
        if isinstance(needs.get(part), dict)
        for name in needs[part]
    }
    return {name: outside[name] for name in sorted(declared & outside.keys()) if outside[name]}


def _all_needs(project: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for file in sorted(project.glob("kinds/*/needs.yaml")):
        yield file.parent.name, _read(file)


def _read(file: Path) -> Mapping[str, Any]:
    """The file's content; nothing where it is malformed, since the worker does not start then, and says why."""
    try:
        # Values as they are written, as the worker takes them: 010 is no number, and 2026-13-01 no wrong day.
        content = yaml.load(file.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)  # noqa: S506  makes texts, lists and maps alone
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _local_value(needs: Mapping[str, Any], secret: str) -> str:
    secrets = needs.get("secrets")
    declared = secrets.get(secret) if isinstance(secrets, dict) else None
    return str(declared.get("local") or "") if isinstance(declared, dict) else ""
