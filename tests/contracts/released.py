"""What the released version writes: examples of each message and document, in the folder `released`.

Each file names the version that wrote it. CONTRIBUTING.md says when one is added or removed ("Changing a contract").
"""

import base64
import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

RELEASED = Path(__file__).with_name("released")


def examples(name: str) -> dict[str, Any]:
    """The examples of a file, by their names. Firestore's timestamps and bytes, which JSON does not have, stand there
    as `{"timestamp": "2026-11-24T13:00:00Z"}` and `{"bytes": "..."}`, in base64."""
    content = json.loads((RELEASED / f"{name}.json").read_text(encoding="utf-8"), object_hook=_value)
    found: dict[str, Any] = content["examples"]
    return found


def differences(released: Any, written: Any, path: str = "") -> list[str]:
    """What the released version would miss in what is written now, or read in another way. What is new it ignores.

    Args:
        released: as the released version has written it.
        written: as it is written now.
        path: where they are.
    """
    if isinstance(released, dict) and isinstance(written, Mapping):
        missing = [f"{path}{name}: missing" for name in released if name not in written]
        common = [name for name in released if name in written]
        return missing + [
            each for name in common for each in differences(released[name], written[name], f"{path}{name}.")
        ]
    if isinstance(released, list) and isinstance(written, list) and len(released) == len(written):
        pairs = enumerate(zip(released, written, strict=True))
        return [each for index, pair in pairs for each in differences(*pair, f"{path}{index}.")]
    # A word of an enum is a text; true is no number.
    # Firestore alone reads it, to delete the document.
    is_any_moment = path.endswith("expire_at.") and isinstance(released, datetime)
    has_type = isinstance(written, type(released)) and isinstance(written, bool) is isinstance(released, bool)
    return (
        []
        if has_type and (is_any_moment or released == written)
        else [f"{path.rstrip('.')}: {written!r}, not {released!r}"]
    )


def _value(found: dict[str, Any]) -> Any:
    match found:
        case {"timestamp": str(text)} if len(found) == 1:
            return datetime.fromisoformat(text)
        case {"bytes": str(text)} if len(found) == 1:
            return base64.b64decode(text)
        case _:
            return found
