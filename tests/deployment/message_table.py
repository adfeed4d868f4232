"""Makes `monitoring_messages.json`, which tells the stand-in for Google the fields and enums of what the deployment
sends to Cloud Monitoring and Cloud Logging, from the message classes of a real gcloud.

    python tests/deployment/message_table.py

Needs gcloud on the PATH. Run it when a file of the deployment has a message that none had before, or for a newer one.
Of each message that the deployment's files have, the table has all fields, so that one that is misspelt is known as
such; the fields of other messages are left out.
"""

import importlib
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

TABLE = Path(__file__).with_name("monitoring_messages.json")
DEPLOYMENT = Path(__file__).parents[2] / "deployment"

ROOTS = {
    "AlertPolicy": "monitoring.v3.monitoring_v3_messages",
    "Service": "monitoring.v3.monitoring_v3_messages",
    "ServiceLevelObjective": "monitoring.v3.monitoring_v3_messages",
    "Dashboard": "monitoring.v1.monitoring_v1_messages",
    "LogMetric": "logging.v2.logging_v2_messages",
}
"""The messages that are sent, and the modules of gcloud that have them."""

_SCALARS = {
    "StringField": "string",
    "BytesField": "string",
    "IntegerField": "integer",
    "FloatField": "number",
    "BooleanField": "boolean",
}


def keys_of(document: Any) -> Iterator[str]:
    """The keys of a document's objects, however deep."""
    if isinstance(document, dict):
        yield from document
    for inner in document.values() if isinstance(document, dict) else document if isinstance(document, list) else ():
        yield from keys_of(inner)


def used_keys() -> set[str]:
    """The keys that the deployment's files have, and what render.py makes."""
    files = [
        *(DEPLOYMENT / "alert_policies").glob("*.json"),
        *(DEPLOYMENT / "metrics").glob("*.json"),
        *(DEPLOYMENT / name for name in ("dashboard.json", "objective.json")),
    ]
    return {key for file in files for key in keys_of(json.loads(file.read_text(encoding="utf-8")))}


class Messages:
    """The messages that can be reached from a root by the keys that are used.

    Args:
        used: the keys.
    """

    def __init__(self, used: set[str]) -> None:
        self._used = used
        self.found: dict[str, Any] = {}

    def add(self, message: Any) -> str:
        """Add a message, and return its name."""
        name: str = message.__name__
        if name not in self.found:
            fields = self.found[name] = {}
            for field in sorted(message.all_fields(), key=lambda field: str(field.name)):
                kind = self._kind(field)
                fields[field.name] = {"list": kind} if field.repeated else kind
        return name

    def _kind(self, field: Any) -> Any:
        kind = type(field).__name__
        if kind == "EnumField":
            return sorted(field.type.names())
        if kind != "MessageField":
            return _SCALARS[kind]
        if "additionalProperties" in [each.name for each in field.type.all_fields()]:
            return {"map": "string"}
        return self.add(field.type) if field.name in self._used else {"message": field.type.__name__}


def main() -> None:
    """Write the table."""
    gcloud = shutil.which("gcloud")
    assert gcloud, "gcloud is not on the PATH"
    root = Path(gcloud).resolve().parents[1]
    sys.path[:0] = [str(root / "lib"), str(root / "lib" / "third_party")]
    version = (root / "VERSION").read_text(encoding="utf-8").strip()
    lines = [f'  "version": {json.dumps(version)}']
    for name, module in ROOTS.items():
        messages = Messages(used_keys())
        messages.add(getattr(importlib.import_module(f"googlecloudsdk.generated_clients.apis.{module}"), name))
        inner = [f"    {json.dumps(each)}: {json.dumps(fields)}" for each, fields in sorted(messages.found.items())]
        lines.append(f"  {json.dumps(name)}: {{\n" + ",\n".join(inner) + "\n  }")
    TABLE.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
