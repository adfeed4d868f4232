"""Every filter of logs that a document or an alert has people read by is one that Cloud Logging takes."""

import json
import re
import shlex
from pathlib import Path

import pytest

from tests.deployment.conftest import REPOSITORY
from tests.deployment.stand_in.logging_filter import check_logging_filter

DOCUMENTS = [
    *(path for pattern in ("*.md", "docs/**/*.md") for path in REPOSITORY.glob(pattern) if path.name != "CHANGELOG.md"),
    *(REPOSITORY / "deployment" / "alert_policies").glob("*.json"),
]
_READING = re.compile(r"gcloud logging read ('[^'\n]+'|\"[^\"\n]+\")")


def filters(document: Path) -> list[str]:
    """The filters in the commands of a document."""
    text = document.read_text(encoding="utf-8")
    if document.suffix == ".json":
        text = json.loads(text)["documentation"]["content"]
    quoted = [shlex.split(each)[0] for each in _READING.findall(text)]
    return [each for each in quoted if each != "FILTER"]


READING = [document for document in DOCUMENTS if filters(document)]


def test_documents_have_filters() -> None:
    assert {"runbooks.md", "recovery.md"} <= {document.name for document in READING}


@pytest.mark.parametrize("document", READING, ids=lambda path: path.name)
def test_cloud_logging_takes_each_filter(document: Path) -> None:
    for each in filters(document):
        check_logging_filter(each)
