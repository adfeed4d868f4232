"""The export that docs/guides/from-trigger-email.md shows, carried out."""

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from operations.kinds.trigger_email import converted
from tests.operations.integration.conftest import Project
from tests.support import REPOSITORY

_PAGE = REPOSITORY / "docs/guides/from-trigger-email.md"
_COLLECTIONS = {"templates": "email_templates", "mail": "mail"}


def test_the_export_of_the_page_is_what_a_kind_is_made_of(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    example = REPOSITORY / "examples/trigger-email.json"
    documents = json.loads(example.read_text(encoding="utf-8"))
    for part, collection in _COLLECTIONS.items():
        for name, fields in documents[part].items():
            project.database.collection(collection).document(name).set(fields)
    for name, value in project.variables.items():
        monkeypatch.setenv(name, value)
    shown = _PAGE.read_text(encoding="utf-8").partition("<<'PYTHON'\n")[2].partition("    PYTHON\n")[0]
    subprocess.run([sys.executable, "-"], input=textwrap.dedent(shown), text=True, cwd=tmp_path, check=True)
    export = tmp_path / "trigger-email.json"
    assert json.loads(export.read_text(encoding="utf-8")) == documents
    assert converted(export, "following") == converted(example, "following")
