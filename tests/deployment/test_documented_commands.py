"""Every command of gcloud that a document or an alert has people run is one that gcloud takes.

A command that the table lacks comes into it by `flag_table.py`.
"""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deployment.conftest import REPOSITORY
from tests.deployment.stand_in.arguments import CommandLine, Refused
from tests.deployment.stand_in.logging_filter import check_logging_filter

DOCUMENTS = [
    *(path for pattern in ("*.md", "docs/**/*.md") for path in REPOSITORY.glob(pattern) if path.name != "CHANGELOG.md"),
    *(REPOSITORY / "deployment" / "alert_policies").glob("*.json"),
]

_FENCE = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")
_ONLY_NAMED = re.compile(r"Must be specified\.|expected one argument|\(gcloud\) Invalid choice")
"""What the stand-in says of a command that a text only speaks of: it lacks its arguments, or is of no use here."""


def lines(document: Path) -> Iterator[tuple[str, bool]]:
    """The lines of code of a document, and whether people are to run each."""
    text = document.read_text(encoding="utf-8")
    if document.suffix == ".json":
        text = json.loads(text)["documentation"]["content"]
    for fence in _FENCE.findall(text):
        yield from ((line, True) for line in re.sub(r"\\\n\s*", " ", fence).splitlines()[1:-1])
    is_to_be_run = document.suffix == ".json" or document.name == "runbooks.md"
    yield from ((line, is_to_be_run) for line in _CODE.findall(_FENCE.sub("", text)))


def gcloud_commands(line: str) -> Iterator[list[str]]:
    """The words of each call of gcloud in a line."""
    words: list[str] = []
    for word in [*shlex.split(line.replace("$(", "").replace(")`", "`"), comments=True), "&&"]:
        if word in {"&&", "||", "|", ";", ">"}:
            # A topic is a page of help.
            if words[:1] == ["gcloud"] and words[1:2] != ["topic"]:
                yield words[1:]
            words = []
        else:
            words.append(word)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_commands_of_gcloud_exist(document: Path) -> None:
    refused = []
    for line, is_to_be_run in lines(document):
        if "gcloud " not in line:
            continue
        for words in gcloud_commands(line):
            try:
                command = CommandLine([word for word in words if word not in {"…", "--help"}])
            except Refused as refusal:
                if is_to_be_run or not _ONLY_NAMED.search(str(refusal)):
                    refused.append(f"{' '.join(words)}: {refusal}")
                continue
            if command.command == "logging read" and command.positionals != ["FILTER"]:
                check_logging_filter(command.positionals[0])
    assert refused == []
