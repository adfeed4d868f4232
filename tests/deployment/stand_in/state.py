"""What the services hold: a JSON file, so that each call of the stand-in finds what the calls before have left."""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def locked(path: str) -> Iterator[dict[str, Any]]:
    """The state in a file, written back in the end; calls that run side by side wait for each other."""
    with open(f"{path}.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with open(path, encoding="utf-8") as file:
            before = file.read()
        state = json.loads(before)
        try:
            yield state
        finally:
            after = json.dumps(state, indent=1, sort_keys=True)
            if after != before:
                with open(f"{path}.new", "w", encoding="utf-8") as file:
                    file.write(after)
                os.replace(f"{path}.new", path)
