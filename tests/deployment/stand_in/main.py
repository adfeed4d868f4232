"""Takes a command line, carries it out on the state that STAND_IN_STATE names, and keeps a log."""

import json
import os
import sys
import time
from typing import Any

from tests.deployment.stand_in.arguments import CommandLine, Refused
from tests.deployment.stand_in.output import render
from tests.deployment.stand_in.services import Cloud
from tests.deployment.stand_in.state import locked


def fault_for(state: dict[str, Any], command: str, when: str) -> str | None:
    """The text of a failure that was asked for, if it is this command's turn."""
    for fault in state["faults"]:
        if fault["when"] == when and fault["times"] > 0 and command.startswith(fault["command"]):
            fault["times"] -= 1
            return str(fault["text"])
    return None


def _fail_if_asked_for(state: dict[str, Any], line: CommandLine, when: str) -> None:
    if text := fault_for(state, line.command, when):
        raise Refused(f"ERROR: (gcloud.{line.command.replace(' ', '.')}) {text}")


def carry_out(words: list[str]) -> int:
    """Returns the exit status."""
    if words[-1:] == ["--help"]:
        return 0
    path = os.environ["STAND_IN_STATE"]
    with open(f"{path}.log", "a", encoding="utf-8") as log:
        log.write(json.dumps(words) + "\n")
    try:
        line = CommandLine(words)
        if line.command == os.environ.get("STAND_IN_HANGS"):
            time.sleep(3600)
        with locked(path) as state:
            for when in ("before", "after"):
                if when == "after":
                    result = Cloud(state, line).run()
                _fail_if_asked_for(state, line, when)
    except Refused as refusal:
        sys.stderr.write(f"{refusal}\n")
        return refusal.status
    if isinstance(result, bytes):
        sys.stdout.buffer.write(result)
    else:
        sys.stdout.write(render(result, line.flags))
    return 0
